/* child.h - a program that brings a secret or an answer, watched to its end
 *
 * Its end is its exit, never an end of file: op may leave a daemon behind that
 * holds every descriptor open.  Nothing here blocks.
 */
#pragma once

#include "protocol/base/bytes.h"

#include <poll.h>
#include <sys/types.h>

#define CHILD_SAID_MAX 16384
#define CHILD_POLL_MAX 4

struct child_start {
	const char *path;
	const char *const *argv; /* NULL-terminated, as is envp */
	const char *const *envp;
	int out;           /* becomes standard output */
	int input;         /* becomes descriptor 3; -1: none */
	bool has_pty;      /* a terminal of its own as standard input */
	bool keeps_output; /* child.printed gets it, and out is nothing */
};

struct child {
	pid_t pid; /* and process group, and session; 0: none */
	int watch; /* a pidfd */
	int err;   /* what it says on standard error */
	int out;   /* what it prints, unless that goes elsewhere */
	int pty;   /* what it says to its terminal: read, never kept */
	bool has_pty;
	bool is_killed;
	struct buffer said;    /* the last CHILD_SAID_MAX bytes of err */
	struct buffer printed; /* and of out */
};

/* Nothing runs; ready for child_start. */
void child_init(struct child *child);

/* 0 or -errno. */
must_check int child_run(struct child *child, const struct child_start *start);

/* Kills it with its process group, waits a moment for its end, and leaves the
 * child ready for the next. */
void child_stop(struct child *child);

/* Only kills; child_step() then sees its end. */
void child_kill(struct child *child);

size_t child_poll(const struct child *child, struct pollfd fds[CHILD_POLL_MAX]);

/* 1: it has ended; *ret_status as the shell says it (128 and the signal), or
 * -1 if that is lost; said and printed are complete.  0: not yet. */
must_check int child_step(struct child *child, int *ret_status);
