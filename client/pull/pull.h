/* pull.h - store paths and their closure out of a cache, into the local store */
#pragma once

#include "client/ui/progress.h"
#include "protocol/base/strings.h"

struct pull_request {
	const char *cache; /* name or URI; NULL: the only one */
	const char *store; /* see daemon_open(); NULL: the usual one */
	bool no_closure;   /* what the paths refer to must be valid already */
	bool dry_run;
	unsigned jobs;               /* imports at once; 0: chosen */
	const struct strings *paths; /* as the person gave them */
};

/* Returns an exit status; failures have been told.  The agent is asked for
 * only if something is missing. */
int pull_run(const struct pull_request *request, struct progress *progress);
