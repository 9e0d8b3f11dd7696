#include "tests/lib/spoken.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_all(int fd, char text[SPOKEN_MAX])
{
	ssize_t n = pread(fd, text, SPOKEN_MAX - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	(void)close(fd);
}

bool spoken_begin(struct spoken *spoken)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	int err = memfd_create("err", MFD_CLOEXEC);
	int status = 0;
	pid_t pid;

	memset(spoken, 0, sizeof(*spoken));
	(void)fflush(stdout);
	(void)fflush(stderr);
	pid = fork();
	if (pid == 0) {
		(void)dup2(out, STDOUT_FILENO);
		(void)dup2(err, STDERR_FILENO);
		return true;
	}
	if (out < 0 || err < 0 || pid < 0 || waitpid(pid, &status, 0) < 0)
		abort();
	spoken->exit_status = WIFEXITED(status) ? WEXITSTATUS(status)
	                                        : -WTERMSIG(status);
	read_all(out, spoken->out);
	read_all(err, spoken->err);
	return false;
}

void spoken_end(void)
{
	(void)fflush(stdout);
	(void)fflush(stderr);
	_exit(SPOKEN_CAME_THROUGH);
}
