/* test_job: which ancestor is the runner of a job
 *
 * This program executes itself again with CI in its environment, so that it is
 * part of the job for a child that looks.
 */
#include "agent/start/job.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

enum answer {
	ANSWER_US,
	ANSWER_ANOTHER,
	ANSWER_NONE,
};

static enum answer look(pid_t us)
{
	struct report report = { .process = "launcher" };
	struct job job;
	char why[256];

	if (job_open(0, &report, &job, why, sizeof(why)) < 0 || job.pidfd < 0)
		return ANSWER_NONE;
	return job.pid == us ? ANSWER_US : ANSWER_ANOTHER;
}

/* What a child finds, as another user where that is possible. */
static enum answer answer_of_child(bool is_other_user)
{
	pid_t us = getpid();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (is_other_user && geteuid() == 0 &&
		    setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(ANSWER_NONE);
		_exit((int)look(us));
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void an_ancestor_in_the_job_is_not_the_runner(void)
{
	CHECK(answer_of_child(false) == ANSWER_ANOTHER);
}

static void one_that_nobody_may_look_into_is(void)
{
	CHECK(prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) == 0);
	CHECK(answer_of_child(true) == ANSWER_US);
	CHECK(prctl(PR_SET_DUMPABLE, 1UL, 0UL, 0UL, 0UL) == 0);
}

static void outside_of_ci_nobody_is_looked_for(void)
{
	static const char *const values[] = { "", "0", "false" };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		CHECK(setenv("CI", values[i], 1) == 0);
		CHECK(answer_of_child(false) == ANSWER_NONE);
	}
	CHECK(setenv("CI", "true", 1) == 0);
}

static void a_process_that_has_ended_is_refused_by_name(void)
{
	struct report report = { .process = "launcher" };
	struct job job = { .pidfd = -2 };
	char why[256] = "";
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	/* It has ended, and its number is not free yet. */
	CHECK(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) ==
	      0);
	CHECK(job_open(pid, &report, &job, why, sizeof(why)) == -ESRCH);
	CHECK(strstr(why, "--watch ") && strstr(why, ": No such process"));
	CHECK(job.pidfd == -2 && report.count == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static const struct test tests[] = {
	{ "an ancestor in the job is not the runner",
	  an_ancestor_in_the_job_is_not_the_runner },
	{ "one that nobody may look into is",
	  one_that_nobody_may_look_into_is },
	{ "outside of CI nobody is looked for",
	  outside_of_ci_nobody_is_looked_for },
	{ "a process that has ended is refused by name",
	  a_process_that_has_ended_is_refused_by_name },
};

int main(int argc, char **argv)
{
	const char *ci = getenv("CI");

	(void)argc;
	if (!ci || strcmp(ci, "true") != 0) {
		if (setenv("CI", "true", 1) == 0)
			(void)execv("/proc/self/exe", argv);
		return EXIT_FAILED;
	}
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
