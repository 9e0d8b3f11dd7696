/* fetch.h - takes every path of a plan into the local store, many at once */
#pragma once

#include "client/cache/cache.h"
#include "client/pull/importers.h"
#include "client/pull/pull_plan.h"
#include "client/ui/progress.h"

/* Paths under way.  The cache must have as many connections: one that stands
 * still until an older path is imported then never stands in the way of that
 * path, whatever a cache says of sizes. */
#define FETCH_ACTIVE_MAX 64

struct fetch_request {
	struct cache *cache;
	struct importers *importers;
	const struct pull_paths *paths;
	struct pull_plan *plan; /* unmet is counted down */
	const char *store_dir;
	struct progress *progress;
};

struct fetch_result {
	size_t pulled;
	size_t failed;
	uint64_t bytes; /* that came from the cache */
	int exit_status;
};

struct fetch;

/* 0 or -ENOMEM.  The request is copied, what it points to borrowed. */
must_check int fetch_open(const struct fetch_request *request,
                          struct fetch **ret_fetch);

/* After importers_close() with 0, and before cache_close(). */
void fetch_close(struct fetch *fetch);

/* The paths that are PULL_ABSENT, out of Nix's own substituters.  What needs
 * one that cannot be had has failed, and has been told to the progress. */
void fetch_ensure(struct fetch *fetch);

/* All others.  Failures have been told to the progress. */
void fetch_run(struct fetch *fetch);

void fetch_get_result(const struct fetch *fetch,
                      struct fetch_result *ret_result);
