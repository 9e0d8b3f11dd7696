#include "tests/lib/cache_stage.h"
#include "tests/lib/test.h"

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

static void passing_failures_are_tried_again(void)
{
	static const char *const first[] = {
		NULL,
		STAGE_STATUS("500 I"),
		STAGE_BODY("503 S", STAGE_ERROR("SlowDown")),
		STAGE_BODY("400 B", STAGE_ERROR("RequestTimeout")),
		STAGE_BODY("400 B", STAGE_ERROR("BadDigest")),
		STAGE_BODY("409 C", STAGE_ERROR("OperationAborted")),
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
	};
	const struct cache_step step = { .type = CACHE_PUT,
		                         .key = STAGE_NAR,
		                         .body = (const uint8_t *)"hello",
		                         .body_len = 5 };

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		const struct http_reply replies[] = {
			{ .answer = first[i], .is_last = true },
			{ .answer = STAGE_OK },
		};
		struct stage s;
		struct cache_result result = stage_run(&s, replies, 2, &step);

		CHECK(result.outcome == CACHE_OK);
		CHECK(http_server_count(s.server) == 2);
		/* The URL is still good. */
		CHECK(s.fake->asked_count == 1);
		CHECK(bytes_equal(http_server_body(s.server, 1),
		                  bytes_of_text("hello")));
		stage_tear_down(&s);
	}
}

static void the_eighth_failure_is_the_last(void)
{
	struct http_reply replies[9];
	const struct cache_step step = { .type = CACHE_GET, .key = STAGE_NAR };
	struct cache_result result;
	struct stage s;

	for (size_t i = 0; i < 9; i++)
		replies[i].match = NULL;
	for (size_t i = 0; i < 9; i++) {
		replies[i] = (struct http_reply){
			.answer = STAGE_BODY("500 I",
			                     STAGE_ERROR("InternalError"))
		};
	}
	result = stage_run(&s, replies, 9, &step);
	CHECK(result.outcome == CACHE_FAILED && result.exit_status == 1);
	CHECK(strstr(result.error, "busy") != NULL);
	CHECK(http_server_count(s.server) == 8);
	stage_tear_down(&s);
}

#define SLOW_DOWN STAGE_BODY("503 S", STAGE_ERROR("SlowDown"))

static void pleas_to_slow_down_use_no_tries_up(void)
{
	enum {
		PLEAS = 20
	};
	struct http_reply replies[PLEAS + 1];
	const struct cache_step step = { .type = CACHE_GET, .key = STAGE_NAR };
	struct cache_result result;
	struct stage s;

	for (size_t i = 0; i < PLEAS; i++)
		replies[i] = (struct http_reply){ .answer = SLOW_DOWN };
	replies[PLEAS] = (struct http_reply){ .answer = STAGE_OK };
	result = stage_run(&s, replies, PLEAS + 1, &step);
	CHECK(result.outcome == CACHE_OK);
	CHECK(http_server_count(s.server) == PLEAS + 1);
	stage_tear_down(&s);
}

/* Runs checks of so many objects, of which a first call to the agent asks for
 * 64; the first answers are pleas. */
enum {
	CHECKS = 100
};

static void run_checks(struct stage *s, unsigned pleas)
{
	static struct http_reply replies[2 * CHECKS];
	static struct cache_result results[CHECKS];
	struct cache_step step = { .type = CACHE_CHECK, .key = STAGE_NAR };

	for (size_t i = 0; i < CHECKS + pleas; i++) {
		replies[i] = (struct http_reply){
			.answer = i < pleas ? "HTTP/1.1 503 S\r\n"
			                      "Retry-After: 1\r\n"
			                      "Content-Length: 0\r\n\r\n"
			                    : STAGE_OK
		};
	}
	stage_set_up(s, replies, CHECKS + pleas, 8);
	for (step.tag = 0; step.tag < CHECKS; step.tag++)
		CHECK(cache_submit(s->cache, &step) == 0);
	CHECK(stage_finish(s, results) == CHECKS);
	for (size_t i = 0; i < CHECKS; i++)
		CHECK(results[i].outcome == CACHE_OK);
}

