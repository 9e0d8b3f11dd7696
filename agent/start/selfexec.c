#include "agent/start/selfexec.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAGE_VARIABLE "NIXCACHE_AGENT_STAGE"
#define PROGRAM_NAME   "nixcache-agent"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

static int copy_self(int to)
{
	cleanup_close int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	off_t at = 0;

	if (self < 0 || fstat(self, &st) < 0)
		return -errno;
	while (at < st.st_size) {
		ssize_t n = sendfile(to, self, &at, (size_t)(st.st_size - at));

		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
	}
	return 0;
}

/* A sealed copy of this program that may be executed and not read. */
static int make_image(int *ret_fd)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	cleanup_close int fd = memfd_create(PROGRAM_NAME, flags | MFD_EXEC);
	int rc;

	if (fd < 0 && errno == EINVAL) /* before 6.3 there is no such flag */
		fd = memfd_create(PROGRAM_NAME, flags);
	if (fd < 0)
		return -errno;

	rc = copy_self(fd);
	if (rc < 0)
		return rc;
	if (fchmod(fd, S_IXUSR) < 0 ||
	    fcntl(fd, F_ADD_SEALS,
	          F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;

	*ret_fd = take_fd(&fd);
	return 0;
}

static int execute_image(char **argv)
{
	cleanup_close int fd = -1;
	int rc;

	rc = make_image(&fd);
	if (rc < 0)
		return rc;
	if (setenv(STAGE_VARIABLE, "2", 1) < 0)
		return -errno;
	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return -errno;
}

void selfexec_run(char **argv, struct report *report)
{
	/* A set variable alone proves nothing, so it only stops a loop. */
	int is_dumpable = prctl(PR_GET_DUMPABLE) != 0;
	int is_second = getenv(STAGE_VARIABLE) != NULL;
	int rc = 0;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (is_dumpable && !is_second)
		rc = execute_image(argv);

	(void)unsetenv(STAGE_VARIABLE);
	(void)prctl(PR_SET_NAME, PROGRAM_NAME, 0, 0, 0);
	if (!is_dumpable) {
		report_add(report, "start", MEASURE_HELD,
		           "non-dumpable from the first instruction");
	} else {
		report_add(report, "start", MEASURE_WEAKER,
		           "non-dumpable only from main() on: %s",
		           rc < 0           ? strerror(-rc)
		           : geteuid() == 0 ? "to root every file is readable"
		                            : "executed readable");
	}
}
