/* session.h - the agent, what it says of itself, and the cache that is meant */
#pragma once

#include "client/cache/cache.h"

struct session {
	struct agent *agent;              /* owned */
	struct agent_status status;       /* owned */
	const struct agent_cache *config; /* borrowed from status */
	struct cache *cache;              /* owned */
};

#define SESSION_WHY_MAX 768

/* cache: a name, a URI, or NULL for the only one.  0, or an exit status with a
 * sentence in why; session_close() in both cases. */
must_check int session_open(const char *cache, unsigned connections,
                            struct session *ret_session,
                            char why[SESSION_WHY_MAX]);
void session_close(struct session *session);

/* For cleanup_session on a local struct session. */
#define cleanup_session __attribute__((__cleanup__(session_close)))
