#include "agent/seal/landlock_domain.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>

#define LANDLOCK_GET_VERSION  1U
#define LANDLOCK_PATH_BENEATH 1

/* The kernel's struct landlock_path_beneath_attr. */
struct path_beneath {
	/* cppcheck-suppress unusedStructMember ; the kernel reads it */
	uint64_t allowed;
	/* cppcheck-suppress unusedStructMember */
	int32_t parent;
} __attribute__((__packed__));

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
	                   LANDLOCK_GET_VERSION);

	return abi < 0 ? -errno : (int)abi;
}

static int allow_below_root(int ruleset, uint64_t rights)
{
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct path_beneath rule = { .allowed = rights, .parent = root };

	if (root < 0)
		return -errno;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_PATH_BENEATH,
	               &rule, 0U) < 0
	               ? -errno
	               : 0;
}

int landlock_enter(const struct landlock_handled *handled,
                   uint64_t fs_below_root)
{
	cleanup_close int fd = -1;
	int rc = 0;

	fd = (int)syscall(SYS_landlock_create_ruleset, handled,
	                  sizeof(*handled), 0U);
	if (fd < 0)
		return -errno;
	if (fs_below_root != 0)
		rc = allow_below_root(fd, fs_below_root);
	if (rc < 0)
		return rc;
	return syscall(SYS_landlock_restrict_self, fd, 0U) < 0 ? -errno : 0;
}
