#include "client/push/presence.h"

#include "client/cache/names.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

struct key {
	char text[NAMES_NARINFO_SIZE];
};

/* Takes what has come.  1: one has failed. */
static int take_results(struct cache *cache, bool *present,
                        struct cache_result *ret_failure)
{
	struct cache_result result;
	int rc;

	while ((rc = cache_next(cache, &result)) == 1) {
		if (result.outcome == CACHE_FAILED) {
			*ret_failure = result;
			return 1;
		}
		present[result.tag] = result.outcome == CACHE_OK;
	}
	return rc;
}

int presence_ask(struct cache *cache, const struct strings *bases,
                 bool *ret_present, struct cache_result *ret_failure)
{
	cleanup_free struct key *keys = calloc(bases->count + 1, sizeof(*keys));
	int rc = keys ? 0 : -ENOMEM;

	for (size_t i = 0; i < bases->count && rc == 0; i++) {
		struct cache_step step = { .type = CACHE_CHECK, .tag = i };

		names_format_narinfo(bases->items[i], keys[i].text);
		step.key = keys[i].text;
		rc = cache_submit(cache, &step);
	}
	while (rc == 0 && cache_pending(cache) > 0) {
		rc = cache_wait(cache, NULL, 0, -1);
		if (rc == 0)
			rc = take_results(cache, ret_present, ret_failure);
	}
	return rc;
}
