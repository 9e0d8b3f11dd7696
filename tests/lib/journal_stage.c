#include "tests/lib/journal_stage.h"

#include "tests/lib/remove_tree.h"
#include "tests/lib/test.h"

#include <sqlite3.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void journal_stage_set_up(struct journal_stage *s)
{
	*s = (struct journal_stage){ .root = "/tmp/journal.XXXXXX" };
	CHECK(mkdtemp(s->root) != NULL);
	(void)snprintf(s->folder, sizeof(s->folder), "%s/a/b", s->root);
	(void)snprintf(s->path, sizeof(s->path), "%s/journal.sqlite",
	               s->folder);
}

void journal_stage_tear_down(struct journal_stage *s)
{
	journal_close(s->journal);
	CHECK(remove_tree(s->root) == 0);
}

int journal_stage_open(struct journal_stage *s)
{
	journal_close(s->journal);
	s->journal = NULL;
	return journal_open(s->path, &s->journal, s->why);
}

void journal_stage_execute(const struct journal_stage *s, const char *sql)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open(s->path, &db);

	if (code == SQLITE_OK)
		code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		printf("# %s: %s\n", sql, sqlite3_errmsg(db));
	CHECK(code == SQLITE_OK);
	(void)sqlite3_close(db);
}

int64_t journal_stage_query(const struct journal_stage *s, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	int64_t value = -1;

	CHECK(sqlite3_open(s->path, &db) == SQLITE_OK);
	CHECK(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK);
	if (sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	return value;
}

void journal_stage_add(struct journal_stage *s, const char *store,
                       const char *base)
{
	cleanup_strings struct strings bases = { .items = NULL };

	CHECK(strings_add(&bases, base, strlen(base)) == 0);
	CHECK(journal_add_known(s->journal, store, &bases) == 0);
}

bool journal_stage_knows(struct journal_stage *s, const char *store,
                         const char *base, int64_t max_age_s)
{
	cleanup_strings struct strings bases = { .items = NULL };
	bool known = true;

	CHECK(strings_add(&bases, base, strlen(base)) == 0);
	CHECK(journal_find_known(s->journal, store, &bases, max_age_s,
	                         &known) == 0);
	return known;
}

void journal_stage_upload(struct journal_stage *s, const char *upload_id,
                          const char *numbers, uint64_t bytes)
{
	CHECK(journal_begin_upload(s->journal, STAGE_STORE, STAGE_KEY,
	                           upload_id) == 0);
	for (const char *at = numbers; *at; at++) {
		unsigned number = (unsigned)(*at - '0');
		const char etag[] = { '"', 'e', *at, '"', '\0' };
		const struct journal_part part = {
			number,
			etag,
			bytes,
			number * 2UL,
			{ { (uint8_t)number } },
		};

		CHECK(journal_add_part(s->journal, STAGE_STORE, upload_id,
		                       &part) == 0);
	}
}

void journal_stage_orphan(const struct journal_stage *s)
{
	journal_stage_execute(s, "UPDATE upload SET owner = 7");
}

int journal_stage_adopt(struct journal_stage *s, struct journal_upload *upload)
{
	*upload = (struct journal_upload){ .upload_id = "untouched" };
	return journal_adopt_upload(s->journal, STAGE_STORE, STAGE_KEY, 86400,
	                            upload);
}

mode_t journal_stage_mode(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode & 07777U : 0;
}

const char *journal_stage_file(const struct journal_stage *s, const char *name)
{
	/* NOLINTNEXTLINE(*-non-const-global-variables): one at a time */
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", s->root, name);
	return path;
}
