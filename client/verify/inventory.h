/* inventory.h - all objects that a cache has: its narinfos, and its archives */
#pragma once

#include "client/cache/cache.h"
#include "client/verify/report.h"
#include "client/verify/roster.h"

struct inventory_nar {
	char *key; /* owned */
	uint64_t size;
	bool is_named; /* by a narinfo */
};

struct inventory {
	struct inventory_nar *nars; /* owned; sorted */
	size_t count;
	size_t capacity;
};

#define INVENTORY_WHY_MAX 768

/* Asks page by page.  Narinfos go into the roster.  0, or an exit status with
 * a sentence in why. */
must_check int inventory_take(struct cache *cache, struct roster *roster,
                              struct inventory *ret_inventory,
                              char why[INVENTORY_WHY_MAX]);
void inventory_clear(struct inventory *inventory);

/* NULL if there is none. */
struct inventory_nar *inventory_find(const struct inventory *inventory,
                                     const char *key);

/* Notes of the archives that nothing names. */
void inventory_tell_unnamed(const struct inventory *inventory,
                            struct report *report);
