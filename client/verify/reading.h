/* reading.h - what the narinfo of a path says: told, and followed */
#pragma once

#include "client/verify/inspect.h"

/* Reads it into path->info and judges its signatures; what it refers to goes
 * into the roster, with an inventory as ROSTER_MISSING if that is new.
 * -EBADMSG: it is worthless, and that has been told; -ENOMEM, -E2BIG. */
must_check int reading_take(const struct inspect_request *request,
                            struct roster_path *path,
                            const struct cache_result *answer);
