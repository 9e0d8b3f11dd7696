/* entry.h - what a cache says of one store path: a narinfo, read with distrust */
#pragma once

#include "client/cache/cache.h"
#include "protocol/nix/narinfo.h"
#include "protocol/s3/object_key.h"

#define ENTRY_WHY_MAX 512

/* The answer to a CACHE_GET of a narinfo: its Content-Encoding undone, parsed,
 * of the very path that was asked for, and without a content address that is
 * false.  hash_part: its first 32 characters.
 * base: the whole base name if that is known, else NULL.  -EBADMSG, -ENOMEM with
 * a sentence that names the object. */
struct entry_question {
	const char *hash_part;
	const char *base;
	const char *store_dir;
};
must_check int entry_read(const struct cache_result *answer,
                          const struct entry_question *question,
                          struct narinfo *ret_info, char why[ENTRY_WHY_MAX]);

/* The object of the cache that a narinfo's URL means: relative, without query,
 * "." and "..", and a key that a cache may have.  -EINVAL otherwise. */
must_check int entry_nar_key(const struct narinfo *info,
                             char ret_key[OBJECT_KEY_MAX + 1]);
