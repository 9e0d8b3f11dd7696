/* checkup.h - an archive that is fetched, unpacked and hashed by its own thread */
#pragma once

#include "client/cache/cache.h"
#include "client/pack/unpack.h"
#include "client/verify/roster.h"
#include "protocol/s3/object_key.h"

#define CHECKUP_WHY_MAX 768

struct checkup;

/* Starts the thread, and asks the cache for the archive; the result's tag is
 * the path's index.  event_fd is written to when the thread is through.  -errno:
 * nothing was started. */
must_check int checkup_begin(struct cache *cache, struct roster_path *path,
                             const char *key, int event_fd,
                             struct checkup **ret_checkup);

/* Waits for the thread; the cache must have given its result, or be closed. */
void checkup_free(struct checkup *checkup);

/* The cache has given its result. */
void checkup_note_result(struct checkup *checkup, enum cache_outcome outcome);

/* Both the cache and the thread are through. */
bool checkup_is_over(const struct checkup *checkup);

struct roster_path *checkup_path(const struct checkup *checkup);
const char *checkup_key(const struct checkup *checkup);
uint64_t checkup_bytes(const struct checkup *checkup);

/* When it is over: 0, or -errno with a sentence: -EBADMSG is not what the
 * narinfo says, -ENOENT there is no such object, anything else: it could not
 * be told. */
must_check int checkup_judge(const struct checkup *checkup,
                             char why[CHECKUP_WHY_MAX]);
