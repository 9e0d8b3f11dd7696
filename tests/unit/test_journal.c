/* test_journal.c - what a journal remembers, and for how long */
#include "tests/lib/journal_stage.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <string.h>

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OTHER  "file:///srv/cache"
#define DAY    86400

static void begin(struct journal_stage *s)
{
	journal_stage_set_up(s);
	CHECK(journal_stage_open(s) == 0);
}

static void what_was_seen_is_known(void)
{
	static struct journal_stage s;

	begin(&s);
	journal_stage_add(&s, STAGE_STORE, HASH_A "-hello");
	CHECK(journal_stage_knows(&s, STAGE_STORE, HASH_A "-hello", DAY));
	CHECK(!journal_stage_knows(&s, STAGE_STORE, HASH_B "-hello", DAY));
	CHECK(!journal_stage_knows(&s, OTHER, HASH_A "-hello", DAY));
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_knows(&s, STAGE_STORE, HASH_A "-hello", DAY));
	journal_stage_tear_down(&s);
}

static void many_are_known_one_by_one(void)
{
	enum {
		COUNT = 3000
	};
	static struct journal_stage s;
	static bool known[COUNT];
	cleanup_strings struct strings all = { .items = NULL };
	cleanup_strings struct strings odd = { .items = NULL };
	size_t right = 0;

	begin(&s);
	for (unsigned i = 0; i < COUNT; i++) {
		char base[64];

		(void)snprintf(base, sizeof(base), "%032u-x", i * 7919 % COUNT);
		CHECK(strings_add(&all, base, strlen(base)) == 0);
		if (i % 2 == 1)
			CHECK(strings_add(&odd, base, strlen(base)) == 0);
		known[i] = i % 3 == 0;
	}
	CHECK(journal_add_known(s.journal, STAGE_STORE, &odd) == 0);
	CHECK(journal_find_known(s.journal, STAGE_STORE, &all, DAY, known) ==
	      0);
	for (unsigned i = 0; i < COUNT; i++)
		right += known[i] == (i % 2 == 1) ? 1 : 0;
	CHECK(right == COUNT);
	journal_stage_tear_down(&s);
}

static void a_cache_is_forgotten_and_no_other(void)
{
	static struct journal_stage s;

	begin(&s);
	journal_stage_add(&s, STAGE_STORE, HASH_A "-hello");
	journal_stage_add(&s, OTHER, HASH_A "-hello");
	CHECK(journal_forget(s.journal, STAGE_STORE) == 0);
	CHECK(!journal_stage_knows(&s, STAGE_STORE, HASH_A "-hello", DAY));
	CHECK(journal_stage_knows(&s, OTHER, HASH_A "-hello", DAY));
	CHECK(journal_forget(s.journal, "s3://never-heard-of") == 0);
	journal_stage_tear_down(&s);
}

static void what_is_old_or_of_the_future_is_not_known(void)
{
	static struct journal_stage s;

	begin(&s);
	journal_stage_add(&s, STAGE_STORE, HASH_A "-hello");
	journal_stage_execute(&s, "UPDATE presence SET seen_at = seen_at - "
	                          "1000");
	CHECK(journal_stage_knows(&s, STAGE_STORE, HASH_A "-hello", 1500));
	CHECK(!journal_stage_knows(&s, STAGE_STORE, HASH_A "-hello", 900));
	journal_stage_execute(&s, "UPDATE presence SET seen_at = seen_at + "
	                          "3000");
	CHECK(!journal_stage_knows(&s, STAGE_STORE, HASH_A "-hello", DAY));
	journal_stage_add(&s, STAGE_STORE, HASH_A "-hello");
	CHECK(journal_stage_knows(&s, STAGE_STORE, HASH_A "-hello", 60));
	journal_stage_tear_down(&s);
}

