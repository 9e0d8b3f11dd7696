/* attack_routes PID
 *
 * Tries, without harm, every route into another process that the kernel may
 * leave open to the same user, and says which work:
 *
 *   route ptrace: refused: Operation not permitted
 *   route pidfd_getfd: works
 *
 * Exit status 0: none works; 1: some do; 2: wrong usage.
 */
#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing is mapped there: a route that is open answers EFAULT or EIO. */
#define NOWHERE 4096UL

/* Below /proc/PID: readable by the same user only where ptrace would be. */
static const char *const files[] = {
	"auxv",    "environ",     "io",    "maps",  "mem",     "numa_maps",
	"pagemap", "personality", "smaps", "stack", "syscall",
};
static const char *const links[] = { "cwd",  "exe",    "fd/0",    "fd/1",
	                             "fd/2", "ns/net", "ns/user", "root" };
static const char *const directories[] = { "fd", "fdinfo", "map_files" };

/* Counts what works; error is 0 or an errno. */
static int say(const char *name, int error)
{
	if (error == 0) {
		(void)printf("route %s: works\n", name);
		return 1;
	}
	(void)printf("route %s: refused: %s\n", name, strerror(error));
	return 0;
}

/* Access was granted if only the address was wrong. */
static int past_access(long result)
{
	if (result >= 0 || errno == EFAULT || errno == EIO)
		return 0;
	return errno;
}

static int try_open(pid_t pid, const char *name, int flags)
{
	cleanup_close int fd = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? errno : 0;
}

/* Most files of /proc are asked for access when they are read. */
static int try_file(pid_t pid, const char *name)
{
	cleanup_close int fd = -1;
	char path[64], byte;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	return past_access(read(fd, &byte, 1));
}

static int try_link(pid_t pid, const char *name)
{
	char path[64], target[PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return readlink(path, target, sizeof(target)) < 0 ? errno : 0;
}

static int try_proc(pid_t pid)
{
	int count = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		count += say(files[i], try_file(pid, files[i]));
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		count += say(links[i], try_link(pid, links[i]));
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]);
	     i++) {
		count += say(directories[i], try_open(pid, directories[i],
		                                      O_RDONLY | O_DIRECTORY));
	}
	return count + say("mem for writing", try_open(pid, "mem", O_RDWR));
}

static int try_vm(pid_t pid)
{
	uint8_t byte = 0;
	const struct iovec local = { &byte, 1 };
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): of another process */
	const struct iovec remote = { (void *)NOWHERE, 1 };
	int count;

	count = say(
		"process_vm_readv",
		past_access(process_vm_readv(pid, &local, 1, &remote, 1, 0)));
	return count + say("process_vm_writev",
	                   past_access(process_vm_writev(pid, &local, 1,
	                                                 &remote, 1, 0)));
}

/* The vault has only two descriptors, of any number.  0 or an errno. */
static int steal_descriptor(int pidfd)
{
	int error = EBADF;

	for (unsigned int fd = 0; fd < 64 && error == EBADF; fd++) {
		cleanup_close int stolen = -1;

		stolen = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0U);
		error = stolen < 0 ? errno : 0;
	}
	return error;
}

static int try_pidfd(pid_t pid)
{
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0U);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): of another process */
	const struct iovec remote = { (void *)NOWHERE, NOWHERE };
	int count, error;

	if (pidfd < 0)
		return say("pidfd_open", errno);

	count = say("pidfd_getfd", steal_descriptor(pidfd));
	error = past_access(syscall(SYS_process_madvise, pidfd, &remote, 1UL,
	                            MADV_COLD, 0U));
	/* Nothing is mapped there, and it was free to say so. */
	return count + say("process_madvise", error == ENOMEM ? 0 : error);
}

static int try_perf(pid_t pid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 100000,
		.sample_type = PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
		.sample_regs_user = 1,
		.sample_stack_user = 1024,
		.exclude_kernel = 1,
	};
	cleanup_close int fd =
		(int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, 0UL);

	return say("perf_event_open", fd < 0 ? errno : 0);
}

/* A soft limit may be raised as far as the hard one, even from outside. */
static int try_core_limit(pid_t pid)
{
	const struct rlimit wanted = { 4096, 4096 };

	return say("prlimit core",
	           prlimit(pid, RLIMIT_CORE, &wanted, NULL) < 0 ? errno : 0);
}

static int try_ptrace(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return say("ptrace", errno);
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 &&
	    waitpid(pid, NULL, __WALL) == pid)
		(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return say("ptrace", 0);
}

int main(int argc, char **argv)
{
	uint64_t number;
	int count;
	pid_t pid;

	if (argc != 2 || number_parse(argv[1], INT_MAX, &number) < 0) {
		(void)fprintf(stderr, "usage: attack_routes PID\n");
		return 2;
	}

	pid = (pid_t)number;
	count = try_proc(pid);
	count += try_vm(pid);
	count += try_pidfd(pid);
	count += say("kcmp", syscall(SYS_kcmp, pid, getpid(), 1, 0UL, 0UL) < 0
	                             ? errno
	                             : 0);
	count += try_perf(pid);
	count += try_core_limit(pid);
	count += try_ptrace(pid);
	(void)printf("%d routes work\n", count);
	return count > 0 ? 1 : 0;
}
