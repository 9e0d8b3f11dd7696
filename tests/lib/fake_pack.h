/* fake_pack.h - a pack without threads: parts of a few bytes, each a block of
 * the NAR, in random turns
 *
 * A program that links this has no other pack_submit() and so on.
 */
#pragma once

#include "client/pack/pack.h"

#include <stdbool.h>

#define FAKE_PACK_JOBS_MAX 512

struct fake_job {
	size_t job;
	char path[256];
	struct pack_start start; /* zeros: none was given */
	unsigned part_count;     /* it will have, those before the start too */
	unsigned given;          /* likewise */
	unsigned fails_after;    /* at this part; 0: never */
	bool is_over;            /* done, failed or cancelled */
	bool is_cancelled;
};

struct pack {
	struct fake_job jobs[FAKE_PACK_JOBS_MAX];
	size_t count;
	size_t held; /* parts that were given and not yet freed */
	unsigned random;

	/* Set by the test. */
	size_t budget;         /* no part is given while so many are held */
	unsigned fail_percent; /* of the jobs */
	int submit_error;
};

struct pack *fake_pack_new(unsigned seed);
void fake_pack_free(struct pack *pack);

/* A part of this pack, as if it had been given. */
struct pack_part *fake_pack_part(struct pack *pack, unsigned number,
                                 bool is_last);
