/* Opening: the file, its tables, its damage, its age.
 *
 * A rollback journal, not a write-ahead log: that needs memory shared between
 * all processes, which a home on a network file system has not
 * (sqlite.org/wal.html), and nobody here reads for long enough to be worth it.
 * TRUNCATE makes no new file for each transaction.
 *
 * synchronous=OFF: a process may be killed at any moment, since what it has
 * written is the kernel's by then.  Only a machine that loses power can leave a
 * damaged file, and then it costs no more than the time to find everything out
 * again; while each fsync(2) would hold up the conductor, once a part.  So the
 * file is checked when the machine has been started since it was last opened.
 */
#include "client/journal/file.h"
#include "client/journal/owner.h"
#include "protocol/base/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION   1
#define TRIES_MAX 3
#define DAY_S     ((int64_t)24 * 60 * 60)

/* The cache holds what 20,000 paths change: a transaction that must be written
 * before its end locks readers out until then. */
static const char settings[] = "PRAGMA journal_mode=TRUNCATE;"
			       "PRAGMA synchronous=OFF;"
			       "PRAGMA cache_size=-16384;" /* KiB */
			       "PRAGMA temp_store=MEMORY;"
			       "PRAGMA foreign_keys=ON;";

/* Each row of presence says of one narinfo, by the hash part of its path, when
 * it was last seen. */
static const char tables[] =
	"CREATE TABLE care (boot TEXT NOT NULL, cleaned_at INTEGER NOT NULL);"
	"INSERT INTO care VALUES ('', 0);"
	"CREATE TABLE store (id INTEGER PRIMARY KEY, uri TEXT NOT NULL UNIQUE);"
	"CREATE TABLE presence ("
	"store INTEGER NOT NULL, hash TEXT NOT NULL, seen_at INTEGER NOT NULL,"
	"PRIMARY KEY (store, hash)) WITHOUT ROWID;"
	"CREATE TABLE upload ("
	"id INTEGER PRIMARY KEY, store TEXT NOT NULL, key TEXT NOT NULL,"
	"upload_id TEXT NOT NULL, owner INTEGER NOT NULL,"
	"begun_at INTEGER NOT NULL, UNIQUE (store, upload_id));"
	"CREATE INDEX upload_key ON upload (store, key);"
	"CREATE TABLE part ("
	"upload INTEGER NOT NULL REFERENCES upload (id) ON DELETE CASCADE,"
	"number INTEGER NOT NULL, etag TEXT NOT NULL, bytes INTEGER NOT NULL,"
	"blocks INTEGER NOT NULL, so_far BLOB NOT NULL,"
	"PRIMARY KEY (upload, number)) WITHOUT ROWID;"
	"CREATE TABLE link ("
	"store TEXT PRIMARY KEY, bytes_per_s INTEGER NOT NULL,"
	"latency_ms INTEGER NOT NULL, measured_at INTEGER NOT NULL)"
	"WITHOUT ROWID;"
	"CREATE TABLE work ("
	"method TEXT PRIMARY KEY, nar_bytes INTEGER NOT NULL,"
	"file_bytes INTEGER NOT NULL, cpu_ms INTEGER NOT NULL)"
	"WITHOUT ROWID;"
	"PRAGMA user_version=1;";

_Static_assert(VERSION == 1, "as the tables say");

/* 0 for a new file; -errno. */
static int read_version(struct journal *j)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc = journal_prepare(j, "PRAGMA user_version", &statement);

	if (rc == 0)
		rc = journal_step(j, statement);
	if (rc != 1)
		return rc < 0 ? rc : -EBADMSG;
	rc = sqlite3_column_int(statement, 0);
	return rc < 0 || rc > VERSION ? -EBADMSG : rc;
}

static int make_tables(struct journal *j)
{
	int rc = journal_begin(j);

	if (rc < 0)
		return rc;
	rc = read_version(j); /* another may have been first */
	if (rc == 0)
		rc = journal_execute(j, tables);
	return journal_end(j, rc);
}

static int check_pages(struct journal *j)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	const unsigned char *verdict;
	int rc = journal_prepare(j, "PRAGMA quick_check(1)", &statement);

	if (rc == 0)
		rc = journal_step(j, statement);
	if (rc != 1)
		return rc < 0 ? rc : -EBADMSG;
	verdict = sqlite3_column_text(statement, 0);
	return verdict && strcmp((const char *)verdict, "ok") == 0 ? 0
	                                                           : -EBADMSG;
}

