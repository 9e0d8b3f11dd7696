/* decide.h - which paths of a closure are to be uploaded: not those that an
 * upstream cache has, not those that the cache has already
 */
#pragma once

#include "client/cache/cache.h"
#include "client/journal/journal.h"
#include "client/push/plan.h"
#include "client/store/daemon.h"
#include "client/ui/progress.h"

/* All borrowed. */
struct decide_request {
	const struct closure *closure;
	const struct agent_cache *config;
	struct daemon *daemon;
	struct cache *cache;
	struct journal *journal; /* NULL: nothing is remembered */
	int64_t max_age_s;       /* of what the journal says */
	struct progress *progress;
	bool is_full;  /* also what an upstream signed */
	bool is_alone; /* the closure is not whole: what its paths refer to must
	                * be in the cache, or upstream */
};

/* 0 and *ret_plan, finished; or an exit status, when the failure has been
 * told.  plan_clear() in both cases.  *ret_needs_cache_info: the cache has no
 * nix-cache-info yet; it was looked at if there is anything to upload. */
must_check int decide(const struct decide_request *request,
                      struct plan *ret_plan, bool *ret_needs_cache_info);
