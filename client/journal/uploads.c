/* Multipart uploads: whose each is, and which of its parts are stored. */
#include "client/journal/owner.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void journal_upload_clear(struct journal_upload *upload)
{
	strings_clear(&upload->etags);
}

int journal_begin_upload(struct journal *journal, const char *store,
                         const char *key, const char *upload_id)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc;

	if (!journal)
		return 0;
	if (!upload_id[0] || strlen(upload_id) > S3_UPLOAD_ID_MAX)
		return -EINVAL;
	rc = owner_take(journal);
	if (rc == 0) {
		rc = journal_prepare(journal,
		                     "INSERT INTO upload "
		                     "(store, key, upload_id, owner, begun_at) "
		                     "VALUES (?1, ?2, ?3, ?4, ?5) "
		                     "ON CONFLICT (store, upload_id) "
		                     "DO UPDATE SET owner = ?4, begun_at = ?5",
		                     &statement);
	}
	if (rc < 0)
		return rc;
	journal_bind(statement, 1, store);
	journal_bind(statement, 2, key);
	journal_bind(statement, 3, upload_id);
	journal_bind_number(statement, 4, journal->owner);
	journal_bind_number(statement, 5, journal_now());
	return journal_step(journal, statement);
}

int journal_add_part(struct journal *journal, const char *store,
                     const char *upload_id, const struct journal_part *part)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc;

	if (!journal)
		return 0;
	if (part->bytes > INT64_MAX || part->blocks > INT64_MAX)
		return -ERANGE;
	rc = journal_prepare(journal,
	                     "INSERT OR REPLACE INTO part "
	                     "SELECT id, ?3, ?4, ?5, ?6, ?7 FROM upload "
	                     "WHERE store = ?1 AND upload_id = ?2",
	                     &statement);
	if (rc < 0)
		return rc;
	journal_bind(statement, 1, store);
	journal_bind(statement, 2, upload_id);
	journal_bind_number(statement, 3, part->number);
	journal_bind(statement, 4, part->etag);
	journal_bind_number(statement, 5, (int64_t)part->bytes);
	journal_bind_number(statement, 6, (int64_t)part->blocks);
	(void)sqlite3_bind_blob(statement, 7, part->so_far.sha256, NIX_HASH_LEN,
	                        SQLITE_STATIC);
	rc = journal_step(journal, statement);
	if (rc == 0 && sqlite3_changes(journal->db) == 0)
		rc = -ENOENT;
	return rc;
}

/* The parts from 1 on without a gap. */
static int read_parts(struct journal *journal, int64_t id,
                      struct journal_upload *upload)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc = journal_prepare(journal,
	                         "SELECT number, etag, bytes, blocks, so_far "
	                         "FROM part "
	                         "WHERE upload = ?1 ORDER BY number",
	                         &statement);

	if (rc < 0)
		return rc;
	journal_bind_number(statement, 1, id);
	while ((rc = journal_step(journal, statement)) == 1) {
		const char *etag =
			(const char *)sqlite3_column_text(statement, 1);

		if (sqlite3_column_int64(statement, 0) !=
		    (int64_t)upload->etags.count + 1)
			break;
		rc = etag ? strings_add(&upload->etags, etag,
		                        (size_t)sqlite3_column_bytes(statement,
		                                                     1))
		          : -ENOMEM;
		if (rc < 0)
			return rc;
		upload->bytes += (uint64_t)sqlite3_column_int64(statement, 2);
		upload->blocks = (uint64_t)sqlite3_column_int64(statement, 3);
		if (sqlite3_column_bytes(statement, 4) != NIX_HASH_LEN)
			return journal_error(journal, SQLITE_CORRUPT);
		memcpy(upload->so_far.sha256, sqlite3_column_blob(statement, 4),
		       NIX_HASH_LEN);
	}
	return rc < 0 ? rc : 0;
}

/* Keeps the one with more bytes. */
static void choose(struct journal_upload *best, int64_t *best_id,
                   struct journal_upload *found, int64_t id)
{
	if (*best_id != 0 && found->bytes <= best->bytes) {
		journal_upload_clear(found);
		return;
	}
	journal_upload_clear(best);
	*best = *found;
	*best_id = id;
}

static int read_upload(struct journal *journal, sqlite3_stmt *row,
                       struct journal_upload *ret_upload)
{
	struct journal_upload upload = { .etags = { .items = NULL } };
	const char *upload_id = (const char *)sqlite3_column_text(row, 1);
	int len = snprintf(upload.upload_id, sizeof(upload.upload_id), "%s",
	                   upload_id ? upload_id : "");
	int rc;

