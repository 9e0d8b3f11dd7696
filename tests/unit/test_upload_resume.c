#include "protocol/base/exit_status.h"
#include "tests/lib/test.h"
#include "tests/lib/upload_stage.h"
#include "tests/unit/nix_samples.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE (64ULL * 1024 * 1024)

/* The journal of this program: it has one upload to give, or none, and notes
 * what it is told. */
struct journal {
	const char *left; /* the id; NULL: none */
	unsigned left_parts;
	char said[512];
};

printf_like(2, 3) static void note(struct journal *j, const char *format, ...)
{
	size_t len;
	va_list args;

	if (!j) /* a journal in which nothing is written */
		return;
	len = strlen(j->said);
	va_start(args, format);
	(void)vsnprintf(j->said + len, sizeof(j->said) - len, format, args);
	va_end(args);
}

int journal_adopt_upload(struct journal *journal, const char *store,
                         const char *key, int64_t max_age_s,
                         struct journal_upload *ret_upload)
{
	struct journal_upload found = { .so_far = { { 5 } } };

	(void)store;
	(void)max_age_s;
	note(journal, "adopt %.4s, ", key);
	if (!journal->left)
		return 0;
	found.blocks = journal->left_parts;
	found.bytes = 10UL * journal->left_parts;
	(void)snprintf(found.upload_id, sizeof(found.upload_id), "%s",
	               journal->left);
	for (unsigned i = 1; i <= journal->left_parts; i++) {
		char etag[16];
		int len = snprintf(etag, sizeof(etag), "old%u", i);

		if (strings_add(&found.etags, etag, (size_t)len) < 0)
			abort();
	}
	*ret_upload = found;
	return 1;
}

void journal_upload_clear(struct journal_upload *upload)
{
	strings_clear(&upload->etags);
}

int journal_begin_upload(struct journal *journal, const char *store,
                         const char *key, const char *upload_id)
{
	(void)store;
	(void)key;
	note(journal, "begin %s, ", upload_id);
	return 0;
}

int journal_add_part(struct journal *journal, const char *store,
                     const char *upload_id, const struct journal_part *part)
{
	(void)store;
	(void)upload_id;
	note(journal, "part %s %u, ", part->etag, part->number);
	return 0;
}

int journal_end_upload(struct journal *journal, const char *store,
                       const char *upload_id)
{
	(void)store;
	note(journal, "end %s, ", upload_id);
	return 0;
}

/* The one journal. */
static struct journal *told(void)
{
	static struct journal journal;

	return &journal;
}

/* As far as the answer that the NAR is not there. */
static void stage_open(struct upload_stage *s, const char *left,
                       uint64_t nar_size)
{
	*told() = (struct journal){ .left = left, .left_parts = 2 };
	upload_stage_set_up(s, 0, told());
	s->closure.paths[0].nar_size = nar_size;
}

static void give_done(struct upload_stage *b)
{
	struct pack_event event = { .type = PACK_DONE, .file_size = 77 };

	upload_take_event(&b->u, &b->context, &event);
}

static const struct fake_step *last(const struct upload_stage *b)
{
	return fake_cache_last(b->cache);
}

static void what_was_left_is_gone_on_with(void)
{
	static struct upload_stage b;

	stage_open(&b, "left-id", LARGE);
	upload_stage_answer(&b, 0, CACHE_MISSING, "");
	CHECK(b.u.state == UPLOAD_RESUMING && upload_is_active(&b.u));
	CHECK(last(&b)->step.type == CACHE_FIND_UPLOAD);
	CHECK(strcmp(last(&b)->upload_id, "left-id") == 0);
	CHECK(b.pack->count == 0);
	upload_stage_answer(&b, 1, CACHE_OK, "");
	CHECK(b.u.state == UPLOAD_PACKING && b.pack->count == 1);
	CHECK(b.pack->jobs[0].start.blocks == 2 &&
	      b.pack->jobs[0].start.parts == 2 &&
	      b.pack->jobs[0].start.bytes == 20 &&
	      b.pack->jobs[0].start.so_far.sha256[0] == 5);
	upload_stage_give_part(&b, 3, false);
	CHECK(last(&b)->step.type == CACHE_PART &&
	      last(&b)->step.part_number == 3);
	CHECK(strcmp(last(&b)->upload_id, "left-id") == 0);
	upload_stage_give_part(&b, 4, true);
	give_done(&b);
	upload_stage_answer(&b, 2, CACHE_OK, "new3");
	upload_stage_answer(&b, 3, CACHE_OK, "new4");
	CHECK(last(&b)->step.type == CACHE_COMPLETE);
	CHECK(strcmp(last(&b)->etags, "old1,old2,new3,new4,") == 0);
	upload_stage_answer(&b, 4, CACHE_OK, "");
	CHECK(b.u.state == UPLOAD_STORED && !b.u.has_file);
	/* Not the last: behind it there is nothing to go on with. */
	CHECK(strcmp(told()->said, "adopt nar/, part new3 3, end left-id, ") ==
	      0);
	upload_stage_tear_down(&b);
}