/* Clocks have been wrong before: what lies ahead goes as what lies far
 * behind. */
static int clean(struct journal *j, const char *boot)
{
	static const char *const deletions[] = {
		"DELETE FROM presence WHERE seen_at NOT BETWEEN ?1 AND ?2",
		"DELETE FROM upload WHERE begun_at NOT BETWEEN ?1 AND ?2",
		"UPDATE care SET boot = ?3, cleaned_at = ?2",
	};
	int64_t now = journal_now();
	int rc = journal_begin(j);

	if (rc < 0)
		return rc;
	for (size_t i = 0;
	     i < sizeof(deletions) / sizeof(deletions[0]) && rc == 0; i++) {
		cleanup_statement sqlite3_stmt *statement = NULL;

		rc = journal_prepare(j, deletions[i], &statement);
		if (rc < 0)
			break;
		journal_bind_number(statement, 1, now - JOURNAL_KEEP_S);
		journal_bind_number(statement, 2, now);
		journal_bind(statement, 3, boot);
		rc = journal_step(j, statement);
	}
	return journal_end(j, rc);
}

/* Once a boot, and once a day. */
static int take_care(struct journal *j)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	char boot[BOOT_ID_SIZE];
	bool is_booted;
	int64_t age_s;
	int rc = journal_prepare(j, "SELECT boot, cleaned_at FROM care",
	                         &statement);

	if (rc == 0)
		rc = journal_step(j, statement);
	if (rc != 1 || !sqlite3_column_text(statement, 0))
		return rc < 0 ? rc : -EBADMSG;
	boot_read_id(boot);
	is_booted = strcmp(boot, (const char *)sqlite3_column_text(statement,
	                                                           0)) != 0;
	age_s = journal_now() - sqlite3_column_int64(statement, 1);
	(void)sqlite3_reset(statement);
	rc = is_booted ? check_pages(j) : 0;
	if (rc == 0 && (is_booted || age_s < 0 || age_s > DAY_S))
		rc = clean(j, boot);
	return rc;
}

static void close_database(struct journal *j)
{
	(void)sqlite3_close(j->db);
	j->db = NULL;
}

static int open_database(struct journal *j)
{
	int rc = sqlite3_open_v2(j->path, &j->db,
	                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
	                                 SQLITE_OPEN_NOMUTEX |
	                                 SQLITE_OPEN_PRIVATECACHE,
	                         NULL);

	if (rc != SQLITE_OK)
		return journal_error(j, rc);
	rc = sqlite3_busy_timeout(j->db, JOURNAL_WAIT_MS);
	if (rc != SQLITE_OK)
		return journal_error(j, rc);
	rc = journal_execute(j, settings);
	if (rc == 0)
		rc = read_version(j);
	if (rc == 0)
		rc = make_tables(j);
	return rc < 0 ? rc : take_care(j);
}

/* -EAGAIN: the file was put aside, by us or another; again. */
static int try_open(struct journal *j, const char *path,
                    char why[JOURNAL_WHY_MAX])
{
	int rc = journal_file_prepare(j, path, why);

	if (rc < 0)
		return rc;
	j->is_damaged = false;
	rc = open_database(j);
	if (rc == 0)
		return 0;
	close_database(j);
	(void)journal_file_say(why, j->path, rc);
	if (rc != -EBADMSG)
		return rc;
	rc = journal_file_put_aside(j);
	if (rc == 0)
		return -EAGAIN;
	return rc == -EBUSY ? rc : journal_file_say(why, j->path, rc);
}

int journal_open(const char *path, struct journal **ret_journal,
                 char why[JOURNAL_WHY_MAX])
{
	struct journal *j = calloc(1, sizeof(*j));
	int rc = -EAGAIN;

	if (!j) {
		(void)snprintf(why, JOURNAL_WHY_MAX, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	j->lock_fd = -1;
	for (int i = 0; i < TRIES_MAX && rc == -EAGAIN; i++)
		rc = try_open(j, path, why);
	if (rc < 0) {
		journal_close(j);
		return rc == -EAGAIN ? -EBADMSG : rc;
	}
	*ret_journal = j;
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	close_database(journal);
	if (journal->is_damaged)
		(void)journal_file_put_aside(journal);
	owner_clear(journal);
	free(journal);
}
