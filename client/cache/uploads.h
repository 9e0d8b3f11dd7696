/* uploads.h - ends multipart uploads that nobody will finish
 *
 * They cost money and are seen by no listing of objects.  Private to this
 * folder.
 */
#pragma once

#include "client/cache/s3_queue.h"

#define UPLOADS_AGE_MAX_S (24LL * 60 * 60)

/* All borrowed. */
struct uploads_search {
	struct s3_queue *queue; /* nothing may be under way */
	const struct agent_cache *cache;
	const char *prefix; /* the cache's own, or empty */
	const struct strings *sorted_keys;
};

/* Ends those of nar/ that are of the given keys, or older than
 * UPLOADS_AGE_MAX_S.  -EIO with a sentence in why if they cannot be listed; one
 * that cannot be ended is passed over. */
must_check int uploads_end_stale(const struct uploads_search *search,
                                 size_t *ret_count, char *why, size_t why_size);
