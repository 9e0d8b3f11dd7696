/* source.h - runs the secret sources of a configuration, one run at a time
 *
 * All op:// references go through one run of op.  The secret bytes go from the
 * source into the intake pipe; they are never in this process's memory, except
 * env: values, which are wiped where they stood.
 */
#pragma once

#include "agent/config.h"

#include <poll.h>

struct source;

/* Before any fork: finds op (configuration, else PATH), moves env: and fd:
 * secrets into a pipe and wipes them from the environment, and drops
 * OP_SERVICE_ACCOUNT_TOKEN from it into secret memory.  why is a sentence.
 * *ret_intake is the read end of the first intake pipe (owned by the caller,
 * for the first vault); the write end stays in the source. */
must_check int source_open(const struct config *config,
                           struct source **ret_source, int *ret_intake,
                           char *why, size_t why_size);
void source_close(struct source *source);

/* A new intake pipe for a new vault; what was running for the old one is
 * killed.  *ret_intake: read end, non-blocking, owned by the caller. */
must_check int source_renew(struct source *source, int *ret_intake);

/* Starts fetching, or does nothing if it is under way.  0 or -errno. */
must_check int source_start(struct source *source);

/* For the launcher's poll: up to SOURCE_POLL_MAX entries, and the time until
 * the next deadline (-1: none). */
#define SOURCE_POLL_MAX 4
size_t source_poll(const struct source *source,
                   struct pollfd fds[SOURCE_POLL_MAX], int *ret_timeout_ms);

/* Goes on after a poll.  1: the run has ended and *ret_outcome says how;
 * 0: not yet; -errno. */
must_check int source_step(struct source *source,
                           struct fetch_outcome *ret_outcome);
