/* daemon_state.h - an open daemon, for the files that speak with it */
#pragma once

#include "client/store/channel.h"
#include "client/store/daemon.h"
#include "protocol/nix/worker.h"

#include <limits.h>

/* Where the daemon may be busy for long without a word.  An import waits for
 * whoever else is writing the same path, deletes what such a one has left
 * behind, and ends with fsync() and, with auto-optimise-store, a link for each
 * file; a substitution may wait for Nix's own stalled-download-timeout, which
 * is 5 minutes. */
#define DAEMON_BUSY_MS (10 * 60 * 1000)

struct daemon {
	struct channel *channel;
	uint64_t version;
	enum worker_trust trust;
	bool is_broken;    /* after an error nothing says what comes next */
	bool is_importing; /* between begin and end nothing else may be asked */
	char name[160];    /* how errors call it; printable */
	char store_dir[STORE_DIR_MAX + 1];
	char physical_dir[PATH_MAX];
	char importing[STORE_PATH_BASE_SIZE];
};

/* Writes the sentence and returns rc. */
printf_like(3, 4) int daemon_fail(struct daemon_error *error, int rc,
                                  const char *format, ...);

/* The stream failed or made no sense: says how; it is never used again.
 * Returns rc. */
int daemon_stream_failed(struct daemon *daemon, int rc,
                         struct daemon_error *error);

/* -ENOTCONN after an error. */
must_check int daemon_check_usable(const struct daemon *daemon,
                                   struct daemon_error *error);

/* A malformed path makes the daemon drop the connection: none is sent.
 * -EINVAL. */
must_check int daemon_check_base(const char *base, struct daemon_error *error);

/* Reads notes until the one that says that a result follows.  What the daemon
 * itself says is -EREMOTEIO, -EPERM ("not privileged") or -EKEYREJECTED
 * ("lacks a signature"). */
must_check int daemon_await_result(struct daemon *daemon,
                                   struct daemon_error *error);

/* Reads the notes that have come, where none is a result: logs. */
must_check int daemon_hear_notes(struct daemon *daemon,
                                 struct daemon_error *error);
