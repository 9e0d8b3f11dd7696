/* s3_listing.h - a page of a bucket's list as objects of the cache
 *
 * Private to this folder.
 */
#pragma once

#include "client/cache/cache.h"

struct s3_listing_request {
	const char *prefix; /* of the cache in its bucket, or "" */
	const char *key;    /* what the names begin with, or "" */
	const char *after;  /* what they come after; NULL: nothing */
	const char *token; /* of the page that was asked for; NULL: the first */
};

/* The answer to a ListObjectsV2 request.  What was not asked for is dropped.
 * -EBADMSG if it is no such answer, has more than S3_MAX_KEYS_MAX objects, or
 * does not say how to go on; -ENOMEM. */
must_check int s3_listing_parse(struct bytes body,
                                const struct s3_listing_request *request,
                                struct cache_listing **ret_listing);
