#include "agent/seal/environment.h"

#include "agent/seal/seal.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* TracerPid stands in the first dozen lines of status, and a process name is
 * printed with its newlines escaped, so it cannot forge one. */
#define STATUS_MAX   4096
#define UID_MAP_MAX  12288 /* 340 lines, the kernel says no to more */
#define UID_OVERFLOW 65534 /* /proc/sys/kernel/overflowuid, the usual value */
#define UID_ALL      4294967295UL
#define TRACER_LINE  "\nTracerPid:\t"

static int read_text(const char *path, char *out, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t len;

	if (fd < 0)
		return -errno;

	len = fd_read_full(fd, out, size - 1);
	if (len < 0)
		return (int)len;

	out[len] = '\0';
	return 0;
}

int environment_tracer(pid_t *ret_tracer)
{
	char status[STATUS_MAX];
	uint64_t tracer;
	char *at;
	int rc;

	rc = read_text("/proc/self/status", status, sizeof(status));
	if (rc < 0)
		return rc;

	at = strstr(status, TRACER_LINE);
	if (!at)
		return -EBADMSG;

	at += sizeof(TRACER_LINE) - 1;
	at[strspn(at, "0123456789")] = '\0';
	rc = number_parse(at, INT_MAX, &tracer);
	if (rc < 0)
		return rc;

	*ret_tracer = (pid_t)tracer;
	return 0;
}

/* The whole range mapped onto itself is the initial user namespace, or one
 * that only its root could have made. */
static bool is_identity(const char *map)
{
	unsigned long inside = 1, outside = 1, count = 0;
	int end = 0;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it; -1 fails the test */
	return sscanf(map, "%lu %lu %lu %n", &inside, &outside, &count, &end) ==
	               3 &&
	       inside == 0 && outside == 0 && count == UID_ALL &&
	       map[end] == '\0';
}

/* Who made this user namespace, as seen from inside it. */
static int namespace_owner(uid_t *ret_owner)
{
	cleanup_close int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return ioctl(fd, NS_GET_OWNER_UID, ret_owner) < 0 ? -errno : 0;
}

/* The owner of a user namespace, and every process of that uid outside it, may
 * trace and read all that was executed inside, dumpable or not (measured).
 * unshare -U, bwrap, rootless containers and sandbox settings in a systemd user
 * unit make such a place, and there the owner is mapped, or nothing is.  The
 * root of the host, who makes rootful containers, is not mapped.  (podman's
 * --userns=nomap looks the same from inside; nothing here can tell.) */
static int check_user_namespace(char *why, size_t why_size)
{
	char map[UID_MAP_MAX] = "";
	uid_t owner = 0;
	int rc;

	rc = read_text("/proc/self/uid_map", map, sizeof(map));
	if (rc < 0)
		return rc;
	if (is_identity(map))
		return SEAL_SAFE;

	rc = namespace_owner(&owner);
	if (rc < 0)
		return rc;
	if (map[0] != '\0' && owner == UID_OVERFLOW)
		return SEAL_SAFE;

	(void)snprintf(
		why, why_size,
		"this is a user namespace that an ordinary user owns, who "
		"could read the keys from outside: start the agent outside "
		"of unshare, bwrap and rootless containers, and without "
		"sandbox settings in a systemd user unit");
	return SEAL_USER_NAMESPACE;
}

int seal_check_environment(char *why, size_t why_size)
{
	pid_t tracer;
	int rc;

	rc = environment_tracer(&tracer);
	if (rc < 0)
		return rc;
	if (tracer != 0) {
		(void)snprintf(why, why_size,
		               "process %d traces this one and could read the "
		               "keys: start the agent without a debugger",
		               (int)tracer);
		return SEAL_TRACED;
	}

	return check_user_namespace(why, why_size);
}
