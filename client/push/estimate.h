/* estimate.h - what a push will take: bytes, requests, time
 *
 * Pure: decides from values, asks nobody.  As if every path of the plan had to
 * be packed and sent from its beginning: archives that are there without their
 * narinfo, and what an earlier run has left, make it less.  Requests that find
 * out what the cache has are not in it: the plan was made with them.
 */
#pragma once

#include "client/journal/journal.h"
#include "client/pack/pack.h"
#include "client/push/plan.h"
#include "client/ui/progress.h"

struct estimate_request {
	const struct plan *plan; /* finished */
	enum pack_compression compression;
	bool is_remote;                  /* a bucket, not a folder */
	bool needs_cache_info;           /* nix-cache-info is to be made */
	const struct journal_link *link; /* NULL: never measured */
	const struct journal_work *work; /* NULL: likewise; of this compression */
	unsigned jobs;                   /* compressing threads, at least 1 */
	unsigned connections; /* at most so many requests at a time */
};

/* Without work nothing is taken to compress at all, which is a bound. */
void estimate_make(const struct estimate_request *request,
                   struct progress_estimate *ret_estimate);
