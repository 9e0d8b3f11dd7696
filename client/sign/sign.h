/* sign.h - the conductor of sign: a cache's signatures onto paths of the store
 *
 * The signatures are made by the agent and kept by the store, as after
 * `nix store sign --key-file`, but without the file.
 */
#pragma once

#include "client/agent_call.h"
#include "client/sign/sign_report.h"
#include "protocol/base/strings.h"

struct sign_request {
	const char *cache;           /* NULL: the only one there is */
	const char *key;             /* NULL: all keys of the cache */
	const char *store;           /* see daemon_open(); NULL: the usual */
	const struct strings *paths; /* as closure_resolve() takes them */
	bool recursive;
	enum sign_mode mode;
};

/* An exit status: EXIT_DONE when every path bears the signatures now. */
int sign_run(const struct sign_request *request, struct agent *agent);