/* Seen more than a week ago, or a day ahead: and one that is fresh. */
static void put_ages(struct journal_stage *s)
{
	journal_stage_execute(
		s,
		"DELETE FROM presence; DELETE FROM part;"
		"DELETE FROM upload;"
		"INSERT INTO presence SELECT 1, value, "
		"unixepoch() - value FROM json_each('[60, 700000, "
		"-86400]');"
		"INSERT INTO upload SELECT value + 100000, 's', 'k', "
		"value, 1, unixepoch() - value "
		"FROM json_each('[60, 700000, -86400]');"
		"INSERT INTO part SELECT id, 1, 'e', 1, 1, x'' FROM upload;");
}

static void what_nobody_will_believe_goes_once_a_day(void)
{
	static struct journal_stage s;

	begin(&s);
	put_ages(&s);
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_query(&s, "SELECT count(*) FROM presence") == 3);
	journal_stage_execute(&s, "UPDATE care SET cleaned_at = "
	                          "cleaned_at - 100000");
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_query(&s, "SELECT count(*) FROM presence") == 1);
	CHECK(journal_stage_query(&s, "SELECT hash FROM presence") == 60);
	CHECK(journal_stage_query(&s, "SELECT count(*) FROM upload") == 1);
	CHECK(journal_stage_query(&s, "SELECT count(*) FROM part") == 1);

	/* A clock that was ahead has not put it off for ever. */
	put_ages(&s);
	journal_stage_execute(&s, "UPDATE care SET cleaned_at = "
	                          "cleaned_at + 100000");
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_query(&s, "SELECT count(*) FROM presence") == 1);
	journal_stage_tear_down(&s);
}

static void an_upload_is_gone_on_with(void)
{
	static struct journal_stage s;
	static struct journal_upload u;

	begin(&s);
	journal_stage_upload(&s, "id", "312", 100);
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_adopt(&s, &u) == 1);
	CHECK(strcmp(u.upload_id, "id") == 0);
	CHECK(u.etags.count == 3 && strcmp(u.etags.items[0], "\"e1\"") == 0);
	CHECK(u.etags.count == 3 && strcmp(u.etags.items[2], "\"e3\"") == 0);
	CHECK(u.bytes == 300 && u.blocks == 6 && u.so_far.sha256[0] == 3);
	journal_upload_clear(&u);

	/* It is ours now, and not to be had twice. */
	CHECK(journal_stage_adopt(&s, &u) == 0);
	CHECK(strcmp(u.upload_id, "untouched") == 0);
	journal_stage_tear_down(&s);
}

static void parts_behind_a_gap_are_forgotten(void)
{
	static struct journal_stage s;
	static struct journal_upload u;

	begin(&s);
	journal_stage_upload(&s, "id", "6421", 100);
	journal_stage_orphan(&s);
	CHECK(journal_stage_adopt(&s, &u) == 1);
	CHECK(u.etags.count == 2 && u.bytes == 200 && u.blocks == 4);
	journal_upload_clear(&u);
	CHECK(journal_stage_query(&s, "SELECT count(*) FROM part") == 2);

	/* What closes the gap does not bring them back. */
	CHECK(journal_add_part(s.journal, STAGE_STORE, "id",
	                       &(struct journal_part){ .number = 3,
	                                               .etag = "new",
	                                               .bytes = 50,
	                                               .blocks = 9 }) == 0);
	journal_stage_orphan(&s);
	CHECK(journal_stage_adopt(&s, &u) == 1);
	CHECK(u.etags.count == 3 && u.bytes == 250 && u.blocks == 9);
	journal_upload_clear(&u);

	/* Without the first there is nothing to go on from. */
	journal_stage_execute(&s, "DELETE FROM part WHERE number = 1");
	journal_stage_orphan(&s);
	CHECK(journal_stage_adopt(&s, &u) == 1);
	CHECK(u.etags.count == 0 && u.bytes == 0 && u.blocks == 0);
	journal_upload_clear(&u);
	journal_stage_tear_down(&s);
}

