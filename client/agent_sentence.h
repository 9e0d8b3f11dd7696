/* agent_sentence.h - what went wrong with the agent, and what to do about it */
#pragma once

#include "client/agent_call.h"
#include "protocol/varlink/error_reply.h"

/* An error reply.  Fills *error and returns its outcome (> 0). */
must_check int agent_sentence_reply(const struct varlink_reply *reply,
                                    struct agent_error *error);

/* An agent that is locked and must not be unlocked now.  Likewise. */
must_check int agent_sentence_locked(struct agent_error *error);

/* A failure (-errno) of the connection to path.  Fills *error and returns its
 * outcome (> 0). */
must_check int agent_sentence_failure(int rc, const char *path,
                                      struct agent_error *error);
