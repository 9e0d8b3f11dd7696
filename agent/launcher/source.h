/* source.h - runs the secret sources of a configuration, one run at a time
 *
 * All op:// references go through one run of op.  The secret bytes go from the
 * source into the intake pipe; they are never in this process's memory, except
 * env: values, which are wiped where they stood.
 */
#pragma once

#include "agent/config.h"
#include "protocol/base/strings.h"

#include <poll.h>

struct source;

/* Before any fork: finds op (configuration, else PATH), moves env: and fd:
 * secrets into a pipe and wipes them from the environment, and drops
 * OP_SERVICE_ACCOUNT_TOKEN from it into secret memory if there is an op://
 * reference.  config is borrowed for good.  SIGPIPE is ignored from here on
 * and SIGCHLD has its default action; nobody else may wait for "any child".
 * why is a sentence.
 * *ret_intake is the read end of the first intake pipe (owned by the caller,
 * for the first vault); the write end stays in the source. */
must_check int source_open(const struct config *config,
                           struct source **ret_source, int *ret_intake,
                           char *why, size_t why_size);
void source_close(struct source *source);

/* As source_close(), but for a forked role: lets go of the descriptors and
 * the memory and leaves what runs alone. */
void source_forget(struct source *source);

/* Hands a service account's token on to a source for a new configuration: it
 * is in the environment no more. */
void source_pass_token(struct source *from, struct source *to);

/* The environment variables that were taken out of the environment: what runs
 * under the agent does not get them either.  Borrowed. */
const struct strings *source_taken_env(const struct source *source);

/* A new intake pipe for a new vault; what was running for the old one is
 * killed, and its outcome is not told.  env: and fd: secrets were in the first
 * pipe only: from now on a run ends with SOURCE_SPENT.  *ret_intake: read end,
 * non-blocking, owned by the caller. */
must_check int source_renew(struct source *source, int *ret_intake);

/* Starts fetching, or does nothing if it is under way.  0 or -errno; -ESTALE
 * when the pipe was used by an earlier run: source_renew() first. */
must_check int source_start(struct source *source);

/* True once a run has written to the pipe, or ended: a run that fails before
 * it has written anything can be repeated with the same vault. */
bool source_needs_renewal(const struct source *source);

/* For the launcher's poll: up to SOURCE_POLL_MAX entries, and the time until
 * the next deadline (-1: none). */
#define SOURCE_POLL_MAX 4
size_t source_poll(const struct source *source,
                   struct pollfd fds[SOURCE_POLL_MAX], int *ret_timeout_ms);

/* Goes on after a poll.  1: the run has ended and *ret_outcome says how;
 * 0: not yet; -errno. */
must_check int source_step(struct source *source,
                           struct fetch_outcome *ret_outcome);
