#include "protocol/base/exit_status.h"
#include "tests/lib/test.h"
#include "tests/lib/upload_stage.h"
#include "tests/unit/nix_samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEX 3

static void answer(struct upload_stage *b, size_t index, const char *text)
{
	upload_stage_answer(b, index, CACHE_OK, text);
}

static void give_end(struct upload_stage *b, enum pack_event_type type)
{
	struct pack_event event = { .type = type,
		                    .job = INDEX,
		                    .has_file_hash = true,
		                    .file_size = 77,
		                    .error = -EBADMSG,
		                    .detail = "it has changed" };

	upload_take_event(&b->u, &b->context, &event);
}

/* As far as PACKING: the NAR is not there. */
static void bench_open_packing(struct upload_stage *b)
{
	upload_stage_set_up(b, INDEX, NULL);
	upload_stage_answer(b, 0, CACHE_MISSING, "");
	CHECK(b->u.state == UPLOAD_PACKING && b->pack->count == 1);
}

/* As far as a multipart upload whose id is known, with two parts under way:
 * step 1 is the beginning, 2 and 3 are the parts. */
static void bench_open_multipart(struct upload_stage *b)
{
	bench_open_packing(b);
	upload_stage_give_part(b, 1, false);
	answer(b, 1, "the-id");
	upload_stage_give_part(b, 2, false);
	CHECK(b->cache->count == 4);
}

static const struct fake_step *last(const struct upload_stage *b)
{
	return fake_cache_last(b->cache);
}

static void a_nar_that_is_there_is_not_packed(void)
{
	static struct upload_stage b;

	upload_stage_set_up(&b, INDEX, NULL);
	CHECK(b.u.state == UPLOAD_ASKING && upload_is_active(&b.u));
	CHECK(b.cache->count == 1 && last(&b)->step.type == CACHE_CHECK);
	CHECK(strncmp(last(&b)->key, "nar/", 4) == 0 &&
	      strstr(last(&b)->key, ".nar.zst"));
	CHECK(upload_index(last(&b)->step.tag) == INDEX);
	answer(&b, 0, "");
	CHECK(b.u.state == UPLOAD_STORED && !upload_is_active(&b.u));
	CHECK(!b.u.has_file && b.pack->count == 0);
	upload_stage_tear_down(&b);
}

static void one_part_is_one_put(void)
{
	for (int done_first = 0; done_first < 2; done_first++) {
		static struct upload_stage b;

		bench_open_packing(&b);
		CHECK(strcmp(b.pack->jobs[0].path,
		             "/root/nix/store/"
		             "00000000000000000000000000000003-p") == 0);
		upload_stage_give_part(&b, 1, true);
		CHECK(b.cache->count == 2 && last(&b)->step.type == CACHE_PUT);
		CHECK(strcmp(last(&b)->body, "part1") == 0);
		CHECK(b.pack->held == 1);
		if (done_first)
			give_end(&b, PACK_DONE);
		CHECK(b.u.state == UPLOAD_PACKING);
		answer(&b, 1, "");
		CHECK(b.pack->held == 0);
		if (!done_first)
			give_end(&b, PACK_DONE);
		CHECK(b.u.state == UPLOAD_STORED);
		CHECK(b.u.has_file && b.u.file_size == 77);
		upload_stage_tear_down(&b);
	}
}

static void parts_wait_for_the_id_and_then_all_go(void)
{
	static struct upload_stage b;

	bench_open_packing(&b);
	upload_stage_give_part(&b, 1, false);
	CHECK(last(&b)->step.type == CACHE_BEGIN);
	upload_stage_give_part(&b, 2, false);
	upload_stage_give_part(&b, 3, true);
	give_end(&b, PACK_DONE);
	CHECK(b.cache->count == 2 && b.u.state == UPLOAD_PACKING);
	answer(&b, 1, "the-id");
	CHECK(b.cache->count == 5);
	for (size_t i = 2; i < 5; i++) {
		const struct fake_step *s = &b.cache->steps[i];

		CHECK(s->step.type == CACHE_PART);
		CHECK(s->step.part_number == i - 1);
		CHECK(strcmp(s->upload_id, "the-id") == 0);
	}
	answer(&b, 4, "c");
	answer(&b, 2, "a");
	CHECK(b.pack->held == 1 && b.u.state == UPLOAD_PACKING);
	answer(&b, 3, "b");
	CHECK(b.pack->held == 0 && b.u.state == UPLOAD_COMPLETING);
	CHECK(last(&b)->step.type == CACHE_COMPLETE);
	CHECK(strcmp(last(&b)->etags, "a,b,c,") == 0);
	answer(&b, 5, "");
	CHECK(b.u.state == UPLOAD_STORED && b.u.has_file);
	CHECK(fake_cache_count(b.cache, CACHE_ABORT, NULL) == 0);
	upload_stage_tear_down(&b);
}

