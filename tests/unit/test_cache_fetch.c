#include "tests/lib/cache_stage.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Waits between tries are a random part of a growing time: here none. */
ssize_t getrandom(void *out, size_t len, unsigned flags);
ssize_t getrandom(void *out, size_t len, unsigned flags)
{
	(void)flags;
	memset(out, 0, len);
	return (ssize_t)len;
}

#define OBJECT "0123456789abcdefghij"
#define SIZE   20

/* An answer to "bytes=from-", cut before the byte at cut; with_range false: as
 * of a server that knows no ranges. */
struct piece {
	size_t from;
	size_t cut;
	bool with_range;
	const char *etag;
	char text[400];
};

static struct http_reply reply_of(struct piece *p)
{
	size_t start = p->with_range ? p->from : 0;
	int len;

	len = snprintf(p->text, sizeof(p->text),
	               "HTTP/1.1 %s\r\nContent-Length: %zu\r\nETag: %s\r\n",
	               p->with_range ? "206 Partial" : "200 OK", SIZE - start,
	               p->etag ? p->etag : "\"e\"");
	if (p->with_range) {
		len += snprintf(p->text + len, sizeof(p->text) - (size_t)len,
		                "Content-Range: bytes %zu-%d/%d\r\n", p->from,
		                SIZE - 1, SIZE);
	}
	(void)snprintf(p->text + len, sizeof(p->text) - (size_t)len, "\r\n%.*s",
	               (int)(p->cut - start), &OBJECT[start]);
	return (struct http_reply){ .answer = p->text,
		                    .is_last = p->cut < SIZE };
}

/* A fetch from start to end, its sink read at the end. */
struct fetch {
	struct stage stage;
	struct cache_result result;
	struct conduit *sink;
	char text[64];
	char why[CONDUIT_WHY_MAX];
	int rc; /* of the sink */
};

static struct cache_step step_of(struct fetch *f)
{
	if (conduit_new(CONDUIT_PIECE_MAX, &f->sink) < 0)
		abort();
	return (struct cache_step){
		.type = CACHE_FETCH, .key = STAGE_NAR, .sink = f->sink, .tag = 3
	};
}

static void drain(struct fetch *f)
{
	size_t at = 0, len = 1;

	f->rc = 0;
	while (f->rc == 0 && len > 0 && at < sizeof(f->text) - 1) {
		f->rc = conduit_try_read(f->sink, f->text + at,
		                         sizeof(f->text) - 1 - at, &len);
		if (f->rc == 0)
			at += len;
	}
	f->text[at] = '\0';
	conduit_why(f->sink, f->why);
	CHECK(strcmp(f->why, f->result.error) == 0 || f->rc == -ENOENT);
	CHECK(!strstr(f->why, "5ec5e7"));
	conduit_release(f->sink);
}

static void run_step(struct fetch *f, const struct http_reply *replies,
                     size_t count, const struct cache_step *step)
{
	f->result = stage_run(&f->stage, replies, count, step);
	drain(f);
}

static void run(struct fetch *f, const struct http_reply *replies, size_t count)
{
	const struct cache_step step = step_of(f);

	run_step(f, replies, count, &step);
}

static bool asked_for(const struct fetch *f, size_t index, const char *range)
{
	const char *head = http_server_head(f->stage.server, index);
	char line[64];

	if (!range)
		return head[0] && !strcasestr(head, "\r\nrange:");
	(void)snprintf(line, sizeof(line), "\r\nRange: bytes=%s\r\n", range);
	return strcasestr(head, line) != NULL;
}

static bool is_whole(const struct fetch *f)
{
	return f->result.outcome == CACHE_OK && f->rc == 0 &&
	       f->result.size == SIZE && strcmp(f->text, OBJECT) == 0;
}

static void an_object_goes_into_the_sink(void)
{
	static const struct http_reply reply = {
		.answer = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n"
			  "Content-Encoding: xz\r\n"
			  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n" OBJECT
	};
	struct fetch f;

	run(&f, &reply, 1);
	CHECK(is_whole(&f) && asked_for(&f, 0, NULL));
	CHECK(strcmp(f.result.encoding, "xz") == 0);
	CHECK(f.result.server_time == 784111777);
	CHECK(f.result.response.len == 0);
	CHECK(f.stage.fake->asked[0].operation == S3_GET_OBJECT);
	stage_tear_down(&f.stage);
}

