/* A journal in which nothing is written: what journal.h promises of NULL. */
#include "client/journal/journal.h"

#include <errno.h>

int journal_open(const char *path, struct journal **ret_journal,
                 char why[JOURNAL_WHY_MAX])
{
	(void)path;
	(void)ret_journal;
	why[0] = '\0';
	return -ENOTSUP;
}

void journal_close(struct journal *journal)
{
	(void)journal;
}

int journal_find_known(struct journal *journal, const char *store,
                       const struct strings *bases, int64_t max_age_s,
                       bool *ret_known)
{
	(void)journal;
	(void)store;
	(void)max_age_s;
	for (size_t i = 0; i < bases->count; i++)
		ret_known[i] = false;
	return 0;
}

int journal_add_known(struct journal *journal, const char *store,
                      const struct strings *bases)
{
	(void)journal;
	(void)store;
	(void)bases;
	return 0;
}

int journal_forget(struct journal *journal, const char *store)
{
	(void)journal;
	(void)store;
	return 0;
}

void journal_upload_clear(struct journal_upload *upload)
{
	strings_clear(&upload->etags);
}

int journal_begin_upload(struct journal *journal, const char *store,
                         const char *key, const char *upload_id)
{
	(void)journal;
	(void)store;
	(void)key;
	(void)upload_id;
	return 0;
}

int journal_add_part(struct journal *journal, const char *store,
                     const char *upload_id, unsigned number, const char *etag,
                     uint64_t bytes, uint64_t blocks)
{
	(void)journal;
	(void)store;
	(void)upload_id;
	(void)number;
	(void)etag;
	(void)bytes;
	(void)blocks;
	return 0;
}

int journal_adopt_upload(struct journal *journal, const char *store,
                         const char *key, int64_t max_age_s,
                         struct journal_upload *ret_upload)
{
	(void)journal;
	(void)store;
	(void)key;
	(void)max_age_s;
	(void)ret_upload;
	return 0;
}

int journal_end_upload(struct journal *journal, const char *store,
                       const char *upload_id)
{
	(void)journal;
	(void)store;
	(void)upload_id;
	return 0;
}

int journal_find_link(struct journal *journal, const char *store,
                      struct journal_link *ret_link)
{
	(void)journal;
	(void)store;
	(void)ret_link;
	return 0;
}

int journal_set_link(struct journal *journal, const char *store,
                     uint64_t bytes_per_s, uint32_t latency_ms)
{
	(void)journal;
	(void)store;
	(void)bytes_per_s;
	(void)latency_ms;
	return 0;
}