static void what_is_not_there_any_more_begins_anew(void)
{
	static struct upload_stage b;

	stage_open(&b, "left-id", LARGE);
	upload_stage_answer(&b, 0, CACHE_MISSING, "");
	upload_stage_answer(&b, 1, CACHE_MISSING, "");
	CHECK(b.u.state == UPLOAD_PACKING && b.pack->count == 1);
	CHECK(b.pack->jobs[0].start.parts == 0);
	upload_stage_give_part(&b, 1, false);
	CHECK(last(&b)->step.type == CACHE_BEGIN);
	upload_stage_answer(&b, 2, CACHE_OK, "new-id");
	upload_stage_give_part(&b, 2, true);
	give_done(&b);
	upload_stage_answer(&b, 4, CACHE_OK, "b");
	upload_stage_answer(&b, 3, CACHE_OK, "a");
	CHECK(strcmp(last(&b)->etags, "a,b,") == 0);
	upload_stage_answer(&b, 5, CACHE_OK, "");
	CHECK(b.u.state == UPLOAD_STORED);
	CHECK(strcmp(told()->said, "adopt nar/, end left-id, begin new-id, "
	                           "part a 1, end new-id, ") == 0);
	upload_stage_tear_down(&b);
}

/* It was begun for a NAR of several parts, and of another level it is one. */
static void one_without_parts_takes_a_whole_nar(void)
{
	static struct upload_stage b;

	stage_open(&b, "left-id", LARGE);
	told()->left_parts = 0;
	upload_stage_answer(&b, 0, CACHE_MISSING, "");
	upload_stage_answer(&b, 1, CACHE_OK, "");
	CHECK(b.pack->jobs[0].start.parts == 0);
	upload_stage_give_part(&b, 1, true);
	CHECK(last(&b)->step.type == CACHE_PART);
	give_done(&b);
	upload_stage_answer(&b, 2, CACHE_OK, "only");
	CHECK(last(&b)->step.type == CACHE_COMPLETE);
	CHECK(strcmp(last(&b)->etags, "only,") == 0);
	upload_stage_answer(&b, 3, CACHE_OK, "");
	CHECK(b.u.state == UPLOAD_STORED);
	upload_stage_tear_down(&b);
}

/* The NAR differs, or the server takes no part: what was left is ended too, or
 * the next push would stumble over it again. */
static void what_fails_is_ended(void)
{
	static struct upload_stage b;

	stage_open(&b, "left-id", LARGE);
	upload_stage_answer(&b, 0, CACHE_MISSING, "");
	upload_stage_answer(&b, 1, CACHE_OK, "");
	upload_stage_give_part(&b, 3, true);
	upload_stage_answer(&b, 2, CACHE_FAILED, "");
	CHECK(b.u.state == UPLOAD_FAILED);
	CHECK(last(&b)->step.type == CACHE_ABORT);
	CHECK(strcmp(told()->said, "adopt nar/, ") == 0);
	upload_stage_answer(&b, 3, CACHE_OK, "");
	CHECK(strcmp(told()->said, "adopt nar/, end left-id, ") == 0);
	upload_stage_tear_down(&b);
}

/* An abort that did not arrive leaves something to go on with. */
static void what_cannot_be_ended_stays_written(void)
{
	static struct upload_stage b;

	stage_open(&b, NULL, LARGE);
	upload_stage_answer(&b, 0, CACHE_MISSING, "");
	upload_stage_give_part(&b, 1, false);
	upload_stage_answer(&b, 1, CACHE_OK, "new-id");
	upload_stage_answer(&b, 2, CACHE_FAILED, "");
	upload_stage_answer(&b, 3, CACHE_FAILED, "");
	CHECK(strcmp(told()->said, "adopt nar/, begin new-id, ") == 0);
	upload_stage_tear_down(&b);
}

static void a_small_path_asks_no_journal(void)
{
	static struct upload_stage b;

	stage_open(&b, "left-id", PACK_SINGLE_MAX);
	upload_stage_answer(&b, 0, CACHE_MISSING, "");
	CHECK(b.u.state == UPLOAD_PACKING);
	CHECK(told()->said[0] == '\0');
	upload_stage_tear_down(&b);
}

static const struct test tests[] = {
	{ "what was left is gone on with", what_was_left_is_gone_on_with },
	{ "what is not there any more begins anew",
	  what_is_not_there_any_more_begins_anew },
	{ "one without parts takes a whole NAR",
	  one_without_parts_takes_a_whole_nar },
	{ "what fails is ended", what_fails_is_ended },
	{ "what cannot be ended stays written",
	  what_cannot_be_ended_stays_written },
	{ "a small path asks no journal", a_small_path_asks_no_journal },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
