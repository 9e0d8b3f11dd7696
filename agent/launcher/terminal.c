#include "agent/launcher/terminal.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#define OUT_MAX 4096
#define HOW     "\nType yes to allow it: "
#define OVER    "\nnixcache-agent: asks no more\n"

void terminal_init(struct terminal *terminal)
{
	*terminal = (struct terminal){ .fd = -1 };
	buffer_init(&terminal->out, OUT_MAX);
}

/* Lines that are seen while they are typed, whatever ran here before. */
static int set_up(int fd, struct termios *ret_before)
{
	struct termios lines;

	if (tcgetattr(fd, ret_before) < 0)
		return -errno;
	lines = *ret_before;
	lines.c_lflag |= ICANON | ECHO | ISIG;
	lines.c_iflag |= ICRNL;
	if (tcsetattr(fd, TCSANOW, &lines) < 0 || tcflush(fd, TCIFLUSH) < 0)
		return -errno;
	return 0;
}

/* In the background a shell has the terminal, and what is typed is for it; to
 * read there all the same would stop this process. */
int terminal_ask(struct terminal *terminal, const char *prompt)
{
	cleanup_close int fd =
		open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	if (tcgetpgrp(fd) != getpgrp())
		return -EBUSY;
	/* It may be put there later. */
	(void)signal(SIGTTIN, SIG_IGN);
	(void)signal(SIGTTOU, SIG_IGN);
	rc = set_up(fd, &terminal->before);
	if (rc < 0)
		return rc;

	terminal->len = 0;
	buffer_append_text(&terminal->out, "\n");
	buffer_append_text(&terminal->out, prompt);
	buffer_append_text(&terminal->out, HOW);
	terminal->fd = take_fd(&fd);
	return 0;
}

struct pollfd terminal_poll(const struct terminal *terminal)
{
	return (struct pollfd){
		.fd = terminal->fd,
		.events =
			(short)(POLLIN | (terminal->out.len > 0 ? POLLOUT : 0)),
	};
}

static int show(struct terminal *terminal)
{
	ssize_t n = write(terminal->fd, terminal->out.data, terminal->out.len);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	buffer_consume(&terminal->out, (size_t)n);
	return 0;
}

static bool is_yes(const struct terminal *terminal)
{
	static const char yes[] = "yes";
	const size_t len = sizeof(yes) - 1;

	return terminal->len == len &&
	       strncasecmp(terminal->line, yes, len) == 0;
}

/* 1: the line has ended, or there is none any more. */
static int listen_on(struct terminal *terminal)
{
	char c = '\0';
	ssize_t n;

	while ((n = read(terminal->fd, &c, 1)) == 1 && c != '\n') {
		/* What is too long is no yes. */
		if (terminal->len < sizeof(terminal->line))
			terminal->line[terminal->len++] = c;
	}
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		terminal->len = 0;
	return 1;
}

int terminal_step(struct terminal *terminal, bool *ret_is_yes)
{
	int rc = 0;

	if (terminal->out.len > 0)
		rc = show(terminal);
	/* Who has not seen the whole question has not answered it. */
	if (rc < 0 || terminal->out.len > 0)
		return rc;
	rc = listen_on(terminal);
	if (rc == 1) {
		*ret_is_yes = is_yes(terminal);
		(void)tcsetattr(terminal->fd, TCSANOW, &terminal->before);
		(void)close(take_fd(&terminal->fd));
	}
	return rc;
}

void terminal_close(struct terminal *terminal)
{
	if (terminal->fd >= 0) {
		(void)tcsetattr(terminal->fd, TCSANOW, &terminal->before);
		/* As much as it takes without waiting. */
		if (write(terminal->fd, OVER, sizeof(OVER) - 1) < 0)
			terminal->len = 0;
		(void)close(take_fd(&terminal->fd));
	}
	buffer_clear(&terminal->out);
	terminal_init(terminal);
}