static void the_one_with_most_bytes_is_taken(void)
{
	static struct journal_stage s;
	static struct journal_upload u;

	begin(&s);
	journal_stage_upload(&s, "few", "12", 100);
	journal_stage_upload(&s, "most", "12", 300);
	journal_stage_upload(&s, "gap", "15678", 500);
	journal_stage_orphan(&s);
	CHECK(journal_stage_adopt(&s, &u) == 1);
	CHECK(strcmp(u.upload_id, "most") == 0);
	journal_upload_clear(&u);
	CHECK(journal_stage_adopt(&s, &u) == 1);
	CHECK(strcmp(u.upload_id, "gap") == 0);
	journal_upload_clear(&u);
	CHECK(journal_stage_adopt(&s, &u) == 1);
	CHECK(strcmp(u.upload_id, "few") == 0);
	journal_upload_clear(&u);
	CHECK(journal_stage_adopt(&s, &u) == 0);
	journal_stage_tear_down(&s);
}

static void an_upload_of_another_object_or_day_is_not_adopted(void)
{
	static struct journal_stage s;
	static struct journal_upload u;

	begin(&s);
	journal_stage_upload(&s, "id", "1", 100);
	journal_stage_orphan(&s);
	CHECK(journal_adopt_upload(s.journal, STAGE_STORE, "nar/2", DAY, &u) ==
	      0);
	CHECK(journal_adopt_upload(s.journal, OTHER, STAGE_KEY, DAY, &u) == 0);
	journal_stage_execute(&s, "UPDATE upload SET begun_at = begun_at - "
	                          "100000");
	CHECK(journal_stage_adopt(&s, &u) == 0);
	journal_stage_execute(&s, "UPDATE upload SET begun_at = begun_at + "
	                          "103600");
	CHECK(journal_stage_adopt(&s, &u) == 0);
	journal_stage_execute(&s, "UPDATE upload SET begun_at = begun_at - "
	                          "4000");
	CHECK(journal_stage_adopt(&s, &u) == 1);
	journal_upload_clear(&u);
	journal_stage_tear_down(&s);
}

static void an_upload_that_ended_is_gone(void)
{
	static struct journal_stage s;
	static struct journal_upload u;

	begin(&s);
	journal_stage_upload(&s, "id", "12", 100);
	CHECK(journal_end_upload(s.journal, STAGE_STORE, "id") == 0);
	CHECK(journal_end_upload(s.journal, STAGE_STORE, "id") == 0);
	journal_stage_orphan(&s);
	CHECK(journal_stage_adopt(&s, &u) == 0);
	CHECK(journal_stage_query(&s, "SELECT count(*) FROM part") == 0);
	CHECK(journal_add_part(s.journal, STAGE_STORE, "id",
	                       &(struct journal_part){
				       .number = 3, .etag = "e" }) == -ENOENT);
	journal_stage_tear_down(&s);
}

static void the_longest_id_fits_and_no_longer_one(void)
{
	static struct journal_stage s;
	static struct journal_upload u;
	static char id[S3_UPLOAD_ID_MAX + 2];

	begin(&s);
	memset(id, 'x', S3_UPLOAD_ID_MAX);
	journal_stage_upload(&s, id, "1", 100);
	journal_stage_orphan(&s);
	CHECK(journal_stage_adopt(&s, &u) == 1);
	CHECK(strcmp(u.upload_id, id) == 0);
	journal_upload_clear(&u);
	CHECK(journal_end_upload(s.journal, STAGE_STORE, id) == 0);

	id[S3_UPLOAD_ID_MAX] = 'x';
	CHECK(journal_begin_upload(s.journal, STAGE_STORE, STAGE_KEY, id) ==
	      -EINVAL);
	journal_stage_execute(&s, "INSERT INTO upload SELECT 1, '" STAGE_STORE
	                          "', '" STAGE_KEY
	                          "', hex(zeroblob(600)), 7, unixepoch()");
	CHECK(journal_stage_adopt(&s, &u) == -EBADMSG);
	journal_stage_tear_down(&s);
}

