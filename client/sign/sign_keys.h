/* sign_keys.h - the keys whose signatures are wanted, and which are missing */
#pragma once

#include "client/catalog/trust.h"
#include "protocol/varlink/agent_api.h"

#define SIGN_KEYS_WHY_MAX 512

/* The cache's keys, or the one of that name.  0, -ENOMEM, or -ENOENT, with a
 * sentence that names those there are.  The caller does trust_clear(). */
must_check int sign_keys_choose(const struct agent_cache *cache,
                                const char *name, struct trust *ret_keys,
                                char why[SIGN_KEYS_WHY_MAX]);

/* NULL if the path bears a good signature of each key; else the first key that
 * has none.  Borrowed. */
const struct public_key *sign_keys_find_missing(const struct trust *keys,
                                                const char *store_dir,
                                                const struct path_info *info);

/* Adds those of the offered signatures that are good, of one of the keys, and
 * not there yet.  0 or -ENOMEM. */
must_check int sign_keys_pick(const struct trust *keys, const char *store_dir,
                              const struct path_info *info,
                              const struct strings *offered,
                              struct strings *ret_signatures);