static void what_broke_is_taken_up_where_it_broke(void)
{
	for (size_t cut = 0; cut < SIZE; cut++) {
		for (unsigned with_range = 0; with_range < 2; with_range++) {
			struct piece first = { .cut = cut };
			struct piece rest = { .from = cut,
				              .cut = SIZE,
				              .with_range = with_range };
			struct http_reply replies[2];
			struct fetch f;
			char range[16];

			if (cut == 0)
				rest.with_range = false;
			replies[0] = reply_of(&first);
			replies[1] = reply_of(&rest);
			run(&f, replies, 2);
			CHECK(is_whole(&f));
			(void)snprintf(range, sizeof(range), "%zu-", cut);
			CHECK(asked_for(&f, 1, cut ? range : NULL));
			/* The URL is still good. */
			CHECK(f.stage.fake->asked_count == 1);
			stage_tear_down(&f.stage);
		}
	}
}

static void only_tries_without_progress_are_counted(void)
{
	struct piece pieces[SIZE];
	struct http_reply replies[2 * SIZE];
	struct fetch f;

	/* Each brings one byte, and after each there is one that brings none.
	 */
	for (size_t i = 0; i < SIZE; i++) {
		pieces[i] = (struct piece){ .from = i,
			                    .cut = i + 1,
			                    .with_range = i > 0 };
		replies[2 * i] = reply_of(&pieces[i]);
		replies[2 * i + 1] = (struct http_reply){ .answer = NULL };
	}
	run(&f, replies, (size_t)2 * SIZE);
	CHECK(is_whole(&f));
	CHECK(http_server_count(f.stage.server) == 2 * SIZE - 1);
	stage_tear_down(&f.stage);
}

