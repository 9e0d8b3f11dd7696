/* shelf.h - narinfos kept in memory, and for a moment that there is none
 *
 * Bounded: what was not asked for longest goes first.
 */
#pragma once

#include "client/serve/blob.h"
#include "protocol/nix/store_path.h"

#define SHELF_KEEP_MS    (60LL * 60 * 1000)
#define SHELF_MISSING_MS 2000LL /* a fresh push is to be seen at once */

struct shelf;

/* What one cache says of one hash part. */
struct shelf_place {
	size_t cache;
	const char *hash_part; /* its first STORE_PATH_HASH_LEN characters */
};

enum shelf_outcome {
	SHELF_UNKNOWN,
	SHELF_MISSING, /* the cache was asked, and has none */
	SHELF_FOUND,
};

/* NULL when out of memory. */
struct shelf *shelf_new(size_t size_max);
void shelf_free(struct shelf *shelf);

/* ret_blob: borrowed until the next call, only if found.  Times are of
 * clock_boot_ms(). */
enum shelf_outcome shelf_find(struct shelf *shelf,
                              const struct shelf_place *place, long long now,
                              struct blob **ret_blob);

/* Takes a share of its own; blob NULL: the cache has none.  What does not fit
 * or finds no memory is not kept. */
void shelf_put(struct shelf *shelf, const struct shelf_place *place,
               struct blob *blob, long long now);
void shelf_forget(struct shelf *shelf, const struct shelf_place *place);
