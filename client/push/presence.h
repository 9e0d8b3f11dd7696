/* presence.h - asks the cache which narinfos it has, many at a time */
#pragma once

#include "client/cache/cache.h"

/* ret_present[i] says whether the narinfo of bases[i] is there.  0; -errno;
 * > 0: the cache has failed, and *ret_failure says how. */
must_check int presence_ask(struct cache *cache, const struct strings *bases,
                            bool *ret_present,
                            struct cache_result *ret_failure);
