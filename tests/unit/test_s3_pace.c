#include "client/cache/s3_pace.h"
#include "tests/lib/test.h"

#define MAX 32U

static void answer(struct s3_pace *pace, long status, uint32_t retry_after,
                   long long now_ms)
{
	const struct transfer_result result = { .outcome = TRANSFER_DONE,
		                                .http_status = status,
		                                .retry_after = retry_after };
	const struct s3_answer answer = { .begun_ms = now_ms - 10,
		                          .now_ms = now_ms,
		                          .under_way = MAX,
		                          .result = &result };

	s3_pace_note(pace, &answer);
}

static void what_lowers_it_and_what_does_not(void)
{
	static const struct {
		long status;
		unsigned window;
		bool is_success;
	} cases[] = {
		{ 200, MAX, true },      { 206, MAX, true },
		{ 403, MAX, true },      { 404, MAX, true },
		{ 408, MAX, false },     { 412, MAX, true },
		{ 429, MAX / 2, false }, { 500, MAX, false },
		{ 502, MAX, false },     { 503, MAX / 2, false },
		{ 504, MAX, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct s3_pace pace;

		s3_pace_init(&pace, MAX);
		answer(&pace, cases[i].status, 0, 1000);
		if (s3_pace_window(&pace, 1000) != cases[i].window ||
		    s3_pace_is_pressed(&pace, 1000) !=
		            (cases[i].window < MAX) ||
		    (pace.success_ms == 1000) != cases[i].is_success)
			(void)printf("# %ld\n", cases[i].status);
		CHECK(s3_pace_window(&pace, 1000) == cases[i].window);
		CHECK((pace.success_ms == 1000) == cases[i].is_success);
	}
}

static void a_broken_connection_is_no_answer(void)
{
	const struct transfer_result result = { .outcome = TRANSFER_BROKEN,
		                                .http_status = 503 };
	const struct s3_answer broken = {
		.begun_ms = 1, .now_ms = 2, .under_way = 1, .result = &result
	};
	struct s3_pace pace;

	s3_pace_init(&pace, MAX);
	s3_pace_note(&pace, &broken);
	CHECK(!s3_pace_is_pressed(&pace, 2) && !s3_pace_has_news(&pace));
	CHECK(pace.success_ms == 0);
}

static bool is_nothing(struct agent_pressure report)
{
	return report.slow_downs == 0 && report.successes == 0 &&
	       report.pause_ms == 0;
}

static void it_reports_while_pressed_and_once(void)
{
	const struct agent_pace none = { .in_flight = 0 };
	struct agent_pressure report;
	struct s3_pace pace;

	s3_pace_init(&pace, MAX);
	answer(&pace, 200, 0, 1000);
	CHECK(is_nothing(s3_pace_report(&pace, 1000)));
	s3_pace_take_share(&pace, &none, 1000);

	answer(&pace, 503, 0, 1020);
	answer(&pace, 503, 3, 1020);
	CHECK(s3_pace_has_news(&pace));
	report = s3_pace_report(&pace, 1100);
	CHECK(report.slow_downs == 2 && report.successes == 0);
	CHECK(report.pause_ms == 2920);
	s3_pace_take_share(&pace, &none, 1100);
	CHECK(!s3_pace_has_news(&pace));
	/* The pause goes on, and is said again. */
	report = s3_pace_report(&pace, 2000);
	CHECK(report.slow_downs == 0 && report.pause_ms == 2020);
	answer(&pace, 200, 0, 5000);
	answer(&pace, 404, 0, 5000);
	report = s3_pace_report(&pace, 5000);
	CHECK(report.successes == 2 && report.pause_ms == 0);
}

static void the_share_of_the_agent_counts_for_some_seconds(void)
{
	const struct agent_pace share = { .in_flight = 5, .pause_ms = 300 };
	const struct agent_pace wide = { .in_flight = 64 };
	const struct agent_pace none = { .in_flight = 0 };
	struct s3_pace pace;

	s3_pace_init(&pace, MAX);
	s3_pace_take_share(&pace, &share, 1000);
	CHECK(s3_pace_window(&pace, 1000) == 5);
	CHECK(s3_pace_resume_ms(&pace) == 1300);
	CHECK(s3_pace_is_pressed(&pace, 10999));
	CHECK(s3_pace_window(&pace, 11000) == MAX);
	CHECK(!s3_pace_is_pressed(&pace, 11000));

	s3_pace_take_share(&pace, &share, 20000);
	s3_pace_take_share(&pace, &none, 20001);
	CHECK(s3_pace_window(&pace, 20001) == MAX);
	s3_pace_take_share(&pace, &wide, 20002);
	CHECK(s3_pace_window(&pace, 20002) == MAX);
	answer(&pace, 429, 0, 20003);
	CHECK(s3_pace_window(&pace, 20003) == MAX / 2);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what lowers it, and what does not",
		  what_lowers_it_and_what_does_not },
		{ "a broken connection is no answer",
		  a_broken_connection_is_no_answer },
		{ "it reports while pressed, and once",
		  it_reports_while_pressed_and_once },
		{ "the share of the agent counts for some seconds",
		  the_share_of_the_agent_counts_for_some_seconds },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
