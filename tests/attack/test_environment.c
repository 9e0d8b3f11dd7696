/* test_environment: starts where the keys could be read, and is refused */
#include "agent/seal/seal.h"
#include "protocol/base/fd.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY  65534
#define SKIPPED 77
#define WHY_MAX 512

/* How seal_check_environment() ends; a sentence must come with a refusal. */
static int check_here(void)
{
	char why[WHY_MAX] = "";
	int rc = seal_check_environment(why, sizeof(why));

	if (rc > 0 && why[0] == '\0')
		return 99;
	return rc < 0 ? 98 : rc;
}

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int write_map(pid_t pid, const char *map)
{
	char path[64];
	int fd, rc;

	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fd_write_full(fd, map, strlen(map));
	(void)close(fd);
	return rc;
}

static void an_ordinary_place_is_safe(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(check_here());
	CHECK(status_of(pid) == SEAL_SAFE);
}

/* As "unshare -Un" and "unshare -Ur" make it. */
static int check_in_own_namespace(bool is_mapped)
{
	char map[64];
	uid_t uid;

	/* Whoever changes its uid is not dumpable, and may not map itself. */
	if ((geteuid() == 0 && setuid(NOBODY) < 0) ||
	    prctl(PR_SET_DUMPABLE, 1) < 0)
		return 97;
	uid = geteuid();
	if (unshare(CLONE_NEWUSER) < 0)
		return SKIPPED;
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	if (is_mapped && write_map(getpid(), map) < 0)
		return 96;
	return check_here();
}

static void a_namespace_of_the_user_is_refused(void)
{
	for (int is_mapped = 0; is_mapped <= 1; is_mapped++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit(check_in_own_namespace(is_mapped));
		status = status_of(pid);
		if (status == SKIPPED) {
			(void)printf("# no user namespaces here\n");
			continue;
		}
		CHECK(status == SEAL_USER_NAMESPACE);
	}
}

/* As rootful containers with remapped users have it: root made it, and is not
 * in it. */
static void a_namespace_of_the_hosts_root_is_safe(void)
{
	int ready[2] = { -1, -1 }, mapped[2] = { -1, -1 };
	char byte;
	pid_t pid;

	if (geteuid() != 0) {
		(void)printf("# only root can make one\n");
		return;
	}
	CHECK(pipe(ready) == 0 && pipe(mapped) == 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(SKIPPED);
		if (fd_write_full(ready[1], "x", 1) < 0 ||
		    fd_read_full(mapped[0], &byte, 1) != 1)
			_exit(97);
		_exit(check_here());
	}
	/* Ours, so that a child that ends is not waited for. */
	(void)close(ready[1]);
	if (fd_read_full(ready[0], &byte, 1) == 1) {
		CHECK(write_map(pid, "0 100000 65536") == 0);
		CHECK(fd_write_full(mapped[1], "x", 1) == 0);
		CHECK(status_of(pid) == SEAL_SAFE);
	} else {
		CHECK(status_of(pid) == SKIPPED);
		(void)printf("# no user namespaces here\n");
	}
	(void)close(ready[0]);
	(void)close(mapped[0]);
	(void)close(mapped[1]);
}

/* The child waits until the parent holds it, then looks. */
static int start_traced(int (*look)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)kill(getpid(), SIGSTOP);
		_exit(look());
	}
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 || kill(pid, SIGCONT) < 0)
		return -1;
	for (;;) {
		if (waitpid(pid, &status, 0) != pid)
			return -1;
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		(void)ptrace(PTRACE_CONT, pid, NULL, NULL);
	}
}

static int take_role(void)
{
	struct report report = { .process = "test" };

	return seal_role(getppid(), &report) == -EPERM ? 1 : 0;
}

static void a_traced_start_is_refused(void)
{
	CHECK(start_traced(check_here) == SEAL_TRACED);
}

static void a_traced_role_is_refused(void)
{
	CHECK(start_traced(take_role) == 1);
}

static void a_role_whose_parent_is_gone_is_refused(void)
{
	struct report report = { .process = "test" };
	pid_t pid = fork();

	if (pid == 0) {
		if (seal_role(getppid() + 1, &report) != -ESRCH)
			_exit(1);
		_exit(seal_role(getppid(), &report) == 0 ? 0 : 2);
	}
	CHECK(status_of(pid) == 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "an ordinary place is safe", an_ordinary_place_is_safe },
		{ "a namespace of the user is refused",
		  a_namespace_of_the_user_is_refused },
		{ "a namespace of the host's root is safe",
		  a_namespace_of_the_hosts_root_is_safe },
		{ "a traced start is refused", a_traced_start_is_refused },
		{ "a traced role is refused", a_traced_role_is_refused },
		{ "a role whose parent is gone is refused",
		  a_role_whose_parent_is_gone_is_refused },
	};

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
