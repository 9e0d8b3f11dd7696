/* level.h - how hard to compress, so that neither packers nor taker wait long
 *
 * Bytes that wait for their taker say that the wire is what is slow: harder.
 * Blocks that wait for a packer, while the taker has little, say the opposite.
 * Pure: sights in, a level out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct level {
	int level; /* now */
	int max;
	uint64_t seen;     /* bytes since the last verdict */
	uint64_t high;     /* of them, seen while the taker was slow */
	uint64_t low;      /* of them, while packers were */
	unsigned settling; /* verdicts not to act on: the last change works */
	unsigned streak;   /* verdicts for more in a row */
	unsigned patience; /* as many as it takes */
	int ceiling;       /* was too high; 0: none was */
	int fall;          /* by how much the next step down goes */
	bool has_risen;    /* the last change was upward */
};

/* What there is when a block is taken to be compressed. */
struct level_sight {
	uint64_t len;    /* of the block, in bytes */
	uint64_t held;   /* bytes of memory that the taker has */
	uint64_t limit;  /* of what there may be in all */
	bool has_waited; /* no packer was idle when it came */
};

/* From LEVEL_FIRST, between 1 and max, which is at least that. */
#define LEVEL_FIRST 3
void level_init(struct level *level, int max);

/* The level for this block. */
int level_next(struct level *level, const struct level_sight *sight);