static void without_pleas_the_agent_is_told_nothing(void)
{
	struct stage s;

	run_checks(&s, 0);
	CHECK(s.fake->told_count == 0 && s.fake->asked_count == CHECKS);
	stage_tear_down(&s);
}

static void the_agent_is_told_soon_and_once(void)
{
	struct stage s;

	run_checks(&s, 8);
	CHECK(s.fake->told.slow_downs == 8);
	/* While there was a pause, not after it. */
	CHECK(s.fake->told.pause_ms > 0);
	CHECK(s.fake->asked_count == CHECKS);
	stage_tear_down(&s);
}

static void no_more_is_under_way_than_the_agent_leaves(void)
{
	enum {
		WAITING = 8
	};
	struct http_reply replies[WAITING];
	struct cache_step step = { .type = CACHE_CHECK, .key = STAGE_NAR };
	struct stage s;

	for (size_t i = 0; i < WAITING; i++)
		replies[i] = (struct http_reply){ .answer = "" };
	stage_set_up(&s, replies, WAITING, WAITING);
	s.fake->pace.in_flight = 3;
	for (step.tag = 0; step.tag < WAITING; step.tag++)
		CHECK(cache_submit(s.cache, &step) == 0);
	for (unsigned i = 0; i < 10; i++)
		CHECK(cache_wait(s.cache, NULL, 0, 20) == 0);
	http_server_stop(s.server);
	CHECK(http_server_count(s.server) <= 3);
	stage_tear_down(&s);
}

/* A download whose reader waits for something else, in a window of one. */
static void what_stands_still_does_not_hold_the_window(void)
{
	static const struct http_reply replies[] = {
		{ .match = "/GetObject", .answer = "" },
		{ .match = "/HeadObject", .answer = STAGE_OK },
	};
	struct cache_step step = { .type = CACHE_FETCH, .key = STAGE_NAR };
	struct cache_result result = { .outcome = CACHE_FAILED };
	struct conduit *sink = NULL;
	struct stage s;
	int rc = 0;

	if (conduit_new(CONDUIT_PIECE_MAX, &sink) < 0)
		abort();
	stage_set_up(&s, replies, 2, 4);
	s.fake->pace.in_flight = 1;
	step.sink = sink;
	CHECK(cache_submit(s.cache, &step) == 0);
	step = (struct cache_step){ .type = CACHE_CHECK,
		                    .key = STAGE_NAR,
		                    .tag = 1 };
	CHECK(cache_submit(s.cache, &step) == 0);
	for (unsigned i = 0; i < 50 && rc == 0; i++) {
		CHECK(cache_wait(s.cache, NULL, 0, 200) == 0);
		rc = cache_next(s.cache, &result);
	}
	CHECK(rc == 1 && result.tag == 1 && result.outcome == CACHE_OK);
	CHECK(cache_pending(s.cache) == 1);
	stage_tear_down(&s);
	conduit_release(sink);
}

static void a_waiting_retry_blocks_nobody(void)
{
	static const struct http_reply replies[] = {
		{ .match = "/nix-cache-info",
		  .answer = "HTTP/1.1 503 S\r\nRetry-After: 1\r\n"
		            "Content-Length: 0\r\n\r\n" },
		{ .match = "/nix-cache-info", .answer = STAGE_OK },
		{ .match = STAGE_NAR, .answer = STAGE_OK },
		{ .match = STAGE_NAR, .answer = STAGE_OK },
	};
	struct cache_step step = { .type = CACHE_CHECK,
		                   .key = "nix-cache-info" };
	struct cache_result result;
	uint64_t order[3] = { 9, 9, 9 };
	size_t got = 0;
	struct stage s;

	stage_set_up(&s, replies, 4, 1);
	for (step.tag = 0; step.tag < 3; step.tag++) {
		CHECK(cache_submit(s.cache, &step) == 0);
		step.key = STAGE_NAR;
	}
	CHECK(cache_pending(s.cache) == 3);
	while (got < 3) {
		int rc = cache_next(s.cache, &result);

		if (rc == 1) {
			order[got++] = result.tag;
		} else if (cache_wait(s.cache, NULL, 0, 1000) < 0) {
			break;
		}
	}
	CHECK(got == 3 && order[0] == 1 && order[1] == 2 && order[2] == 0);
	CHECK(cache_pending(s.cache) == 0);
	stage_tear_down(&s);
}

