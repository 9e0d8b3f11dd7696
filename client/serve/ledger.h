/* ledger.h - what has been found out about objects of a cache, and when
 *
 * Bounded: the oldest entry gives way to a new one.
 */
#pragma once

#include "client/cache/names.h"
#include "client/pack/unpack.h"

#define LEDGER_COMPRESSION_MAX 16

struct ledger_entry {
	char key[NAMES_NAR_SIZE];
	char compression[LEDGER_COMPRESSION_MAX]; /* of a NAR */
	struct unpack_sums sums;                  /* of a NAR */
	long long noted_ms;                       /* clock_boot_ms() */
};

struct ledger;

/* NULL when out of memory; memory is taken as entries come. */
struct ledger *ledger_new(size_t count_max);
void ledger_free(struct ledger *ledger);

/* Takes the place of what was known of that key.  sums NULL: no more than that
 * it is there.  Without memory it is not noted: it will have to be found out
 * again. */
void ledger_note(struct ledger *ledger, const char *key,
                 const char *compression, const struct unpack_sums *sums);

/* Borrowed until the next note; NULL if nothing is known. */
const struct ledger_entry *ledger_find(const struct ledger *ledger,
                                       const char *key);