static void a_download_that_never_goes_on_ends_after_its_tries(void)
{
	static const struct {
		const char *answer;
		const char *says;
	} cases[] = {
		{ NULL, "broke" },
		{ STAGE_STATUS("500 I"), "answered 500" },
		{ "HTTP/1.1 206 P\r\nContent-Range: bytes 4-19/20\r\n"
		  "Content-Length: 16\r\n\r\n456789abcdefghij",
		  "another part" },
		{ "HTTP/1.1 206 P\r\nContent-Range: bytes 5-19/20\r\n"
		  "Content-Length: 15\r\n\r\n",
		  "broke" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct piece first = { .cut = 5 };
		struct http_reply replies[12];
		struct fetch f;

		replies[0] = reply_of(&first);
		for (size_t r = 1; r < 12; r++) {
			replies[r] =
				(struct http_reply){ .answer = cases[i].answer,
				                     .is_last = true };
		}
		run(&f, replies, 12);
		CHECK(f.result.outcome == CACHE_FAILED && f.rc == -EIO);
		CHECK(strcmp(f.text, "01234") == 0);
		/* The first, which brought something, counts as one. */
		CHECK(http_server_count(f.stage.server) == 8);
		if (!strstr(f.result.error, cases[i].says))
			test_fail(__FILE__, __LINE__, f.result.error);
		stage_tear_down(&f.stage);
	}
}

static void what_answers_to_a_fetch_mean(void)
{
	static const struct {
		const char *answer;
		const char *says;
		enum cache_outcome outcome;
	} cases[] = {
		{ STAGE_BODY("404 N", STAGE_ERROR("NoSuchKey")), "",
		  CACHE_MISSING },
		{ STAGE_STATUS("404 N"), "", CACHE_MISSING },
		{ STAGE_BODY("403 F", STAGE_ERROR("AccessDenied")), "",
		  CACHE_MISSING },
		{ STAGE_BODY("403 F", STAGE_ERROR("SignatureDoesNotMatch")),
		  "credentials refused", CACHE_FAILED },
		{ STAGE_STATUS("403 F"), "may not do this", CACHE_FAILED },
		{ STAGE_BODY("404 N", STAGE_ERROR("NoSuchBucket")),
		  "no bucket bucket", CACHE_FAILED },
		{ STAGE_STATUS("204 N"), "answered 204", CACHE_FAILED },
		{ STAGE_BODY("416 R", STAGE_ERROR("InvalidRange")),
		  "InvalidRange", CACHE_FAILED },
		{ STAGE_BODY("301 M", "<Error><Code>PermanentRedirect</Code>"
		                      "<Region>eu-1</Region></Error>"),
		  "set region=eu-1", CACHE_FAILED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_reply reply = { .answer = cases[i].answer };
		struct fetch f;

		run(&f, &reply, 1);
		CHECK(f.result.outcome == cases[i].outcome);
		CHECK(f.rc ==
		      (cases[i].outcome == CACHE_MISSING ? -ENOENT : -EIO));
		CHECK(f.why[0] != '\0' && f.text[0] == '\0');
		if (!strstr(f.result.error, cases[i].says))
			test_fail(__FILE__, __LINE__, f.result.error);
		stage_tear_down(&f.stage);
	}
}

static void an_object_that_goes_away_in_the_middle_is_missing(void)
{
	struct piece first = { .cut = 5 };
	struct http_reply replies[2];
	struct fetch f;

	replies[0] = reply_of(&first);
	replies[1] = (struct http_reply){ .answer = STAGE_STATUS("404 N") };
	run(&f, replies, 2);
	CHECK(f.result.outcome == CACHE_MISSING && f.rc == -ENOENT);
	CHECK(strcmp(f.text, "01234") == 0);
	stage_tear_down(&f.stage);
}

static void two_objects_are_never_mixed(void)
{
	for (unsigned with_range = 0; with_range < 2; with_range++) {
		struct piece first = { .cut = 5 };
		struct piece rest = { .from = 5,
			              .cut = SIZE,
			              .with_range = with_range,
			              .etag = "\"another\"" };
		struct http_reply replies[2];
		struct fetch f;

		replies[0] = reply_of(&first);
		replies[1] = reply_of(&rest);
		run(&f, replies, 2);
		CHECK(f.result.outcome == CACHE_FAILED && f.rc == -EIO);
		CHECK(strstr(f.result.error, "replaced") != NULL);
		CHECK(strcmp(f.text, "01234") == 0);
		stage_tear_down(&f.stage);
	}
}

static void a_part_is_taken_up_within_the_part(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 206 P\r\nContent-Length: 8\r\n"
		            "Content-Range: bytes 4-11/20\r\n\r\n456",
		  .is_last = true },
		{ .answer = "HTTP/1.1 206 P\r\nContent-Length: 2\r\n"
		            "Content-Range: bytes 7-8/20\r\n\r\n78" },
		{ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n"
		            "\r\n" OBJECT },
	};
	struct cache_step step;
	struct fetch f;

	step = step_of(&f);
	step.offset = 4;
	step.length = 8;
	run_step(&f, replies, 3, &step);
	CHECK(f.result.outcome == CACHE_OK && f.rc == 0);
	CHECK(strcmp(f.text, "456789ab") == 0 && f.result.size == SIZE);
	CHECK(asked_for(&f, 0, "4-11"));
	CHECK(asked_for(&f, 1, "7-11"));
	CHECK(asked_for(&f, 2, "9-11"));
	stage_tear_down(&f.stage);
}

static void a_body_that_broke_behind_its_last_byte_is_whole(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
		            "\r\n14\r\n" OBJECT "\r\n",
		  .is_last = true },
		{ .answer = "HTTP/1.1 416 R\r\nContent-Range: bytes */20\r\n"
		            "Content-Length: 0\r\n\r\n" },
	};
	static const struct http_reply shorter[] = {
		{ .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
		            "\r\n14\r\n" OBJECT "\r\n",
		  .is_last = true },
		{ .answer = "HTTP/1.1 416 R\r\nContent-Range: bytes */19\r\n"
		            "Content-Length: 0\r\n\r\n" },
	};
	struct fetch f;

	run(&f, replies, 2);
	CHECK(is_whole(&f) && asked_for(&f, 1, "20-"));
	stage_tear_down(&f.stage);
	run(&f, shorter, 2);
	CHECK(f.result.outcome == CACHE_FAILED && f.rc == -EIO);
	stage_tear_down(&f.stage);
}

