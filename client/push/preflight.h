/* preflight.h - what must be true of a cache before anything is put into it */
#pragma once

#include "client/cache/cache.h"

/* Reads nix-cache-info. */
struct cache_step preflight_step(void);

/* What came of that step: 0 and *ret_is_missing, or an exit status with a
 * sentence in why (unreachable, refused, made for another store). */
must_check int preflight_judge(const struct cache_result *result,
                               const struct agent_cache *config,
                               bool *ret_is_missing, char *why,
                               size_t why_size);

/* Makes it.  0, or an exit status with a sentence. */
must_check int preflight_make(struct cache *cache,
                              const struct agent_cache *config, char *why,
                              size_t why_size);
