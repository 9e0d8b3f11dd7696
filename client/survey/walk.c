#include "client/survey/walk.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void walk_init(struct walk *walk, struct cache *cache, const char *prefix)
{
	*walk = (struct walk){ .cache = cache, .prefix = prefix };
}

void walk_clear(struct walk *walk)
{
	cache_listing_free(take_ptr(walk->page));
}

static int take_page(struct walk *walk, struct cache_result *result)
{
	if (result->outcome != CACHE_OK) {
		walk->exit_status = result->exit_status;
		memcpy(walk->why, result->error, sizeof(result->error));
		return -ECANCELED;
	}
	cache_listing_free(walk->page);
	walk->page = result->listing;
	walk->is_last = !walk->page->token;
	return 1;
}

int walk_next(struct walk *walk)
{
	struct cache_step step = {
		.type = CACHE_LIST,
		.key = walk->prefix,
		.token = walk->page ? walk->page->token : NULL,
	};
	struct cache_result result = { .outcome = CACHE_FAILED };
	int rc;

	static_assert(sizeof(walk->why) >= sizeof(result.error), "it fits");
	if (walk->is_last)
		return 0;
	rc = cache_run(walk->cache, &step, &result);
	if (rc == 0)
		return take_page(walk, &result);
	walk->exit_status = EXIT_FAILED;
	(void)snprintf(walk->why, sizeof(walk->why), "cannot list: %s",
	               strerror(-rc));
	return rc;
}
