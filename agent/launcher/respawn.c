#include "agent/launcher/respawn.h"

#include "protocol/base/exit_status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void ignore_signals(void)
{
	static const int ignored[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
		                       SIGUSR1, SIGUSR2, SIGPIPE };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int role_fork(struct role *role, int (*entry)(const struct role_start *),
              const struct role_start *start)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		ignore_signals();
		_exit(entry(start));
	}
	role->pid = pid;
	return 0;
}

int role_reap(struct role *role)
{
	int status = 0;
	pid_t ended;

	if (role->pid <= 0)
		return 0;
	do {
		ended = waitpid(role->pid, &status, 0);
	} while (ended < 0 && errno == EINTR);
	role->pid = 0;
	return status;
}

void role_end(struct role *role)
{
	if (role->pid <= 0)
		return;
	(void)kill(role->pid, SIGKILL);
	(void)role_reap(role);
}

bool role_has_died(struct role *role, int *ret_status)
{
	if (role->pid <= 0 || waitpid(role->pid, ret_status, WNOHANG) <= 0)
		return false;
	role->pid = 0;
	return true;
}

static bool is_unlocked(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == ROLE_EXIT_UNLOCKED;
}

int role_exit_status(int status)
{
	if (is_unlocked(status))
		return EXIT_UNSAFE;
	return WIFEXITED(status) && WEXITSTATUS(status) != EXIT_DONE
	               ? WEXITSTATUS(status)
	               : EXIT_FAILED;
}

bool role_is_hopeless(int status)
{
	return role_exit_status(status) == EXIT_UNSAFE;
}

void role_describe_death(const char *name, int status, char *out, size_t size)
{
	struct rlimit limit = { 0, 0 };

	if (!is_unlocked(status)) {
		(void)snprintf(out, size,
		               "the %s has died (%s %d): nixcache-agent -d "
		               "says why",
		               name, WIFSIGNALED(status) ? "signal" : "status",
		               WIFSIGNALED(status) ? WTERMSIG(status)
		                                   : WEXITSTATUS(status));
		return;
	}
	(void)getrlimit(RLIMIT_MEMLOCK, &limit);
	(void)snprintf(
		out, size,
		"the memory of the keys cannot be locked, with %llu KiB "
		"allowed (ulimit -l): allow more, 64 are usually enough, "
		"or accept with --allow-weak memory that it may be "
		"swapped out and that root can read it",
		(unsigned long long)limit.rlim_cur / 1024);
}

bool deaths_note(struct deaths *deaths, long long now_ms)
{
	deaths->at_ms[deaths->count++ % RESPAWN_DEATHS_MAX] = now_ms;
	if (deaths->count < RESPAWN_DEATHS_MAX)
		return false;

	/* The next slot to be overwritten holds the first of the last three. */
	return now_ms - deaths->at_ms[deaths->count % RESPAWN_DEATHS_MAX] <=
	       RESPAWN_DEATHS_MS;
}
