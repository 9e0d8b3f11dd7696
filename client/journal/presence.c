/* What each cache was seen to have. */
#include "client/journal/state.h"
#include "protocol/nix/store_path.h"

#include <string.h>

#define FRESH "seen_at BETWEEN ?3 AND ?4"

/* 1: *ret_id is the store's; 0: nothing is known of it; -errno. */
static int find_store(struct journal *journal, const char *store,
                      int64_t *ret_id)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc = journal_prepare(journal, "SELECT id FROM store WHERE uri = ?1",
	                         &statement);

	if (rc < 0)
		return rc;
	journal_bind(statement, 1, store);
	rc = journal_step(journal, statement);
	if (rc == 1)
		*ret_id = sqlite3_column_int64(statement, 0);
	return rc;
}

static int add_store(struct journal *journal, const char *store,
                     int64_t *ret_id)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc = find_store(journal, store, ret_id);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = journal_prepare(journal, "INSERT INTO store (uri) VALUES (?1)",
	                     &statement);
	if (rc < 0)
		return rc;
	journal_bind(statement, 1, store);
	rc = journal_step(journal, statement);
	*ret_id = sqlite3_last_insert_rowid(journal->db);
	return rc;
}

/* A narinfo is named by the hash part. */
static void bind_base(sqlite3_stmt *statement, int at, const char *base)
{
	(void)sqlite3_bind_text(statement, at, base,
	                        (int)strnlen(base, STORE_PATH_HASH_LEN),
	                        SQLITE_STATIC);
}

static int find_each(struct journal *journal, int64_t id,
                     const struct strings *bases, int64_t max_age_s,
                     bool *ret_known)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int64_t now = journal_now();
	int rc = journal_prepare(journal,
	                         "SELECT 1 FROM presence WHERE store = ?1 "
	                         "AND hash = ?2 AND " FRESH,
	                         &statement);

	if (rc < 0)
		return rc;
	journal_bind_number(statement, 1, id);
	journal_bind_number(statement, 3, now - max_age_s);
	journal_bind_number(statement, 4, now);
	for (size_t i = 0; i < bases->count; i++) {
		bind_base(statement, 2, bases->items[i]);
		rc = journal_step(journal, statement);
		if (rc < 0)
			return rc;
		ret_known[i] = rc == 1;
		(void)sqlite3_reset(statement);
	}
	return 0;
}

int journal_find_known(struct journal *journal, const char *store,
                       const struct strings *bases, int64_t max_age_s,
                       bool *ret_known)
{
	int64_t id = 0;
	int rc;

	memset(ret_known, 0, bases->count * sizeof(*ret_known));
	if (!journal)
		return 0;
	/* One transaction, so that the file is locked once and not for each. */
	rc = journal_execute(journal, "BEGIN");
	if (rc < 0)
		return rc;
	rc = find_store(journal, store, &id);
	if (rc == 1)
		rc = find_each(journal, id, bases, max_age_s, ret_known);
	rc = journal_end(journal, rc);
	if (rc < 0)
		memset(ret_known, 0, bases->count * sizeof(*ret_known));
	return rc;
}

static int add_each(struct journal *journal, int64_t id,
                    const struct strings *bases)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc = journal_prepare(journal,
	                         "INSERT INTO presence VALUES (?1, ?2, ?3) "
	                         "ON CONFLICT (store, hash) "
	                         "DO UPDATE SET seen_at = ?3",
	                         &statement);

	if (rc < 0)
		return rc;
	journal_bind_number(statement, 1, id);
	journal_bind_number(statement, 3, journal_now());
	for (size_t i = 0; i < bases->count && rc == 0; i++) {
		bind_base(statement, 2, bases->items[i]);
		rc = journal_step(journal, statement);
		(void)sqlite3_reset(statement);
	}
	return rc;
}

int journal_add_known(struct journal *journal, const char *store,
                      const struct strings *bases)
{
	int64_t id = 0;
	int rc;

	if (!journal || bases->count == 0)
		return 0;
	rc = journal_begin(journal);
	if (rc < 0)
		return rc;
	rc = add_store(journal, store, &id);
	if (rc == 0)
		rc = add_each(journal, id, bases);
	return journal_end(journal, rc);
}

int journal_forget(struct journal *journal, const char *store)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc;

	if (!journal)
		return 0;
	rc = journal_prepare(journal,
	                     "DELETE FROM presence WHERE store = "
	                     "(SELECT id FROM store WHERE uri = ?1)",
	                     &statement);
	if (rc < 0)
		return rc;
	journal_bind(statement, 1, store);
	return journal_step(journal, statement);
}
