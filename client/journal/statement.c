/* What the room says to SQLite, and what SQLite's answers mean here. */
#include "client/journal/state.h"

#include <errno.h>
#include <time.h>

int journal_error(struct journal *journal, int code)
{
	switch (code & 0xff) { /* without what extends it */
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* our statements, so not our tables */
	case SQLITE_CONSTRAINT:
		journal->is_damaged = true;
		return -EBADMSG;
	default:
		return -EIO;
	}
}

int journal_execute(struct journal *journal, const char *sql)
{
	int code = sqlite3_exec(journal->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : journal_error(journal, code);
}

int journal_prepare(struct journal *journal, const char *sql,
                    sqlite3_stmt **ret_statement)
{
	int code =
		sqlite3_prepare_v2(journal->db, sql, -1, ret_statement, NULL);

	return code == SQLITE_OK ? 0 : journal_error(journal, code);
}

int journal_step(struct journal *journal, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : journal_error(journal, code);
}

int journal_begin(struct journal *journal)
{
	return journal_execute(journal, "BEGIN IMMEDIATE");
}

int journal_end(struct journal *journal, int rc)
{
	int failed = rc < 0 ? rc : journal_execute(journal, "COMMIT");

	if (failed == 0)
		return rc;
	/* A full disk may have undone it already. */
	if (!sqlite3_get_autocommit(journal->db)) {
		(void)sqlite3_exec(journal->db, "ROLLBACK", NULL, NULL, NULL);
	}
	return failed;
}

void journal_bind(sqlite3_stmt *statement, int at, const char *text)
{
	(void)sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

void journal_bind_number(sqlite3_stmt *statement, int at, int64_t number)
{
	(void)sqlite3_bind_int64(statement, at, number);
}

int64_t journal_now(void)
{
	return (int64_t)time(NULL);
}
