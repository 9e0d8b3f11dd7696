#include "agent/seal/landlock.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

/* The kernel's numbers (include/uapi/linux/landlock.h), because Debian 12's
 * headers end at ABI 2.  The struct may be longer than the kernel's when the
 * rest is zero. */
#define LANDLOCK_GET_VERSION  1U
#define LANDLOCK_FS_ABI1      0x1fffULL /* execute ... make_sym */
#define LANDLOCK_FS_REFER     (1ULL << 13)
#define LANDLOCK_FS_TRUNCATE  (1ULL << 14)
#define LANDLOCK_FS_IOCTL_DEV (1ULL << 15)
#define LANDLOCK_NET_TCP      0x3ULL /* bind, connect */
#define LANDLOCK_SCOPE_ALL    0x3ULL /* abstract sockets, signals */
#define LANDLOCK_ABI_NET      4
#define LANDLOCK_ABI_SCOPE    6

struct ruleset {
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
};

static struct ruleset ruleset_of(long abi)
{
	struct ruleset set = { .handled_fs = LANDLOCK_FS_ABI1 };

	if (abi >= 2)
		set.handled_fs |= LANDLOCK_FS_REFER;
	if (abi >= 3)
		set.handled_fs |= LANDLOCK_FS_TRUNCATE;
	if (abi >= LANDLOCK_ABI_NET)
		set.handled_net = LANDLOCK_NET_TCP;
	if (abi >= 5)
		set.handled_fs |= LANDLOCK_FS_IOCTL_DEV;
	if (abi >= LANDLOCK_ABI_SCOPE)
		set.scoped = LANDLOCK_SCOPE_ALL;
	return set;
}

/* Handled and no rule: nothing is allowed. */
static int enclose(long abi)
{
	struct ruleset set = ruleset_of(abi);
	cleanup_close int fd = -1;

	fd = (int)syscall(SYS_landlock_create_ruleset, &set, sizeof(set), 0U);
	if (fd < 0)
		return -errno;
	return syscall(SYS_landlock_restrict_self, fd, 0U) < 0 ? -errno : 0;
}

void landlock_restrict(struct report *report)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
	                   LANDLOCK_GET_VERSION);
	int rc = abi < 0 ? -errno : enclose(abi);

	if (rc < 0) {
		report_add(report, "Landlock", MEASURE_ABSENT, "%s",
		           strerrordesc_np(-rc));
	} else if (abi >= LANDLOCK_ABI_SCOPE) {
		report_add(report, "Landlock", MEASURE_HELD,
		           "ABI %ld: no files, ports, signals", abi);
	} else if (abi >= LANDLOCK_ABI_NET) {
		report_add(report, "Landlock", MEASURE_WEAKER,
		           "ABI %ld: no files, ports (signals: Linux 6.12)",
		           abi);
	} else {
		report_add(report, "Landlock", MEASURE_WEAKER,
		           "ABI %ld: no files (ports: Linux 6.7)", abi);
	}
}
