#include "agent/door/scope/rate.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#define BURST AGENT_BATCH_MAX
#define START 1000000LL

/* Who asks now, and what it was told. */
struct stage {
	struct rate_book *book;
	uid_t uid;
	size_t socket;
	struct error_reply error;
};

static void set_up(struct stage *s)
{
	*s = (struct stage){ .uid = 1 };
	if (rate_book_new(&s->book) < 0)
		abort();
}

static void tear_down(struct stage *s)
{
	rate_book_free(s->book);
}

static bool take(struct stage *s, uint32_t rate, uint64_t count,
                 long long now_ms)
{
	const struct peer peer = { .pid = (pid_t)now_ms, .uid = s->uid };
	const struct rate_call call = {
		.peer = &peer,
		.socket = s->socket,
		.rate = rate,
		.count = count,
	};

	return rate_take(s->book, &call, now_ms, &s->error) == GATE_PASSED;
}

static void no_rate_is_no_limit(void)
{
	struct stage s;

	set_up(&s);
	for (int i = 0; i < 1000; i++)
		CHECK(take(&s, 0, BURST, START));
	tear_down(&s);
}

static void a_burst_is_a_batch_and_then_it_is_the_rate(void)
{
	struct stage s;

	set_up(&s);
	CHECK(take(&s, 10, BURST, START));
	CHECK(!take(&s, 10, 1, START));
	CHECK(s.error.error == ERROR_RATE_LIMITED);
	CHECK(s.error.retry_after == 1);
	CHECK(strstr(s.error.text, "10 signatures and URLs a second") != NULL);
	CHECK(!take(&s, 10, 1, START + 99));
	CHECK(take(&s, 10, 1, START + 100));
	CHECK(!take(&s, 10, 1, START + 100));
	/* What is refused costs nothing. */
	CHECK(!take(&s, 10, 11, START + 1100));
	CHECK(take(&s, 10, 10, START + 1100));
	CHECK(!take(&s, 10, BURST, START + 1100));
	CHECK(s.error.retry_after == 26);
	tear_down(&s);
}

static void a_higher_rate_bursts_a_second(void)
{
	struct stage s;

	set_up(&s);
	for (int i = 0; i < 4; i++)
		CHECK(take(&s, 1000, 250, START));
	CHECK(!take(&s, 1000, 1, START));
	CHECK(take(&s, 1000, 1, START + 1));
	tear_down(&s);
}

static void users_and_sockets_have_each_their_own(void)
{
	struct stage s;

	set_up(&s);
	CHECK(take(&s, 1, BURST, START));
	CHECK(!take(&s, 1, 1, START));
	s.uid = 2;
	CHECK(take(&s, 1, BURST, START));
	s.uid = 1;
	s.socket = 1;
	CHECK(take(&s, 1, BURST, START));
	s.socket = 0;
	/* Another process of the same user has no other bucket. */
	CHECK(!take(&s, 1, 1, START + 1));
	tear_down(&s);
}

static void a_clock_that_goes_back_brings_nothing(void)
{
	struct stage s;

	set_up(&s);
	CHECK(take(&s, 1, BURST, START));
	CHECK(!take(&s, 1, 1, START - 999999));
	CHECK(!take(&s, 1, 1, START - 999999 + 999));
	CHECK(take(&s, 1, 1, START - 999999 + 1000));
	tear_down(&s);
}

static void a_long_time_fills_and_no_more(void)
{
	struct stage s;

	set_up(&s);
	CHECK(take(&s, 1000000, BURST, START));
	CHECK(take(&s, 1000000, BURST, INT64_MAX));
	for (int i = 0; i < 3905; i++)
		CHECK(take(&s, 1000000, BURST, INT64_MAX));
	CHECK(!take(&s, 1000000, BURST, INT64_MAX));
	/* Another rate is another size. */
	CHECK(take(&s, 1, 64, INT64_MAX));
	CHECK(!take(&s, 1, BURST, INT64_MAX));
	tear_down(&s);
}

static void the_oldest_makes_room(void)
{
	struct stage s;

	set_up(&s);
	for (s.uid = 0; s.uid < 65; s.uid++)
		CHECK(take(&s, 1, BURST, START + s.uid));
	for (s.uid = 1; s.uid < 65; s.uid++)
		CHECK(!take(&s, 1, 1, START + 64));
	tear_down(&s);
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
