/* cache_s3.h - the steps of cache.h as requests to an S3 bucket */
#pragma once

#include "client/cache/cache.h"

struct cache_s3;

/* cache and agent are borrowed; uri is that of the cache. */
must_check int cache_s3_open(const struct agent_cache *cache,
                             struct agent *agent, const struct store_uri *uri,
                             unsigned connections, struct cache_s3 **ret_s3);
void cache_s3_close(struct cache_s3 *s3);

must_check int cache_s3_submit(struct cache_s3 *s3,
                               const struct cache_step *step);
size_t cache_s3_pending(const struct cache_s3 *s3);
must_check int cache_s3_wait(struct cache_s3 *s3, struct pollfd *extra,
                             unsigned extra_count, int timeout_ms);
must_check int cache_s3_next(struct cache_s3 *s3,
                             struct cache_result *ret_result);
uint64_t cache_s3_bytes_sent(const struct cache_s3 *s3);
must_check int cache_s3_end_stale_uploads(struct cache_s3 *s3,
                                          const struct strings *sorted_keys,
                                          size_t *ret_count, char *why,
                                          size_t why_size);
