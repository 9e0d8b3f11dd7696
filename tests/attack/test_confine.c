/* test_confine: what a confined process can do, by the version of Landlock
 *
 * Each version from the first one on is played by handling only what it could.
 */
#include "agent/seal/landlock_domain.h"
#include "agent/start/confine.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_LANDLOCK (-1)

struct attempts {
	int is_refused; /* what confine_self() said */
	int memory;     /* each 0 or an errno */
	int environment;
	int signal;
	int rename;
	int has_no_new_privileges;
};

static int read_memory(void)
{
	static char secret[] = "of the parent";
	char copy[sizeof(secret)];
	const struct iovec here = { copy, sizeof(copy) };
	const struct iovec there = { secret, sizeof(secret) };

	return process_vm_readv(getppid(), &here, 1, &there, 1, 0) < 0 ? errno
	                                                               : 0;
}

static int read_environment(void)
{
	cleanup_close int fd = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? errno : 0;
}

static int rename_across(void)
{
	cleanup_close int fd =
		open("a/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	return rename("a/file", "b/file") < 0 ? errno : 0;
}

/* In a child, in a folder of its own with a and b in it. */
static struct attempts attempt(bool is_confined, int abi)
{
	struct attempts attempts = { .is_refused = 1 };
	int pair[2];
	pid_t pid;

	CHECK(pipe2(pair, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		attempts.is_refused = is_confined ? confine_self(abi) : 0;
		attempts.memory = read_memory();
		attempts.environment = read_environment();
		attempts.signal = kill(getppid(), 0) < 0 ? errno : 0;
		attempts.rename = rename_across();
		attempts.has_no_new_privileges =
			prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL);
		_exit(fd_write_full(pair[1], &attempts, sizeof(attempts)) < 0
		              ? 1
		              : 0);
	}
	CHECK(close(pair[1]) == 0);
	CHECK(fd_read_full(pair[0], &attempts, sizeof(attempts)) ==
	      (ssize_t)sizeof(attempts));
	CHECK(close(pair[0]) == 0 && waitpid(pid, NULL, 0) == pid);
	return attempts;
}

static void check_version(int abi)
{
	const struct attempts at = attempt(true, abi);

	CHECK(at.is_refused == 0 && at.has_no_new_privileges == 1);
	CHECK(at.memory == EPERM && at.environment == EACCES);
	CHECK(at.signal == (abi >= LANDLOCK_ABI_SCOPE ? EPERM : 0));
	CHECK(at.rename == (abi >= LANDLOCK_ABI_REFER ? 0 : EXDEV));
}

static void a_plain_child_can_do_it_all(void)
{
	const struct attempts at = attempt(false, 0);

	CHECK(at.memory == 0 && at.environment == 0 && at.signal == 0 &&
	      at.rename == 0 && at.has_no_new_privileges == 0);
}

static void each_version_keeps_memory_apart(void)
{
	for (int abi = 1; abi <= landlock_abi(); abi++)
		check_version(abi);
}

static void without_landlock_there_are_no_new_privileges_at_least(void)
{
	const struct attempts at = attempt(true, NO_LANDLOCK);

	CHECK(at.is_refused == 0 && at.has_no_new_privileges == 1);
	CHECK(at.signal == 0 && at.rename == 0);
}

static const struct test tests[] = {
	{ "a plain child can do it all", a_plain_child_can_do_it_all },
	{ "each version keeps memory apart", each_version_keeps_memory_apart },
	{ "without Landlock there are no new privileges at least",
	  without_landlock_there_are_no_new_privileges_at_least },
};

int main(void)
{
	char place[] = "/tmp/confine.XXXXXX";
	int rc;

	/* So that Yama, where it is on, lets a child in. */
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (!mkdtemp(place) || chdir(place) < 0 || mkdir("a", 0700) < 0 ||
	    mkdir("b", 0700) < 0)
		return 1;
	if (landlock_abi() < 0) {
		(void)printf("1..0 # SKIP no Landlock here\n");
		rc = 0;
	} else {
		rc = test_main(tests, sizeof(tests) / sizeof(tests[0]));
	}
	(void)unlink("a/file");
	(void)unlink("b/file");
	(void)rmdir("a");
	(void)rmdir("b");
	(void)rmdir(place);
	return rc;
}
