#include "agent/launcher/respawn.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define STILL_HERE 42

static void three_deaths_within_a_minute_are_too_many(void)
{
	static const struct {
		long long at_ms[5];
		bool is_too_many[5];
		size_t count;
	} cases[] = {
		{ { 5, 5, 5 }, { false, false, true }, 3 },
		{ { 0, 30000, 60000 }, { false, false, true }, 3 },
		{ { 0, 30000, 60001 }, { false, false, false }, 3 },
		{ { 0, 50000, 70000, 110000, 110001 },
		  { false, false, false, true, true },
		  5 },
		{ { 0, 60001, 120002, 180003, 240004 },
		  { false, false, false, false, false },
		  5 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct deaths deaths = { .count = 0 };

		for (size_t k = 0; k < cases[i].count; k++) {
			CHECK(deaths_note(&deaths, cases[i].at_ms[k]) ==
			      cases[i].is_too_many[k]);
		}
	}
}

/* Far more deaths than there are slots. */
static void slow_deaths_are_never_too_many(void)
{
	struct deaths deaths = { .count = 0 };

	for (long long i = 0; i < 100; i++)
		CHECK(!deaths_note(&deaths, i * 30001));
	CHECK(deaths_note(&deaths, 100 * 30001 - 2));
}

static int give_intake(const struct role_start *start)
{
	return start->intake;
}

static void the_child_runs_its_entry_and_its_status_comes_back(void)
{
	const struct role_start start = { .intake = 7 };
	struct role role = { .pid = 0 };
	int status;

	CHECK(role_fork(&role, give_intake, &start) == 0);
	CHECK(role.pid > 0);
	status = role_reap(&role);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK(role.pid == 0);
}

/* Every signal of a terminal or a service manager, then the mask. */
static int survive(const struct role_start *start)
{
	static const int signals[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
		                       SIGUSR1, SIGUSR2, SIGPIPE };
	sigset_t mask;

	(void)start;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)raise(signals[i]);
	if (sigprocmask(SIG_BLOCK, NULL, &mask) < 0)
		return 1;
	for (int i = 1; i < SIGRTMIN; i++) {
		if (sigismember(&mask, i) == 1)
			return 2;
	}
	return STILL_HERE;
}

static void a_role_ignores_what_is_meant_for_the_launcher(void)
{
	const struct role_start start = { .intake = -1 };
	struct role role = { .pid = 0 };
	sigset_t all, old;
	int status;

	(void)sigfillset(&all);
	CHECK(sigprocmask(SIG_BLOCK, &all, &old) == 0);
	CHECK(role_fork(&role, survive, &start) == 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	status = role_reap(&role);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == STILL_HERE);
}

/* Until the other end of its pipe is closed. */
static int wait_for_end(const struct role_start *start)
{
	char byte;

	(void)close(start->door);
	return read(start->intake, &byte, 1) == 0 ? 3 : 1;
}

static void a_role_that_is_ended_is_gone_at_once(void)
{
	int ends[2];
	struct role role = { .pid = 0 };
	pid_t pid;

	CHECK(pipe(ends) == 0);
	CHECK(role_fork(&role, wait_for_end,
	                &(struct role_start){ .intake = ends[0],
	                                      .door = ends[1] }) == 0);
	pid = role.pid;
	role_end(&role);
	CHECK(role.pid == 0);
	CHECK(kill(pid, 0) < 0 && errno == ESRCH);
	role_end(&role);
	CHECK(role.pid == 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void a_death_is_noticed_once_and_a_life_is_not(void)
{
	struct role role = { .pid = 0 };
	siginfo_t info;
	int status = -1;
	int ends[2];

	CHECK(!role_has_died(&role, &status));
	CHECK(pipe(ends) == 0);
	CHECK(role_fork(&role, wait_for_end,
	                &(struct role_start){ .intake = ends[0],
	                                      .door = ends[1] }) == 0);
	CHECK(!role_has_died(&role, &status) && status == -1);
	(void)close(ends[0]);
	(void)close(ends[1]);
	CHECK(waitid(P_PID, (id_t)role.pid, &info, WEXITED | WNOWAIT) == 0);
	CHECK(role_has_died(&role, &status));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	CHECK(role.pid == 0);
	CHECK(!role_has_died(&role, &status));
	CHECK(role_reap(&role) == 0);
}

static int status_of(int exit_status)
{
	return exit_status << 8;
}

static void a_dead_role_never_means_success(void)
{
	CHECK(role_exit_status(status_of(EXIT_DONE)) == EXIT_FAILED);
	CHECK(role_exit_status(status_of(EXIT_FAILED)) == EXIT_FAILED);
	CHECK(role_exit_status(status_of(EXIT_UNSAFE)) == EXIT_UNSAFE);
	CHECK(role_exit_status(SIGSYS) == EXIT_FAILED);
	CHECK(role_exit_status(SIGKILL) == EXIT_FAILED);
}

static const struct test tests[] = {
	{ "three deaths within a minute are too many",
	  three_deaths_within_a_minute_are_too_many },
	{ "slow deaths are never too many", slow_deaths_are_never_too_many },
	{ "the child runs its entry, and its status comes back",
	  the_child_runs_its_entry_and_its_status_comes_back },
	{ "a role ignores what is meant for the launcher",
	  a_role_ignores_what_is_meant_for_the_launcher },
	{ "a role that is ended is gone at once",
	  a_role_that_is_ended_is_gone_at_once },
	{ "a death is noticed once, and a life is not",
	  a_death_is_noticed_once_and_a_life_is_not },
	{ "a dead role never means success", a_dead_role_never_means_success },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
