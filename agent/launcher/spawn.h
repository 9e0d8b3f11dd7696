/* spawn.h - starts a program in a session of its own, with nothing of ours
 *
 * posix_spawn() and not fork(): the child never has this process's memory, so
 * a service account token in secret memory, which a fork would not inherit,
 * can still be one of the strings of envp.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <sys/types.h>

struct spawn_start {
	const char *path;
	const char *const *argv; /* NULL-terminated, as is envp */
	const char *const *envp;
	const char *terminal; /* becomes standard input, and controls; or NULL */
	int in;               /* without a terminal; -1: /dev/null, as below */
	int out;
	int err;
	int input; /* becomes descriptor 3; -1: nothing does */
};

/* Usual signals, current directory /, nothing open but 0 to 2 or 3.  0 or
 * -errno. */
must_check int spawn_run(const struct spawn_start *start, pid_t *ret_pid);