/* All parts are stored, and the pack has not said that the hash is right. */
static void nothing_is_completed_before_the_hash_is_right(void)
{
	static struct upload_stage b;

	bench_open_multipart(&b);
	answer(&b, 2, "a");
	answer(&b, 3, "b");
	CHECK(b.u.state == UPLOAD_PACKING && b.cache->count == 4);
	upload_stage_give_part(&b, 3, true);
	answer(&b, 4, "c");
	CHECK(b.u.state == UPLOAD_PACKING);
	CHECK(fake_cache_count(b.cache, CACHE_COMPLETE, NULL) == 0);
	give_end(&b, PACK_DONE);
	CHECK(b.u.state == UPLOAD_COMPLETING);
	answer(&b, 5, "");
	upload_stage_tear_down(&b);
}

static void a_mismatch_ends_the_upload_and_never_completes_it(void)
{
	static struct upload_stage b;

	bench_open_multipart(&b);
	answer(&b, 2, "a");
	give_end(&b, PACK_FAILED);
	CHECK(b.u.state == UPLOAD_FAILED);
	CHECK(strcmp(upload_error(&b.u), "it has changed") == 0);
	CHECK(b.u.exit_status == EXIT_FAILED);
	CHECK(last(&b)->step.type == CACHE_ABORT);
	CHECK(strcmp(last(&b)->upload_id, "the-id") == 0);
	answer(&b, 3, "b");
	CHECK(b.pack->held == 0);
	answer(&b, 4, "");
	CHECK(fake_cache_count(b.cache, CACHE_COMPLETE, NULL) == 0);
	CHECK(fake_cache_count(b.cache, CACHE_ABORT, NULL) == 1);
	upload_stage_tear_down(&b);
}

static void a_part_that_fails_ends_everything(void)
{
	static struct upload_stage b;

	bench_open_multipart(&b);
	upload_stage_answer(&b, 2, CACHE_FAILED, "");
	CHECK(b.u.state == UPLOAD_FAILED && b.pack->jobs[0].is_cancelled);
	CHECK(b.pack->held == 1); /* the other one is still under way */
	CHECK(fake_cache_count(b.cache, CACHE_ABORT, NULL) == 1);
	/* A part that the pack gave before it heard of it. */
	upload_stage_give_part(&b, 3, false);
	CHECK(b.cache->count == 5);
	answer(&b, 3, "b");
	CHECK(b.u.state == UPLOAD_FAILED);
	CHECK(fake_cache_count(b.cache, CACHE_ABORT, NULL) == 1);
	upload_stage_tear_down(&b);
}

static void a_put_that_fails_gives_its_bytes_back(void)
{
	static struct upload_stage b;

	bench_open_packing(&b);
	upload_stage_give_part(&b, 1, true);
	upload_stage_answer(&b, 1, CACHE_FAILED, "");
	CHECK(b.u.state == UPLOAD_FAILED && b.pack->held == 0);
	CHECK(fake_cache_count(b.cache, CACHE_ABORT, NULL) == 0);
	upload_stage_tear_down(&b);
}

static void an_upload_that_the_server_lost_fails(void)
{
	static struct upload_stage b;

	bench_open_multipart(&b);
	upload_stage_answer(&b, 3, CACHE_MISSING, "");
	CHECK(b.u.state == UPLOAD_LOOKING && b.pack->jobs[0].is_cancelled);
	CHECK(last(&b)->step.type == CACHE_CHECK);
	upload_stage_answer(&b, 2, CACHE_MISSING, "");
	CHECK(b.u.state == UPLOAD_LOOKING && b.pack->held == 0);
	upload_stage_answer(&b, 4, CACHE_MISSING, "");
	CHECK(b.u.state == UPLOAD_FAILED &&
	      strstr(upload_error(&b.u), "push again"));
	CHECK(b.u.exit_status == EXIT_FAILED);
	CHECK(fake_cache_count(b.cache, CACHE_ABORT, NULL) == 0);
	upload_stage_tear_down(&b);

	bench_open_multipart(&b);
	upload_stage_give_part(&b, 3, true);
	give_end(&b, PACK_DONE);
	for (size_t i = 2; i < 5; i++)
		answer(&b, i, "x");
	upload_stage_answer(&b, 5, CACHE_FAILED, "");
	CHECK(b.u.state == UPLOAD_FAILED);
	CHECK(last(&b)->step.type == CACHE_ABORT);
	upload_stage_tear_down(&b);
}

