/* believed.h - all keys whose signatures count for the paths of a cache */
#pragma once

#include "client/catalog/trust.h"
#include "protocol/varlink/agent_api.h"

#define BELIEVED_WHY_MAX 256

/* The cache's own public keys, its upstreams', and Nix's trusted-public-keys.
 * When the latter cannot be read why says so, else it is empty: without them
 * fewer paths are believed, never more.  0, -ENOMEM, -E2BIG. */
must_check int believed_load(const struct agent_cache *cache,
                             struct trust *ret_trust,
                             char why[BELIEVED_WHY_MAX]);
