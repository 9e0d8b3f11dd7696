#include "tests/lib/test.h"

#include "client/transfer/retry.h"

#include <stdint.h>

static const struct retry_times early = { .now_ms = 1 };

static struct transfer_result answered(long status)
{
	return (struct transfer_result){ .outcome = TRANSFER_DONE,
		                         .http_status = status };
}

static bool tries_again(const struct transfer_result *result)
{
	struct retry retry = { .tries = 0 };

	return retry_next(&retry, result, &early, 1);
}

static void only_passing_statuses_are_tried_again(void)
{
	static const struct {
		const char *what;
		long status;
		bool again;
	} cases[] = {
		{ "success", 200, false },
		{ "no content", 204, false },
		{ "redirect", 301, false },
		{ "bad request", 400, false },
		{ "forbidden", 403, false },
		{ "not found", 404, false },
		{ "before request timeout", 407, false },
		{ "request timeout", 408, true },
		{ "conflict", 409, false },
		{ "before too many requests", 428, false },
		{ "too many requests", 429, true },
		{ "after too many requests", 430, false },
		{ "the last of the 400s", 499, false },
		{ "internal error", 500, true },
		{ "not implemented", 501, false },
		{ "bad gateway", 502, true },
		{ "slow down", 503, true },
		{ "gateway timeout", 504, true },
		{ "version not supported", 505, false },
		{ "after version", 506, true },
		{ "the last of the 500s", 599, true },
		{ "beyond", 600, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct transfer_result result = answered(cases[i].status);

		if (tries_again(&result) != cases[i].again)
			test_fail(__FILE__, __LINE__, cases[i].what);
	}
}

static void what_the_network_did_is_tried_again_but_not_tls(void)
{
	static const struct {
		enum transfer_outcome outcome;
		bool again;
	} cases[] = {
		{ TRANSFER_NO_CONNECTION, true }, { TRANSFER_BROKEN, true },
		{ TRANSFER_TIMED_OUT, true },     { TRANSFER_TLS, false },
		{ TRANSFER_TOO_LARGE, false },    { TRANSFER_FAILED, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct transfer_result result = { .outcome = cases[i].outcome };

		CHECK(tries_again(&result) == cases[i].again);
	}
}

static void the_eighth_failure_is_the_last(void)
{
	struct transfer_result result = answered(500);
	struct retry retry = { .tries = 0 };

	for (unsigned i = 1; i < RETRY_FAILURES_MAX; i++) {
		CHECK(retry_next(&retry, &result, &early, i));
		CHECK(retry.tries == i);
	}
	CHECK(!retry_next(&retry, &result, &early, 0));
	CHECK(retry.tries == RETRY_FAILURES_MAX);
}

/* The wait that the random number would give if it hit the very end. */
static uint32_t longest_wait(unsigned failures)
{
	struct transfer_result result = answered(500);
	uint32_t longest = 0;

	for (uint64_t random = 0; random < 25000; random++) {
		struct retry retry = { .failures = failures };

		if (retry_next(&retry, &result, &early, random) &&
		    retry.wait_ms > longest)
			longest = retry.wait_ms;
	}
	return longest;
}

static void waits_double_and_have_full_jitter(void)
{
	struct transfer_result result = answered(500);
	struct retry retry = { .failures = 3 };

	CHECK(longest_wait(0) == 100);
	CHECK(longest_wait(1) == 200);
	CHECK(longest_wait(2) == 400);
	CHECK(longest_wait(6) == 6400);
	CHECK(retry_next(&retry, &result, &early, 0));
	CHECK(retry.wait_ms == 0);
}

#define BEGUN_MS 5000

/* Whether a plea is worth another try, after many. */
static bool goes_on(long status, long long success_ms, long long now_ms)
{
	const struct retry_times times = { .now_ms = now_ms,
		                           .success_ms = success_ms };
	struct transfer_result result = answered(status);
	struct retry retry = { .tries = 1000, .since_ms = BEGUN_MS };
	bool again = retry_next(&retry, &result, &times, 0);

	CHECK(retry.tries == 1001 && retry.failures == 0);
	return again;
}

static void a_busy_server_is_waited_for_as_long_as_it_answers_anybody(void)
{
	static const struct {
		const char *what;
		long long success_ms, now_ms;
		bool again;
	} cases[] = {
		{ "none yet", 0, BEGUN_MS + RETRY_BUSY_MS - 1, true },
		{ "none for too long", 0, BEGUN_MS + RETRY_BUSY_MS, false },
		{ "none since before it began", 1, BEGUN_MS + RETRY_BUSY_MS - 1,
		  true },
		{ "one on the way", BEGUN_MS + 1, BEGUN_MS + RETRY_BUSY_MS,
		  true },
		{ "one, but long ago", BEGUN_MS + 1,
		  BEGUN_MS + RETRY_BUSY_MS + 1, false },
		{ "others only", BEGUN_MS + RETRY_STARVED_MS - 2,
		  BEGUN_MS + RETRY_STARVED_MS - 1, true },
		{ "others only, for too long", BEGUN_MS + RETRY_STARVED_MS - 1,
		  BEGUN_MS + RETRY_STARVED_MS, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (goes_on(503, cases[i].success_ms, cases[i].now_ms) !=
		            cases[i].again ||
		    goes_on(429, cases[i].success_ms, cases[i].now_ms) !=
		            cases[i].again)
			test_fail(__FILE__, __LINE__, cases[i].what);
	}
}

static void who_asks_for_longer_is_waited_for_longer(void)
{
	struct transfer_result result = answered(503);
	struct retry retry = { .since_ms = BEGUN_MS };
	struct retry_times times = { .now_ms = BEGUN_MS + RETRY_BUSY_MS +
		                               119999 };

	result.retry_after = 60;
	CHECK(retry_next(&retry, &result, &times, 0));
	times.now_ms++;
	CHECK(!retry_next(&retry, &result, &times, 0));
}

static void a_plea_to_slow_down_makes_no_wait_longer(void)
{
	struct transfer_result result = answered(429);
	struct retry retry = { .tries = 20 };

	CHECK(retry_next(&retry, &result, &early, 100));
	CHECK(retry.wait_ms == 100);
	CHECK(retry_next(&retry, &result, &early, 101));
	CHECK(retry.wait_ms == 0);
}

static void retry_after_is_a_lower_bound_of_a_minute_at_most(void)
{
	static const struct {
		uint32_t asked;
		uint32_t least;
	} cases[] = { { 0, 0 },
		      { 1, 1000 },
		      { 60, 60000 },
		      { 61, 60000 },
		      { UINT32_MAX, 60000 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct transfer_result result = answered(503);
		struct retry retry = { .tries = 0 };

		result.retry_after = cases[i].asked;
		CHECK(retry_next(&retry, &result, &early, 100));
		CHECK(retry.wait_ms == cases[i].least + 100);
		retry.tries = 0;
		CHECK(retry_next(&retry, &result, &early, 101));
		CHECK(retry.wait_ms == cases[i].least);
	}
}

static void a_server_in_trouble_is_left_for_a_new_connection(void)
{
	static const struct {
		long status;
		bool anew;
	} cases[] = {
		{ 408, false }, { 429, false }, { 500, true }, { 503, true }
	};
	struct transfer_result refused = { .outcome = TRANSFER_NO_CONNECTION };
	struct retry retry = { .use_new_connection = true };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct transfer_result result = answered(cases[i].status);

		retry.tries = 0;
		CHECK(retry_next(&retry, &result, &early, 0));
		CHECK(retry.use_new_connection == cases[i].anew);
	}
	CHECK(retry_next(&retry, &refused, &early, 0));
	CHECK(!retry.use_new_connection);
}

int main(void)
{
	static const struct test tests[] = {
		{ "only passing statuses are tried again",
		  only_passing_statuses_are_tried_again },
		{ "what the network did is tried again, but not TLS",
		  what_the_network_did_is_tried_again_but_not_tls },
		{ "the eighth failure is the last",
		  the_eighth_failure_is_the_last },
		{ "waits double and have full jitter",
		  waits_double_and_have_full_jitter },
		{ "a busy server is waited for as long as it answers anybody",
		  a_busy_server_is_waited_for_as_long_as_it_answers_anybody },
		{ "who asks for longer is waited for longer",
		  who_asks_for_longer_is_waited_for_longer },
		{ "a plea to slow down makes no wait longer",
		  a_plea_to_slow_down_makes_no_wait_longer },
		{ "Retry-After is a lower bound, of a minute at most",
		  retry_after_is_a_lower_bound_of_a_minute_at_most },
		{ "a server in trouble is left for a new connection",
		  a_server_in_trouble_is_left_for_a_new_connection },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
