/* select.h - which of the agent's caches a person means */
#pragma once

#include "protocol/varlink/agent_api.h"

/* A name, a store URI of the same place, or NULL: the only one there is.
 * Borrowed from status; NULL with a sentence in why. */
const struct agent_cache *select_cache(const struct agent_status *status,
                                       const char *wanted, char *why,
                                       size_t why_size);
