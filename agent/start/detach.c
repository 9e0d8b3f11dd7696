#include "agent/start/detach.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int detach_fork(int *ret_ready, pid_t *ret_pid, struct ready *ret_outcome)
{
	cleanup_close int reader = -1, writer = -1;
	int pair[2];
	pid_t pid;
	int rc;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	reader = pair[0];
	writer = pair[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (setsid() < 0)
			return -errno;
		*ret_ready = take_fd(&writer);
		return DETACH_AGENT;
	}

	(void)close(take_fd(&writer));
	*ret_pid = pid;
	rc = ready_wait(reader, ret_outcome);
	return rc < 0 ? rc : DETACH_CALLER;
}

int detach_output(void)
{
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (dup2(null, fd) < 0)
			return -errno;
	}
	return 0;
}

int detach_mend_output(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null",
		         fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
			return -errno;
	}
	return 0;
}

int detach_run_command(char **command, const char *socket_path, pid_t agent)
{
	char number[16];
	sigset_t none;

	(void)snprintf(number, sizeof(number), "%d", (int)agent);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (setenv("NIXCACHE_AGENT_SOCK", socket_path, 1) < 0 ||
	    setenv("NIXCACHE_AGENT_PID", number, 1) < 0)
		return EXIT_FAILED;

	(void)execvp(command[0], command);
	log_error("%s: cannot be run: %s", command[0], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}
