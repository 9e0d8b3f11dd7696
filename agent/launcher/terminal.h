/* terminal.h - a question on the terminal that the agent runs in
 *
 * Nothing here blocks, and the terminal is left as it was.
 */
#pragma once

#include "protocol/base/bytes.h"

#include <poll.h>
#include <termios.h>

#define TERMINAL_LINE_MAX 64

struct terminal {
	int fd; /* -1: nothing is asked */
	struct termios before;
	struct buffer out; /* still to be shown */
	char line[TERMINAL_LINE_MAX];
	size_t len;
};

/* Nothing is asked; ready for terminal_ask(). */
void terminal_init(struct terminal *terminal);

/* What was typed before counts for nothing.  0; -ENXIO: this process has no
 * controlling terminal; -EBUSY: it is not in its foreground; -errno. */
must_check int terminal_ask(struct terminal *terminal, const char *prompt);

struct pollfd terminal_poll(const struct terminal *terminal);

/* 1: a line, or the end of all lines; *ret_is_yes only for "yes".  0: not yet.
 * -errno: the terminal is gone. */
must_check int terminal_step(struct terminal *terminal, bool *ret_is_yes);

void terminal_close(struct terminal *terminal);
