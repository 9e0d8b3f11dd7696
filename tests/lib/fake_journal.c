#include "tests/lib/fake_journal.h"

#include <stdlib.h>
#include <string.h>

struct journal *fake_journal_new(void)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		abort();
	return journal;
}

void fake_journal_free(struct journal *journal)
{
	strings_clear(&journal->known);
	strings_clear(&journal->added);
	free(journal);
}

int journal_find_known(struct journal *journal, const char *store,
                       const struct strings *bases, int64_t max_age_s,
                       bool *ret_known)
{
	for (size_t i = 0; i < bases->count; i++) {
		ret_known[i] =
			journal && strcmp(store, journal->store) == 0 &&
			strings_contain(&journal->known, bases->items[i]);
	}
	if (!journal)
		return 0;
	journal->finds++;
	journal->max_age_s = max_age_s;
	return journal->error;
}

int journal_add_known(struct journal *journal, const char *store,
                      const struct strings *bases)
{
	if (!journal)
		return 0;
	journal->adds++;
	if (strcmp(store, journal->store) != 0 || journal->error < 0)
		return journal->error;
	return strings_add_all(&journal->added, bases);
}