static void urls_are_asked_for_in_batches_when_steps_start(void)
{
	enum {
		COUNT = 100
	};
	static struct http_reply replies[COUNT];
	static struct cache_result results[COUNT];
	struct cache_step step = { .type = CACHE_CHECK, .key = STAGE_NAR };
	struct stage s;

	for (size_t i = 0; i < COUNT; i++)
		replies[i].answer = STAGE_OK;
	stage_set_up(&s, replies, COUNT, 4);
	for (step.tag = 0; step.tag < COUNT; step.tag++)
		CHECK(cache_submit(s.cache, &step) == 0);
	CHECK(s.fake->calls == 0);
	CHECK(stage_finish(&s, results) == COUNT);
	CHECK(s.fake->calls == 2 && s.fake->asked_count == COUNT);
	http_server_stop(s.server);
	for (size_t i = 0; i < COUNT; i++)
		CHECK(http_server_connection(s.server, i) < 4);
	stage_tear_down(&s);
}

static void urls_of_downloads_are_asked_for_when_there_is_a_slot(void)
{
	enum {
		COUNT = 10
	};
	static struct http_reply replies[2 * COUNT];
	static struct cache_result results[2 * COUNT];
	struct cache_step step = { .type = CACHE_CHECK, .key = STAGE_NAR };
	struct conduit *sinks[COUNT];
	struct stage s;

	for (size_t i = 0; i < COUNT; i++) {
		replies[i] = (struct http_reply){ .match = "HEAD",
			                          .answer = STAGE_OK };
		replies[COUNT + i] =
			(struct http_reply){ .match = "GET", .answer = "" };
	}
	stage_set_up(&s, replies, (size_t)2 * COUNT, 2);
	step.type = CACHE_FETCH;
	for (step.tag = 0; step.tag < COUNT; step.tag++) {
		if (conduit_new(CONDUIT_PIECE_MAX, &sinks[step.tag]) < 0)
			abort();
		step.sink = sinks[step.tag];
		CHECK(cache_submit(s.cache, &step) == 0);
	}
	step.type = CACHE_CHECK;
	for (; step.tag < (uint64_t)2 * COUNT; step.tag++)
		CHECK(cache_submit(s.cache, &step) == 0);
	CHECK(cache_wait(s.cache, NULL, 0, 0) == 0);
	/* Two downloads, and with them all that is done in no time. */
	CHECK(s.fake->calls == 1 && s.fake->asked_count == 2 + COUNT);
	for (size_t i = 0; i < COUNT; i++)
		conduit_abandon(sinks[i]);
	CHECK(stage_finish(&s, results) == (size_t)2 * COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		CHECK(results[i].outcome == CACHE_FAILED);
		CHECK(results[COUNT + i].outcome == CACHE_OK);
		conduit_release(sinks[i]);
	}
	stage_tear_down(&s);
}

static void one_refused_key_fails_alone(void)
{
	static const struct http_reply replies[] = { { .answer = STAGE_OK },
		                                     { .answer = STAGE_OK } };
	static const char *const keys[] = { STAGE_NAR, "log/secret",
		                            STAGE_NAR };
	static struct cache_result results[3];
	struct cache_step step = { .type = CACHE_CHECK };
	struct stage s;

	stage_set_up(&s, replies, 2, 4);
	s.fake->refused_key = "log/secret";
	for (step.tag = 0; step.tag < 3; step.tag++) {
		step.key = keys[step.tag];
		CHECK(cache_submit(s.cache, &step) == 0);
	}
	CHECK(stage_finish(&s, results) == 3);
	CHECK(results[0].outcome == CACHE_OK);
	CHECK(results[1].outcome == CACHE_FAILED);
	CHECK(results[1].exit_status == 4);
	CHECK(strcmp(results[1].error, "the agent says 3") == 0);
	CHECK(results[2].outcome == CACHE_OK);
	stage_tear_down(&s);
}

