/* walk.h - everything that a cache lists, a page after another */
#pragma once

#include "client/cache/cache.h"

#define WALK_WHY_MAX 768

struct walk {
	struct cache *cache; /* borrowed */
	const char *prefix;  /* borrowed */
	struct cache_listing *page;
	bool is_last;
	int exit_status;        /* after -ECANCELED: what to end with */
	char why[WALK_WHY_MAX]; /* after a failure */
};

/* prefix: what keys begin with, relative to the cache; "" for all. */
void walk_init(struct walk *walk, struct cache *cache, const char *prefix);
void walk_clear(struct walk *walk);

/* Nothing else may be under way in the cache.  1: walk->page is the next one,
 * until the next call; 0: there is none; -ECANCELED or another -errno: why
 * says what happened. */
must_check int walk_next(struct walk *walk);

/* For cleanup_walk on a local struct walk. */
#define cleanup_walk __attribute__((__cleanup__(walk_clear)))
