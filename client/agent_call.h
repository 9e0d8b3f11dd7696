/* agent_call.h - asks the agent: one connection, one call at a time
 *
 * Reconnects once when the agent has been restarted in between.  Every wait
 * has a deadline.
 */
#pragma once

#include "protocol/varlink/agent_api.h"

/* Outcomes (> 0); exit_status is what the program should end with. */
enum agent_outcome {
	AGENT_OK = 0,
	AGENT_E_NO_AGENT = 1, /* not running, or not reachable: exit 2 */
	AGENT_E_LOCKED,       /* exit 3 */
	AGENT_E_POLICY,       /* exit 4 */
	AGENT_E_SOURCE,       /* exit 5 */
	AGENT_E_REFUSED,      /* any other error reply: exit 1 */
};

struct agent_error {
	int exit_status;
	char text[768]; /* what happened, to what, what to do; printable */
};

struct agent;

/* socket_path NULL: $NIXCACHE_AGENT_SOCK, else the usual place. */
must_check int agent_open(const char *socket_path, struct agent **ret_agent,
                          struct agent_error *error);
void agent_close(struct agent *agent);

/* Says on standard error, after a second of waiting, that an approval is
 * being waited for.  Off unless a person watches. */
void agent_announce_waiting(struct agent *agent);

/* From now on nothing waits for the secrets: what would have to, because the
 * agent is locked, ends with AGENT_E_LOCKED at once.  A cache whose uses a
 * person confirms is waited for all the same. */
void agent_never_wait(struct agent *agent);

must_check int agent_get_status(struct agent *agent,
                                struct agent_status *ret_status,
                                struct agent_error *error);
must_check int agent_unlock(struct agent *agent, struct agent_error *error);
must_check int agent_lock(struct agent *agent, struct agent_error *error);
must_check int agent_quit(struct agent *agent, struct agent_error *error);

/* Any number of paths (sent in batches); ret_signatures[i] gets the
 * signatures of paths[i] and must be cleared by the caller. */
must_check int agent_sign(struct agent *agent, const struct agent_cache *cache,
                          const struct path_info *const *paths, size_t count,
                          struct strings *ret_signatures,
                          struct agent_error *error);

struct presign_order {
	const char *cache; /* its name */
	const struct s3_object_request *requests;
	size_t count;                   /* any number: sent in batches */
	struct agent_pressure pressure; /* of that cache's server */
};

/* The caller clears each of ret_requests.  ret_pace: what the agent asks this
 * client to keep to.  An agent that knows nothing of pressure is told none. */
must_check int agent_presign(struct agent *agent,
                             const struct presign_order *order,
                             struct agent_signed_request *ret_requests,
                             struct agent_pace *ret_pace,
                             struct agent_error *error);