static void a_locked_agent_is_asked_once(void)
{
	enum {
		COUNT = 100
	};
	static struct cache_result results[COUNT];
	struct cache_step step = { .type = CACHE_CHECK, .key = STAGE_NAR };
	struct stage s;

	stage_set_up(&s, NULL, 0, 4);
	s.fake->outcome = AGENT_E_LOCKED;
	for (step.tag = 0; step.tag < COUNT; step.tag++)
		CHECK(cache_submit(s.cache, &step) == 0);
	CHECK(stage_finish(&s, results) == COUNT);
	CHECK(s.fake->calls == 1);
	for (size_t i = 0; i < COUNT; i++) {
		CHECK(results[i].outcome == CACHE_FAILED &&
		      results[i].exit_status == 3);
	}
	stage_tear_down(&s);
}

#define EXPIRED                                                         \
	STAGE_BODY("403 F", "<Error><Code>AccessDenied</Code><Message>" \
	                    "Request has expired</Message></Error>")

static void an_expired_url_is_asked_for_again(void)
{
	static const struct http_reply replies[] = {
		{ .answer = EXPIRED },
		{ .answer = STAGE_OK },
	};
	const struct cache_step step = { .type = CACHE_GET, .key = STAGE_NAR };
	struct cache_result result;
	struct stage s;

	result = stage_run(&s, replies, 2, &step);
	CHECK(result.outcome == CACHE_OK && s.fake->asked_count == 2);
	stage_tear_down(&s);
}

static void urls_that_stay_expired_are_a_failure_even_to_a_check(void)
{
	static const struct http_reply replies[] = {
		{ .answer = STAGE_STATUS("403 F") },
		{ .answer = STAGE_STATUS("403 F") },
		{ .answer = STAGE_STATUS("403 F") },
		{ .answer = STAGE_STATUS("403 F") },
		{ .answer = STAGE_STATUS("403 F") },
		{ .answer = STAGE_STATUS("403 F") },
	};
	const struct cache_step step = { .type = CACHE_CHECK,
		                         .key = STAGE_NAR };
	struct cache_result result;
	struct stage s;

	stage_set_up(&s, replies, 6, 4);
	s.fake->expired_count = 6;
	CHECK(cache_run(s.cache, &step, &result) == 0);
	CHECK(result.outcome == CACHE_FAILED);
	CHECK(strstr(result.error, "check the clock") != NULL);
	CHECK(s.fake->asked_count == 6);
	stage_tear_down(&s);

	stage_set_up(&s, replies, 3, 4);
	s.fake->expired_count = 2;
	CHECK(cache_run(s.cache, &step, &result) == 0);
	CHECK(result.outcome == CACHE_MISSING);
	stage_tear_down(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "passing failures are tried again",
		  passing_failures_are_tried_again },
		{ "the eighth failure is the last",
		  the_eighth_failure_is_the_last },
		{ "pleas to slow down use no tries up",
		  pleas_to_slow_down_use_no_tries_up },
		{ "without pleas the agent is told nothing",
		  without_pleas_the_agent_is_told_nothing },
		{ "the agent is told soon, and once",
		  the_agent_is_told_soon_and_once },
		{ "no more is under way than the agent leaves",
		  no_more_is_under_way_than_the_agent_leaves },
		{ "what stands still does not hold the window",
		  what_stands_still_does_not_hold_the_window },
		{ "a waiting retry blocks nobody",
		  a_waiting_retry_blocks_nobody },
		{ "URLs are asked for in batches when steps start",
		  urls_are_asked_for_in_batches_when_steps_start },
		{ "URLs of downloads are asked for when there is a slot",
		  urls_of_downloads_are_asked_for_when_there_is_a_slot },
		{ "one refused key fails alone", one_refused_key_fails_alone },
		{ "a locked agent is asked once",
		  a_locked_agent_is_asked_once },
		{ "an expired URL is asked for again",
		  an_expired_url_is_asked_for_again },
		{ "URLs that stay expired are a failure, even to a check",
		  urls_that_stay_expired_are_a_failure_even_to_a_check },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