	if (len <= 0 || (size_t)len >= sizeof(upload.upload_id))
		return journal_error(journal, SQLITE_CORRUPT);
	rc = read_parts(journal, sqlite3_column_int64(row, 0), &upload);
	if (rc < 0) {
		journal_upload_clear(&upload);
		return rc;
	}
	*ret_upload = upload;
	return 0;
}

/* The best of those whose owner is no more.  *ret_id 0: there is none. */
static int find_orphan(struct journal *journal, sqlite3_stmt *rows,
                       struct journal_upload *ret_upload, int64_t *ret_id)
{
	struct journal_upload best = { .etags = { .items = NULL } };
	int64_t best_id = 0;
	int rc;

	while ((rc = journal_step(journal, rows)) == 1) {
		int64_t owner = sqlite3_column_int64(rows, 2);
		struct journal_upload found = { .bytes = 0 };

		if (owner == journal->owner || owner_is_other(journal, owner))
			continue;
		rc = read_upload(journal, rows, &found);
		if (rc < 0)
			break;
		choose(&best, &best_id, &found, sqlite3_column_int64(rows, 0));
	}
	if (rc < 0) {
		journal_upload_clear(&best);
		return rc;
	}
	*ret_upload = best;
	*ret_id = best_id;
	return 0;
}

/* Ours from now on, with the parts that can be gone on from. */
static int take_over(struct journal *journal, int64_t id, size_t part_count)
{
	static const char *const changes[] = {
		"UPDATE upload SET owner = ?2 WHERE id = ?1",
		"DELETE FROM part WHERE upload = ?1 AND number > ?2",
	};
	const int64_t values[] = { journal->owner, (int64_t)part_count };
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++) {
		cleanup_statement sqlite3_stmt *statement = NULL;

		rc = journal_prepare(journal, changes[i], &statement);
		if (rc < 0)
			break;
		journal_bind_number(statement, 1, id);
		journal_bind_number(statement, 2, values[i]);
		rc = journal_step(journal, statement);
	}
	return rc;
}

/* Within a transaction that began with the lock to write. */
static int adopt(struct journal *journal, sqlite3_stmt *rows,
                 struct journal_upload *ret_upload)
{
	struct journal_upload upload = { .bytes = 0 };
	int64_t id = 0;
	int rc = find_orphan(journal, rows, &upload, &id);

	if (rc < 0 || id == 0)
		return rc;
	rc = take_over(journal, id, upload.etags.count);
	if (rc < 0) {
		journal_upload_clear(&upload);
		return rc;
	}
	*ret_upload = upload;
	return 1;
}

int journal_adopt_upload(struct journal *journal, const char *store,
                         const char *key, int64_t max_age_s,
                         struct journal_upload *ret_upload)
{
	cleanup_statement sqlite3_stmt *rows = NULL;
	struct journal_upload upload = { .etags = { .items = NULL } };
	int64_t now = journal_now();
	int rc;

	if (!journal)
		return 0;
	rc = owner_take(journal);
	if (rc == 0) {
		rc = journal_prepare(
			journal,
			"SELECT id, upload_id, owner FROM upload "
			"WHERE store = ?1 AND key = ?2 AND begun_at "
			"BETWEEN ?3 AND ?4",
			&rows);
	}
	if (rc == 0)
		rc = journal_begin(journal);
	if (rc < 0)
		return rc;
	journal_bind(rows, 1, store);
	journal_bind(rows, 2, key);
	journal_bind_number(rows, 3, now - max_age_s);
	journal_bind_number(rows, 4, now);
	rc = adopt(journal, rows, &upload);
	(void)sqlite3_reset(rows);
	rc = journal_end(journal, rc);
	if (rc != 1) {
		journal_upload_clear(&upload);
		return rc;
	}
	*ret_upload = upload;
	return 1;
}

int journal_end_upload(struct journal *journal, const char *store,
                       const char *upload_id)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc;

	if (!journal)
		return 0;
	rc = journal_prepare(
		journal,
		"DELETE FROM upload WHERE store = ?1 AND upload_id = ?2",
		&statement);
	if (rc < 0)
		return rc;
	journal_bind(statement, 1, store);
	journal_bind(statement, 2, upload_id);
	return journal_step(journal, statement);
}