/* It was ended by another push, which had the same object whole. */
static void what_another_push_has_completed_is_there(void)
{
	static struct upload_stage b;

	bench_open_multipart(&b);
	upload_stage_give_part(&b, 3, true);
	give_end(&b, PACK_DONE);
	upload_stage_answer(&b, 3, CACHE_MISSING, "");
	CHECK(last(&b)->step.type == CACHE_CHECK);
	answer(&b, 5, "");
	CHECK(b.u.state == UPLOAD_STORED && !b.u.has_file);
	answer(&b, 2, "a");
	upload_stage_answer(&b, 4, CACHE_FAILED, "");
	CHECK(b.u.state == UPLOAD_STORED && b.pack->held == 0);
	upload_stage_tear_down(&b);
}

static void an_id_that_comes_too_late_is_ended(void)
{
	static struct upload_stage b;

	bench_open_packing(&b);
	upload_stage_give_part(&b, 1, false);
	give_end(&b, PACK_FAILED);
	CHECK(b.u.state == UPLOAD_FAILED && b.cache->count == 2);
	answer(&b, 1, "late-id");
	CHECK(b.cache->count == 3 && last(&b)->step.type == CACHE_ABORT);
	CHECK(strcmp(last(&b)->upload_id, "late-id") == 0);
	CHECK(fake_cache_count(b.cache, CACHE_PART, NULL) == 0);
	answer(&b, 2, "");
	upload_stage_tear_down(&b);
}

/* Nobody will send them, and other paths wait for their memory. */
static void parts_that_were_never_sent_are_given_back_at_once(void)
{
	static struct upload_stage b;

	bench_open_packing(&b);
	upload_stage_give_part(&b, 1, false);
	upload_stage_give_part(&b, 2, false);
	upload_stage_answer(&b, 1, CACHE_FAILED, "");
	CHECK(b.u.state == UPLOAD_FAILED && b.pack->held == 0);
	upload_stage_tear_down(&b);

	bench_open_packing(&b);
	upload_stage_give_part(&b, 1, false);
	upload_stage_give_part(&b, 2, false);
	give_end(&b, PACK_FAILED);
	CHECK(b.pack->held == 0);
	answer(&b, 1, "late-id");
	upload_stage_tear_down(&b);

	bench_open_packing(&b);
	upload_stage_give_part(&b, 1, false);
	upload_abort(&b.u, &b.context, "given up");
	CHECK(b.pack->held == 0);
	upload_stage_tear_down(&b);
}

/* Those that were sent are lent to the cache until it answers. */
static void parts_under_way_are_kept_until_they_are_answered(void)
{
	static struct upload_stage b;

	bench_open_multipart(&b);
	upload_abort(&b.u, &b.context, "given up");
	CHECK(b.u.state == UPLOAD_FAILED && b.pack->held == 2);
	CHECK(last(&b)->step.type == CACHE_ABORT);
	upload_stage_answer(&b, 3, CACHE_FAILED, "");
	CHECK(b.pack->held == 1);
	answer(&b, 2, "a");
	CHECK(b.pack->held == 0);
	upload_stage_tear_down(&b);
}

static void a_put_under_way_is_kept_until_it_is_answered(void)
{
	static struct upload_stage b;

	bench_open_packing(&b);
	upload_stage_give_part(&b, 1, true);
	upload_abort(&b.u, &b.context, "given up");
	CHECK(b.pack->held == 1);
	answer(&b, 1, "");
	CHECK(b.pack->held == 0 && b.u.state == UPLOAD_FAILED);
	CHECK(fake_cache_count(b.cache, CACHE_ABORT, NULL) == 0);
	upload_stage_tear_down(&b);
}

