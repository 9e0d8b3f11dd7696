/* echo.h - what carrying messages between processes costs, and nothing else
 *
 * Each process waits in poll(2) for a message of one size, and answers with one
 * of another, over a Unix stream socket.  With relays in between, each passes
 * on what it gets: with one, that is an agent that does nothing.
 */
#pragma once

#include "protocol/base/bytes.h"

#include <sys/types.h>

#define ECHO_PROCESSES_MAX 2

struct echo {
	int fd; /* -1: there is none */
	size_t call_len;
	size_t reply_len;
	pid_t processes[ECHO_PROCESSES_MAX];
	size_t process_count;
};

/* 0 or -errno.  The processes end with echo_close(). */
must_check int echo_open(struct echo *echo, size_t call_len, size_t reply_len,
                         size_t relays);
void echo_close(struct echo *echo);

/* There and back.  0 or -errno. */
must_check int echo_ask(const struct echo *echo);
