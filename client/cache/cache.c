#include "client/cache/cache.h"

#include "client/cache/cache_folder.h"
#include "client/cache/cache_s3.h"
#include "protocol/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_AGAIN_MS 1000

struct cache {
	struct store_uri uri;
	struct cache_s3 *s3;         /* STORE_URI_S3 */
	struct cache_folder *folder; /* STORE_URI_FILE */
};

DEFINE_CLEANUP(struct cache *, cache_close)
#define cleanup_cache cleanup(cache_close_at)

static int open_backend(struct cache *c, const struct agent_cache *cache,
                        const struct cache_options *options)
{
	switch (c->uri.kind) {
	case STORE_URI_S3:
		return cache_s3_open(cache, options->agent, &c->uri,
		                     options->connections, &c->s3);
	case STORE_URI_FILE:
		return cache_folder_open(c->uri.path, &c->folder);
	}
	return -EINVAL;
}

int cache_open(const struct agent_cache *cache,
               const struct cache_options *options, struct cache **ret_cache,
               char *why, size_t why_size)
{
	cleanup_cache struct cache *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (c) {
		rc = store_uri_parse(cache->store, &c->uri, why, why_size);
		if (rc < 0)
			return rc;
		rc = open_backend(c, cache, options);
	}
	if (rc < 0) {
		(void)snprintf(why, why_size, "cache %s: cannot open: %s",
		               cache->name, strerror(-rc));
		return rc;
	}
	*ret_cache = take_ptr(c);
	return 0;
}

bool cache_is_remote(const struct cache *cache)
{
	return cache->s3 != NULL;
}

void cache_close(struct cache *cache)
{
	if (!cache)
		return;
	cache_s3_close(cache->s3);
	cache_folder_close(cache->folder);
	free(cache);
}

int cache_submit(struct cache *cache, const struct cache_step *step)
{
	return cache->s3 ? cache_s3_submit(cache->s3, step)
	                 : cache_folder_submit(cache->folder, step);
}

size_t cache_pending(const struct cache *cache)
{
	return cache->s3 ? cache_s3_pending(cache->s3)
	                 : cache_folder_pending(cache->folder);
}

int cache_wait(struct cache *cache, struct pollfd *extra, unsigned extra_count,
               int timeout_ms)
{
	return cache->s3 ? cache_s3_wait(cache->s3, extra, extra_count,
	                                 timeout_ms)
	                 : cache_folder_wait(cache->folder, extra, extra_count,
	                                     timeout_ms);
}

int cache_next(struct cache *cache, struct cache_result *ret_result)
{
	return cache->s3 ? cache_s3_next(cache->s3, ret_result)
	                 : cache_folder_next(cache->folder, ret_result);
}

uint64_t cache_bytes_sent(const struct cache *cache)
{
	return cache->s3 ? cache_s3_bytes_sent(cache->s3)
	                 : cache_folder_bytes_sent(cache->folder);
}

int cache_run(struct cache *cache, const struct cache_step *step,
              struct cache_result *ret_result)
{
	int rc;

	assert(cache_pending(cache) == 0);
	rc = cache_submit(cache, step);
	while (rc == 0) {
		rc = cache_next(cache, ret_result);
		if (rc == 1)
			return 0;
		if (rc == 0)
			rc = cache_wait(cache, NULL, 0, WAIT_AGAIN_MS);
	}
	return rc;
}

int cache_end_stale_uploads(struct cache *cache,
                            const struct strings *sorted_keys,
                            size_t *ret_count, char *why, size_t why_size)
{
	int rc;

	assert(cache_pending(cache) == 0);
	why[0] = '\0';
	rc = cache->s3 ? cache_s3_end_stale_uploads(cache->s3, sorted_keys,
	                                            ret_count, why, why_size)
	               : cache_folder_end_stale(cache->folder, ret_count, why,
	                                        why_size);
	if (rc < 0 && !why[0]) {
		(void)snprintf(why, why_size, "unfinished uploads: %s",
		               strerror(-rc));
	}
	return rc;
}
