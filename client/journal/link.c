/* How fast the way to each cache was. */
#include "client/journal/state.h"

#include <errno.h>

int journal_find_link(struct journal *journal, const char *store,
                      struct journal_link *ret_link)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc;

	if (!journal)
		return 0;
	rc = journal_prepare(journal,
	                     "SELECT bytes_per_s, latency_ms, measured_at "
	                     "FROM link WHERE store = ?1",
	                     &statement);
	if (rc < 0)
		return rc;
	journal_bind(statement, 1, store);
	rc = journal_step(journal, statement);
	if (rc == 1) {
		*ret_link = (struct journal_link){
			(uint64_t)sqlite3_column_int64(statement, 0),
			(uint32_t)sqlite3_column_int64(statement, 1),
			sqlite3_column_int64(statement, 2),
		};
	}
	return rc;
}

int journal_set_link(struct journal *journal, const char *store,
                     uint64_t bytes_per_s, uint32_t latency_ms)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int rc;

	if (!journal)
		return 0;
	if (bytes_per_s > INT64_MAX)
		return -ERANGE;
	rc = journal_prepare(journal,
	                     "INSERT OR REPLACE INTO link VALUES "
	                     "(?1, ?2, ?3, ?4)",
	                     &statement);
	if (rc < 0)
		return rc;
	journal_bind(statement, 1, store);
	journal_bind_number(statement, 2, (int64_t)bytes_per_s);
	journal_bind_number(statement, 3, latency_ms);
	journal_bind_number(statement, 4, journal_now());
	return journal_step(journal, statement);
}
