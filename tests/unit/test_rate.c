#include "agent/door/scope/rate.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#define BURST AGENT_BATCH_MAX
#define START 1000000LL

static struct error_reply error;

static struct rate_book *new_book(void)
{
	struct rate_book *book;

	if (rate_book_new(&book) < 0)
		abort();
	return book;
}

static bool take(struct rate_book *book, uid_t uid, size_t socket,
                 uint32_t rate, uint64_t count, long long now_ms)
{
	const struct peer peer = { .pid = (pid_t)now_ms, .uid = uid };
	const struct rate_call call = {
		.peer = &peer,
		.socket = socket,
		.rate = rate,
		.count = count,
	};

	return rate_take(book, &call, now_ms, &error) == GATE_PASSED;
}

static void no_rate_is_no_limit(void)
{
	struct rate_book *book = new_book();

	for (int i = 0; i < 1000; i++)
		CHECK(take(book, 1, 0, 0, BURST, START));
	rate_book_free(book);
}

static void a_burst_is_a_batch_and_then_it_is_the_rate(void)
{
	struct rate_book *book = new_book();

	CHECK(take(book, 1, 0, 10, BURST, START));
	CHECK(!take(book, 1, 0, 10, 1, START));
	CHECK(error.error == ERROR_RATE_LIMITED);
	CHECK(error.retry_after == 1);
	CHECK(strstr(error.text, "10 signatures and URLs a second") != NULL);
	CHECK(!take(book, 1, 0, 10, 1, START + 99));
	CHECK(take(book, 1, 0, 10, 1, START + 100));
	CHECK(!take(book, 1, 0, 10, 1, START + 100));
	/* What is refused costs nothing. */
	CHECK(!take(book, 1, 0, 10, 11, START + 1100));
	CHECK(take(book, 1, 0, 10, 10, START + 1100));
	CHECK(!take(book, 1, 0, 10, BURST, START + 1100));
	CHECK(error.retry_after == 26);
	rate_book_free(book);
}

static void a_higher_rate_bursts_a_second(void)
{
	struct rate_book *book = new_book();

	for (int i = 0; i < 4; i++)
		CHECK(take(book, 1, 0, 1000, 250, START));
	CHECK(!take(book, 1, 0, 1000, 1, START));
	CHECK(take(book, 1, 0, 1000, 1, START + 1));
	rate_book_free(book);
}

static void users_and_sockets_have_each_their_own(void)
{
	struct rate_book *book = new_book();

	CHECK(take(book, 1, 0, 1, BURST, START));
	CHECK(!take(book, 1, 0, 1, 1, START));
	CHECK(take(book, 2, 0, 1, BURST, START));
	CHECK(take(book, 1, 1, 1, BURST, START));
	/* Another process of the same user has no other bucket. */
	CHECK(!take(book, 1, 0, 1, 1, START + 1));
	rate_book_free(book);
}

static void a_clock_that_goes_back_brings_nothing(void)
{
	struct rate_book *book = new_book();

	CHECK(take(book, 1, 0, 1, BURST, START));
	CHECK(!take(book, 1, 0, 1, 1, START - 999999));
	CHECK(!take(book, 1, 0, 1, 1, START - 999999 + 999));
	CHECK(take(book, 1, 0, 1, 1, START - 999999 + 1000));
	rate_book_free(book);
}

static void a_long_time_fills_and_no_more(void)
{
	struct rate_book *book = new_book();

	CHECK(take(book, 1, 0, 1000000, BURST, START));
	CHECK(take(book, 1, 0, 1000000, BURST, INT64_MAX));
	for (int i = 0; i < 3905; i++)
		CHECK(take(book, 1, 0, 1000000, BURST, INT64_MAX));
	CHECK(!take(book, 1, 0, 1000000, BURST, INT64_MAX));
	/* Another rate is another size. */
	CHECK(take(book, 1, 0, 1, 64, INT64_MAX));
	CHECK(!take(book, 1, 0, 1, BURST, INT64_MAX));
	rate_book_free(book);
}

static void the_oldest_makes_room(void)
{
	struct rate_book *book = new_book();

	for (uid_t i = 0; i < 64; i++)
		CHECK(take(book, i, 0, 1, BURST, START + i));
	CHECK(take(book, 64, 0, 1, BURST, START + 64));
	for (uid_t i = 1; i < 65; i++)
		CHECK(!take(book, i, 0, 1, 1, START + 64));
	rate_book_free(book);
}

static const struct test tests[] = {
	{ "no rate is no limit", no_rate_is_no_limit },
	{ "a burst is a batch, and then it is the rate",
	  a_burst_is_a_batch_and_then_it_is_the_rate },
	{ "a higher rate bursts a second", a_higher_rate_bursts_a_second },
	{ "users and sockets have each their own",
	  users_and_sockets_have_each_their_own },
	{ "a clock that goes back brings nothing",
	  a_clock_that_goes_back_brings_nothing },
	{ "a long time fills, and no more", a_long_time_fills_and_no_more },
	{ "the oldest makes room", the_oldest_makes_room },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
