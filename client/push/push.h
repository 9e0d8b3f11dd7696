/* push.h - store paths and their closure into a signed cache */
#pragma once

#include "client/agent_call.h"
#include "client/pack/pack.h"
#include "client/ui/progress.h"

struct push_request {
	const char *cache; /* name or URI; NULL: the only one */
	const char *store; /* see daemon_open(); NULL: the usual one */
	bool no_closure;
	bool full; /* also what an upstream signed */
	bool dry_run;
	bool recheck;                /* what is known to be there too */
	unsigned jobs;               /* 0: one for each processor */
	uint64_t max_memory;         /* bytes, 0: see pack.h */
	const char *compression;     /* NULL: as the cache is configured */
	int level;                   /* -1: likewise; or PACK_LEVEL_AUTO */
	const struct strings *paths; /* as the person gave them */
};

/* Returns an exit status; failures have been told. */
int push_run(const struct push_request *request, struct agent *agent,
             struct progress *progress);
