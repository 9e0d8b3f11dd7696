/* judge.h - whether every narinfo of a pull is signed by somebody who is believed */
#pragma once

#include "client/pull/pull_paths.h"
#include "client/ui/progress.h"
#include "protocol/varlink/agent_api.h"

/* Keys of the cache, of its upstreams and of Nix itself.  Each path that is
 * PULL_FOUND and neither signed nor named by its content is told to the
 * progress.  0 and their number, or -errno. */
must_check int judge_paths(const struct pull_paths *paths,
                           const struct agent_cache *cache,
                           struct progress *progress, size_t *ret_bad);
