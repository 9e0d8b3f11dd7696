/* What compressing took. */
#include "client/journal/state.h"

#include <errno.h>

/* From then on what there was is halved before more is added to it. */
#define HALF_AT "4294967296"

int journal_find_work(struct journal *journal, const char *method,
                      struct journal_work *ret_work)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc;

	if (!journal)
		return 0;
	rc = journal_prepare(journal,
	                     "SELECT nar_bytes, file_bytes, cpu_ms FROM work "
	                     "WHERE method = ?1 AND nar_bytes > 0",
	                     &statement);
	if (rc < 0)
		return rc;
	journal_bind(statement, 1, method);
	rc = journal_step(journal, statement);
	if (rc == 1) {
		*ret_work = (struct journal_work){
			(uint64_t)sqlite3_column_int64(statement, 0),
			(uint64_t)sqlite3_column_int64(statement, 1),
			(uint64_t)sqlite3_column_int64(statement, 2),
		};
	}
	return rc;
}

int journal_add_work(struct journal *journal, const char *method,
                     const struct journal_work *work)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc;

	if (!journal)
		return 0;
	if (work->nar_bytes > INT64_MAX / 2 ||
	    work->file_bytes > INT64_MAX / 2 || work->cpu_ms > INT64_MAX / 2)
		return -ERANGE;
	rc = journal_prepare(
		journal,
		"INSERT INTO work VALUES (?1, ?2, ?3, ?4) "
		"ON CONFLICT (method) DO UPDATE SET "
		"nar_bytes = (nar_bytes >> (nar_bytes > " HALF_AT ")) + ?2,"
		"file_bytes = (file_bytes >> (nar_bytes > " HALF_AT ")) + ?3,"
		"cpu_ms = (cpu_ms >> (nar_bytes > " HALF_AT ")) + ?4",
		&statement);
	if (rc < 0)
		return rc;
	journal_bind(statement, 1, method);
	journal_bind_number(statement, 2, (int64_t)work->nar_bytes);
	journal_bind_number(statement, 3, (int64_t)work->file_bytes);
	journal_bind_number(statement, 4, (int64_t)work->cpu_ms);
	return journal_step(journal, statement);
}
