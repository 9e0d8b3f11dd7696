/* agent_exchange.h - a call goes out, its reply comes back */
#pragma once

#include "client/agent_call.h"
#include "client/agent_channel.h"
#include "protocol/varlink/call.h"

struct agent {
	struct agent_channel channel;
	struct buffer out; /* the call that is being made */
	bool may_announce;
	bool never_waits; /* for a person */
	bool is_too_old;  /* the agent, for pressure in a Presign */
};

enum agent_patience {
	AGENT_PATIENCE_QUICK,
	AGENT_PATIENCE_APPROVAL, /* a person may have to be asked */
};

/* Sends agent->out, which rc says is whole (0) or not (-errno), and receives
 * the last reply to it.  An outcome (0 or > 0, with *error). */
must_check int agent_exchange(struct agent *agent, int rc,
                              enum agent_patience patience,
                              struct varlink_reply *ret_reply,
                              struct agent_error *error);

/* The same, but an error reply is AGENT_OK too, and in *ret_reply: for calls
 * whose errors are not all to be told. */
must_check int agent_exchange_any(struct agent *agent, int rc,
                                  enum agent_patience patience,
                                  struct varlink_reply *ret_reply,
                                  struct agent_error *error);

/* How long a call for that cache may take that needs an unlocked agent.
 * AGENT_OK; where nothing may wait for a person and the agent is not unlocked,
 * AGENT_E_LOCKED with *error, or why its status cannot be had.  Uses
 * agent->out. */
must_check int agent_exchange_prepare(struct agent *agent, const char *cache,
                                      enum agent_patience *ret_patience,
                                      struct agent_error *error);

/* Closes the connection after a failure (-errno); its outcome, with *error. */
must_check int agent_exchange_fail(struct agent *agent, int rc,
                                   struct agent_error *error);