static void a_reader_that_leaves_ends_the_fetch(void)
{
	static const struct http_reply cases[] = {
		/* In the middle, and while waiting for another try. */
		{ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"
		            "01234" },
		{ .answer = "HTTP/1.1 503 S\r\nRetry-After: 60\r\n"
		            "Content-Length: 0\r\n\r\n" },
	};

	for (size_t i = 0; i < 2; i++) {
		static struct cache_result results[4];
		struct cache_step step;
		struct fetch f;

		step = step_of(&f);
		stage_set_up(&f.stage, &cases[i], 1, 4);
		CHECK(cache_submit(f.stage.cache, &step) == 0);
		for (unsigned n = 0; n < 5; n++) {
			CHECK(cache_wait(f.stage.cache, NULL, 0, 20) == 0);
			CHECK(cache_next(f.stage.cache, results) == 0);
		}
		conduit_abandon(f.sink);
		CHECK(stage_finish(&f.stage, results) == 1);
		f.result = results[3];
		CHECK(f.result.outcome == CACHE_FAILED);
		CHECK(strstr(f.result.error, "nobody waits") != NULL);
		CHECK(cache_pending(f.stage.cache) == 0);
		conduit_release(f.sink);
		stage_tear_down(&f.stage);
	}
}

/* The rest needs another URL, for the server finds the first one too old. */
static void an_agent_that_is_locked_in_the_middle_is_named(void)
{
	struct piece first = { .cut = 5 };
	struct http_reply replies[2];
	static struct cache_result results[4];
	struct cache_step step;
	struct fetch f;

	replies[0] = reply_of(&first);
	replies[1] = (struct http_reply){ .answer = STAGE_STATUS("403 F") };
	step = step_of(&f);
	stage_set_up(&f.stage, replies, 2, 4);
	f.stage.fake->expired_count = 1;
	CHECK(cache_submit(f.stage.cache, &step) == 0);
	CHECK(cache_wait(f.stage.cache, NULL, 0, 0) == 0);
	f.stage.fake->outcome = AGENT_E_LOCKED;
	CHECK(stage_finish(&f.stage, results) == 1);
	f.result = results[3];
	drain(&f);
	CHECK(f.result.outcome == CACHE_FAILED && f.rc == -EIO);
	CHECK(f.result.exit_status == 3 && strcmp(f.text, "01234") == 0);
	CHECK(strcmp(f.why, "the agent says 2") == 0);
	stage_tear_down(&f.stage);
}

static void a_cache_that_closes_ends_its_sinks(void)
{
	static const struct http_reply reply = { .answer = "" };
	struct cache_step step;
	struct fetch f;

	for (unsigned is_sent = 0; is_sent < 2; is_sent++) {
		step = step_of(&f);
		stage_set_up(&f.stage, &reply, 1, 4);
		CHECK(cache_submit(f.stage.cache, &step) == 0);
		if (is_sent)
			CHECK(cache_wait(f.stage.cache, NULL, 0, 0) == 0);
		stage_tear_down(&f.stage);
		(void)snprintf(f.result.error, sizeof(f.result.error),
		               "the cache was closed");
		drain(&f);
		CHECK(f.rc == -ECANCELED && f.text[0] == '\0');
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "an object goes into the sink",
		  an_object_goes_into_the_sink },
		{ "what broke is taken up where it broke",
		  what_broke_is_taken_up_where_it_broke },
		{ "only tries without progress are counted",
		  only_tries_without_progress_are_counted },
		{ "a download that never goes on ends after its tries",
		  a_download_that_never_goes_on_ends_after_its_tries },
		{ "what answers to a fetch mean",
		  what_answers_to_a_fetch_mean },
		{ "an object that goes away in the middle is missing",
		  an_object_that_goes_away_in_the_middle_is_missing },
		{ "two objects are never mixed", two_objects_are_never_mixed },
		{ "a part is taken up within the part",
		  a_part_is_taken_up_within_the_part },
		{ "a body that broke behind its last byte is whole",
		  a_body_that_broke_behind_its_last_byte_is_whole },
		{ "a reader that leaves ends the fetch",
		  a_reader_that_leaves_ends_the_fetch },
		{ "an agent that is locked in the middle is named",
		  an_agent_that_is_locked_in_the_middle_is_named },
		{ "a cache that closes ends its sinks",
		  a_cache_that_closes_ends_its_sinks },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