static void the_link_is_as_it_was_measured_last(void)
{
	static struct journal_stage s;
	struct journal_link link = { .latency_ms = 3 };

	begin(&s);
	CHECK(journal_find_link(s.journal, STAGE_STORE, &link) == 0);
	CHECK(link.latency_ms == 3);
	CHECK(journal_set_link(s.journal, STAGE_STORE, 1000, 50) == 0);
	CHECK(journal_set_link(s.journal, STAGE_STORE, 12500000, 20) == 0);
	CHECK(journal_find_link(s.journal, OTHER, &link) == 0);
	CHECK(journal_find_link(s.journal, STAGE_STORE, &link) == 1);
	CHECK(link.bytes_per_s == 12500000 && link.latency_ms == 20);
	CHECK(link.measured_at > 1700000000);
	journal_stage_tear_down(&s);
}

static void the_work_of_late_counts_most(void)
{
	static struct journal_stage s;
	const uint64_t gib = 1ULL << 30;
	const struct journal_work first = { 6 * gib, 3 * gib, 8000 };
	const struct journal_work then = { 2 * gib, 2 * gib, 1000 };
	struct journal_work work = { .cpu_ms = 5 };

	begin(&s);
	CHECK(journal_find_work(s.journal, "zstd:3", &work) == 0);
	CHECK(work.cpu_ms == 5);
	CHECK(journal_add_work(s.journal, "zstd:3", &then) == 0);
	CHECK(journal_add_work(s.journal, "zstd:3", &then) == 0);
	CHECK(journal_find_work(s.journal, "zstd:3", &work) == 1);
	CHECK(work.nar_bytes == 4 * gib && work.file_bytes == 4 * gib &&
	      work.cpu_ms == 2000);

	CHECK(journal_add_work(s.journal, "xz:6", &first) == 0);
	CHECK(journal_add_work(s.journal, "xz:6", &then) == 0);
	CHECK(journal_find_work(s.journal, "xz:6", &work) == 1);
	CHECK(work.nar_bytes == 5 * gib && work.file_bytes == 7 * gib / 2 &&
	      work.cpu_ms == 5000);
	journal_stage_tear_down(&s);
}

static void without_a_journal_nothing_is_known(void)
{
	static struct journal_stage s;
	struct journal_upload u;
	struct journal_link link;

	journal_stage_add(&s, STAGE_STORE, HASH_A "-hello");
	CHECK(!journal_stage_knows(&s, STAGE_STORE, HASH_A "-hello", DAY));
	CHECK(journal_forget(NULL, STAGE_STORE) == 0);
	journal_stage_upload(&s, "id", "12", 100);
	CHECK(journal_stage_adopt(&s, &u) == 0);
	CHECK(journal_end_upload(NULL, STAGE_STORE, "id") == 0);
	CHECK(journal_find_link(NULL, STAGE_STORE, &link) == 0);
	CHECK(journal_set_link(NULL, STAGE_STORE, 1, 1) == 0);
	journal_close(NULL);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what was seen is known", what_was_seen_is_known },
		{ "many are known one by one", many_are_known_one_by_one },
		{ "a cache is forgotten and no other",
		  a_cache_is_forgotten_and_no_other },
		{ "what is old or of the future is not known",
		  what_is_old_or_of_the_future_is_not_known },
		{ "what nobody will believe goes once a day",
		  what_nobody_will_believe_goes_once_a_day },
		{ "an upload is gone on with", an_upload_is_gone_on_with },
		{ "parts behind a gap are forgotten",
		  parts_behind_a_gap_are_forgotten },
		{ "the one with most bytes is taken",
		  the_one_with_most_bytes_is_taken },
		{ "an upload of another object or day is not adopted",
		  an_upload_of_another_object_or_day_is_not_adopted },
		{ "an upload that ended is gone",
		  an_upload_that_ended_is_gone },
		{ "the longest id fits and no longer one",
		  the_longest_id_fits_and_no_longer_one },
		{ "the link is as it was measured last",
		  the_link_is_as_it_was_measured_last },
		{ "the work of late counts most",
		  the_work_of_late_counts_most },
		{ "without a journal nothing is known",
		  without_a_journal_nothing_is_known },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
