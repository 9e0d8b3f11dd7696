/* fake_journal.h - the journal's part about presence, in memory
 *
 * A program that links this has no other journal_find_known() and so on.
 */
#pragma once

#include "client/journal/journal.h"

struct journal {
	struct strings known; /* sorted */
	const char *store;    /* of which it knows */
	int64_t max_age_s;    /* what was asked for last */
	struct strings added; /* in the order in which they came */
	unsigned finds, adds; /* calls */
	int error;            /* of every call; 0: none */
};

struct journal *fake_journal_new(void);
void fake_journal_free(struct journal *journal);
