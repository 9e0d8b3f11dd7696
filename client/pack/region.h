/* region.h - a run of bytes, charged to a budget for as long as it lives
 *
 * Large ones are mappings of their own: freeing one gives its pages back at
 * once, whichever thread does it, and malloc's arenas do not grow.  Those for a
 * whole block are slabs.
 */
#pragma once

#include "client/pack/budget.h"

#include <stdbool.h>
#include <stddef.h>

struct region {
	uint8_t *data;
	size_t size; /* that may be used */
	size_t len;  /* that are used; the owner counts */
	bool is_slab;
	uint64_t charge;
	struct budget *budget; /* a share; NULL: nothing is held */
};

/* What a region of so many bytes costs. */
uint64_t region_charge(size_t size);

/* The caller has taken region_charge(size) from the budget, and the region
 * gives it back, also if this fails.  0 or -ENOMEM. */
must_check int region_init(struct region *region, struct budget *budget,
                           size_t size);

/* Frees and gives back; leaves an empty region.  Works on an empty one. */
void region_clear(struct region *region);

/* Gives back what lies beyond len, if it is worth it: a slab that is more than
 * half full stays one.  0 or -ENOMEM. */
must_check int region_fit(struct region *region);

/* Adds other's bytes at the end, and what they need of its charge; other becomes
 * empty.  If region is empty no byte is copied.  0 or -ENOMEM, and then both are
 * as before. */
must_check int region_append(struct region *region, struct region *other);
