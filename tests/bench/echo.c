#include "tests/bench/echo.h"

#include "protocol/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_MAX ((size_t)64 * 1024)

/* NOLINTNEXTLINE(*-non-const-global-variables): what is in it is no matter */
static uint8_t message[MESSAGE_MAX];

static int hear(int fd, size_t len)
{
	size_t got = 0;

	while (got < len) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t n = poll(&wait, 1, -1) > 0
		                    ? recv(fd, message, len - got, 0)
		                    : -1;

		if (n <= 0)
			return n == 0 ? -EPIPE : -errno;
		got += (size_t)n;
	}
	return 0;
}

static int say(int fd, size_t len)
{
	return fd_write_full(fd, message, len);
}

/* next: who is asked; -1: nobody, the answer is made here. */
static void serve(const struct echo *echo, int fd, int next)
{
	int rc = 0;

	while (rc == 0) {
		rc = hear(fd, echo->call_len);
		if (rc == 0 && next >= 0)
			rc = say(next, echo->call_len);
		if (rc == 0 && next >= 0)
			rc = hear(next, echo->reply_len);
		if (rc == 0)
			rc = say(fd, echo->reply_len);
	}
	_exit(0);
}

/* A process that serves on one end of a pair; returns the other, or -errno. */
static int start(struct echo *echo, int next)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(pair[0]);
		serve(echo, pair[1], next);
	}
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return -EAGAIN;
	}
	echo->processes[echo->process_count++] = pid;
	return pair[0];
}

int echo_open(struct echo *echo, size_t call_len, size_t reply_len,
              size_t relays)
{
	*echo = (struct echo){
		.fd = -1,
		.call_len = call_len,
		.reply_len = reply_len,
	};
	if (relays >= ECHO_PROCESSES_MAX || call_len > MESSAGE_MAX ||
	    reply_len > MESSAGE_MAX)
		return -EINVAL;
	for (size_t i = 0; i <= relays; i++) {
		int fd = start(echo, echo->fd);

		if (fd < 0)
			return fd;
		if (echo->fd >= 0)
			(void)close(echo->fd);
		echo->fd = fd;
	}
	return 0;
}

/* Not by closing: those that were started later have our end of the pair too. */
void echo_close(struct echo *echo)
{
	if (echo->fd >= 0)
		(void)close(echo->fd);
	echo->fd = -1;
	while (echo->process_count > 0) {
		pid_t pid = echo->processes[--echo->process_count];

		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
}

int echo_ask(const struct echo *echo)
{
	int rc = say(echo->fd, echo->call_len);

	return rc < 0 ? rc : hear(echo->fd, echo->reply_len);
}
