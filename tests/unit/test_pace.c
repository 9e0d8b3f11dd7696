#include "agent/door/pace.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define START 1000000LL
#define MAX   AGENT_IN_FLIGHT_MAX

static struct pace_book *new_book(void)
{
	struct pace_book *book = NULL;

	if (pace_book_new(&book) < 0)
		abort();
	return book;
}

static void say(struct pace_book *book, size_t place, struct agent_pressure met,
                long long now_ms)
{
	const struct pace_client client = { .place = place,
		                            .cache = 1,
		                            .is_heard = true };

	pace_note(book, &client, &met, now_ms);
}

static void plead(struct pace_book *book, size_t place, long long now_ms)
{
	say(book, place, (struct agent_pressure){ .slow_downs = 1 }, now_ms);
}

static void ask(struct pace_book *book, size_t place, long long now_ms)
{
	say(book, place, (struct agent_pressure){ .slow_downs = 0 }, now_ms);
}

static unsigned share(const struct pace_book *book, long long now_ms)
{
	return pace_share(book, 1, now_ms).in_flight;
}

static void without_pleas_nothing_is_said(void)
{
	struct pace_book *book = new_book();

	CHECK(share(book, START) == 0);
	for (size_t place = 0; place < 10; place++) {
		say(book, place,
		    (struct agent_pressure){ .successes = 5, .pause_ms = 5 },
		    START);
	}
	CHECK(share(book, START) == 0);
	CHECK(pace_share(book, 1, START).pause_ms == 0);
	pace_book_free(book);
}

static void what_one_has_met_is_shared_out_among_all(void)
{
	struct pace_book *book = new_book();

	ask(book, 0, START);
	ask(book, 1, START);
	plead(book, 0, START + 1);
	/* As if each had had 32. */
	CHECK(share(book, START + 1) == 16);
	CHECK(pace_total(book, 1, START + 1) == 32);
	CHECK(pace_total(book, 0, START + 1) == 0);
	CHECK(pace_share(book, 0, START + 1).in_flight == 0);
	ask(book, 2, START + 2);
	ask(book, 3, START + 2);
	CHECK(share(book, START + 2) == 8);
	/* Who asks no more has no part. */
	ask(book, 3, START + 4900);
	CHECK(share(book, START + 5500) == 32);
	CHECK(share(book, START + 60002) == 0);
	pace_book_free(book);
}

static void one_that_shouts_does_not_count_more(void)
{
	struct pace_book *once = new_book(), *often = new_book();

	plead(once, 0, START);
	plead(once, 0, START + 1001);
	for (long long ms = 0; ms <= 1001; ms++) {
		say(often, 0,
		    (struct agent_pressure){ .slow_downs = AGENT_ANSWERS_MAX },
		    START + ms);
	}
	CHECK(share(once, START + 1001) == share(often, START + 1001));
	CHECK(share(once, START + 1001) == 8);
	pace_book_free(once);
	pace_book_free(often);
}

static void everybody_keeps_something(void)
{
	struct pace_book *book = new_book();

	for (size_t place = 0; place < 64; place++)
		ask(book, place, START);
	for (long long s = 0; s < 100; s++)
		plead(book, 0, START + s * 1001);
	CHECK(share(book, START + 99 * 1001LL) == PACE_FLOOR);
	for (size_t place = 0; place < 64; place++)
		ask(book, place, START + 99 * 1001LL);
	CHECK(share(book, START + 99 * 1001LL) == PACE_FLOOR);
	CHECK(pace_total(book, 1, START + 99 * 1001LL) == 64 * PACE_FLOOR);
	pace_book_free(book);
}

static void successes_widen_it_until_it_is_over(void)
{
	const struct agent_pressure fine = { .successes = 100 };
	struct pace_book *book = new_book();
	unsigned before, reports = 0;

	plead(book, 0, START);
	before = share(book, START);
	say(book, 0, fine, START + 10);
	CHECK(share(book, START + 10) > before);
	CHECK(share(book, START + 10) < MAX);
	while (share(book, START + 20) > 0 && reports < 100) {
		say(book, 0, fine, START + 20);
		reports++;
	}
	CHECK(reports > 5 && reports < 40);
	/* And it may begin again. */
	plead(book, 0, START + 2000);
	CHECK(share(book, START + 2000) == 16);
	pace_book_free(book);
}

static void a_pause_is_short_and_rare(void)
{
	const struct agent_pressure pause = { .slow_downs = 1,
		                              .pause_ms = AGENT_PAUSE_MAX };
	struct pace_book *book = new_book();
	long long paused_ms = 0;

	for (long long ms = 0; ms < 100000; ms += 100) {
		say(book, 0, pause, START + ms);
		if (pace_share(book, 1, START + ms).pause_ms > 0)
			paused_ms += 100;
		CHECK(pace_share(book, 1, START + ms).pause_ms <=
		      PACE_PAUSE_MAX_MS);
	}
	CHECK(paused_ms == 25000);
	pace_book_free(book);
}

static void who_is_not_heard_is_told_all_the_same(void)
{
	const struct agent_pressure met = { .slow_downs = 9, .pause_ms = 9 };
	const struct agent_pressure fine = { .successes = 1000000 };
	const struct pace_client reader = { .place = 1, .cache = 1 };
	struct pace_book *book = new_book();

	pace_note(book, &reader, &met, START);
	CHECK(share(book, START) == 0);
	plead(book, 0, START);
	/* It is one of two. */
	CHECK(share(book, START) == 16);
	for (unsigned i = 0; i < 100; i++)
		pace_note(book, &reader, &fine, START + 10);
	pace_note(book, &reader, &met, START + 2000);
	CHECK(share(book, START + 2000) == 16);
	CHECK(pace_share(book, 1, START + 2000).pause_ms == 0);
	pace_book_free(book);
}

int main(void)
{
	static const struct test tests[] = {
		{ "without pleas nothing is said",
		  without_pleas_nothing_is_said },
		{ "what one has met is shared out among all",
		  what_one_has_met_is_shared_out_among_all },
		{ "one that shouts does not count more",
		  one_that_shouts_does_not_count_more },
		{ "everybody keeps something", everybody_keeps_something },
		{ "successes widen it until it is over",
		  successes_widen_it_until_it_is_over },
		{ "a pause is short and rare", a_pause_is_short_and_rare },
		{ "who is not heard is told all the same",
		  who_is_not_heard_is_told_all_the_same },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