static void what_cannot_be_queued_fails(void)
{
	static struct upload_stage b;
	struct upload u;

	upload_stage_set_up(&b, INDEX, NULL);
	b.cache->submit_error = -ENOMEM;
	CHECK(upload_begin(&u, &b.context, INDEX, &b.closure.paths[INDEX]) ==
	      -ENOMEM);
	b.pack->submit_error = -ENOMEM;
	upload_stage_answer(&b, 0, CACHE_MISSING, "");
	CHECK(b.u.state == UPLOAD_FAILED);
	upload_stage_tear_down(&b);

	bench_open_packing(&b);
	b.cache->submit_error = -ENOMEM;
	upload_stage_give_part(&b, 1, false);
	CHECK(b.u.state == UPLOAD_FAILED && b.pack->held == 0);
	upload_stage_tear_down(&b);

	bench_open_packing(&b);
	b.cache->submit_error = -ENOMEM;
	upload_stage_give_part(&b, 1, true);
	CHECK(b.u.state == UPLOAD_FAILED);
	upload_stage_tear_down(&b);
}

static void add(struct strings *list, const char *text)
{
	if (strings_add(list, text, strlen(text)) < 0)
		abort();
}

static void the_narinfo_says_what_is_there(void)
{
	static struct upload_stage b;

	bench_open_packing(&b);
	add(&b.closure.paths[INDEX].signatures, "store-1:" SIG64);
	closure_stage_refer(&b.closure, INDEX, 1);
	upload_stage_give_part(&b, 1, true);
	answer(&b, 1, "");
	give_end(&b, PACK_DONE);
	add(&b.u.signatures, "ours-1:" SIG64);
	b.u.state = UPLOAD_SIGNED;
	upload_publish(&b.u, &b.context);
	CHECK(b.u.state == UPLOAD_PUBLISHING);
	CHECK(strcmp(last(&b)->key,
	             "00000000000000000000000000000003.narinfo") == 0);
	CHECK(strstr(last(&b)->body, "StorePath: /nix/store/"
	                             "00000000000000000000000000000003-p\n"));
	CHECK(strstr(last(&b)->body, "FileSize: 77\n"));
	CHECK(strstr(last(&b)->body, "Compression: zstd\n"));
	CHECK(strstr(last(&b)->body, "References: "
	                             "00000000000000000000000000000001-p\n"));
	CHECK(strstr(last(&b)->body, "Sig: ours-1:" SIG64 "\n"
	                             "Sig: store-1:" SIG64 "\n"));
	answer(&b, 2, "");
	CHECK(b.u.state == UPLOAD_DONE);
	upload_abort(&b.u, &b.context, "given up");
	CHECK(b.u.state == UPLOAD_DONE);
	upload_stage_tear_down(&b);
}

static void a_narinfo_of_an_old_nar_says_no_file_size(void)
{
	static struct upload_stage b;

	upload_stage_set_up(&b, INDEX, NULL);
	answer(&b, 0, "");
	b.u.state = UPLOAD_SIGNED;
	upload_publish(&b.u, &b.context);
	CHECK(!strstr(last(&b)->body, "FileSize") &&
	      !strstr(last(&b)->body, "FileHash"));
	upload_stage_answer(&b, 1, CACHE_FAILED, "");
	CHECK(b.u.state == UPLOAD_FAILED &&
	      strstr(upload_error(&b.u), "narinfo"));
	upload_stage_tear_down(&b);
}

static const struct test tests[] = {
	{ "a NAR that is there is not packed",
	  a_nar_that_is_there_is_not_packed },
	{ "one part is one PUT", one_part_is_one_put },
	{ "parts wait for the id, and then all go",
	  parts_wait_for_the_id_and_then_all_go },
	{ "nothing is completed before the hash is right",
	  nothing_is_completed_before_the_hash_is_right },
	{ "a mismatch ends the upload and never completes it",
	  a_mismatch_ends_the_upload_and_never_completes_it },
	{ "a part that fails ends everything",
	  a_part_that_fails_ends_everything },
	{ "a PUT that fails gives its bytes back",
	  a_put_that_fails_gives_its_bytes_back },
	{ "an upload that the server lost fails",
	  an_upload_that_the_server_lost_fails },
	{ "what another push has completed is there",
	  what_another_push_has_completed_is_there },
	{ "an id that comes too late is ended",
	  an_id_that_comes_too_late_is_ended },
	{ "parts that were never sent are given back at once",
	  parts_that_were_never_sent_are_given_back_at_once },
	{ "parts under way are kept until they are answered",
	  parts_under_way_are_kept_until_they_are_answered },
	{ "a PUT under way is kept until it is answered",
	  a_put_under_way_is_kept_until_it_is_answered },
	{ "what cannot be queued fails", what_cannot_be_queued_fails },
	{ "the narinfo says what is there", the_narinfo_says_what_is_there },
	{ "a narinfo of an old NAR says no file size",
	  a_narinfo_of_an_old_nar_says_no_file_size },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
