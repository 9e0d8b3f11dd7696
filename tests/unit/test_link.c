#include "client/push/link.h"
#include "tests/lib/test.h"

#include <stddef.h>

static void the_best_second_counts(void)
{
	struct link_meter m = { .window_ms = 0 };

	link_note_sent(&m, 5000, 0);
	link_note_sent(&m, 5500, 40000000); /* in the midst of it */
	CHECK(m.bytes_per_s == 0);
	link_note_sent(&m, 6000, 50000000);
	CHECK(m.bytes_per_s == 50000000);
	link_note_sent(&m, 8000, 60000000); /* the compressor was waited for */
	CHECK(m.bytes_per_s == 50000000);
	link_note_sent(&m, 9000, 180000000);
	CHECK(m.bytes_per_s == 120000000);
}

static void what_is_too_short_says_nothing(void)
{
	struct link_meter m = { .window_ms = 0 };

	link_note_sent(&m, 100, 0);
	link_note_sent(&m, 1099, 1000000);
	CHECK(m.bytes_per_s == 0);
}

static void the_quickest_answer_counts(void)
{
	struct link_meter m = { .window_ms = 0 };

	CHECK(m.latency_ms == 0);
	link_note_answer(&m, 150); /* with a handshake */
	link_note_answer(&m, 51);
	link_note_answer(&m, 90);
	CHECK(m.latency_ms == 51);
	link_note_answer(&m, 0);
	CHECK(m.latency_ms == 1);
}

static const struct test tests[] = {
	{ "the best second counts", the_best_second_counts },
	{ "what is too short says nothing", what_is_too_short_says_nothing },
	{ "the quickest answer counts", the_quickest_answer_counts },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
