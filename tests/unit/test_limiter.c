#include "tests/lib/test.h"

#include "protocol/base/limiter.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define LEAST       (LIMITER_ONE / 16)
#define WIDE        32U
#define CLIENTS_MAX 8U

/* A server in simulated milliseconds: it answers so many requests a second,
 * and asks whoever comes beyond that to slow down. */
struct server {
	unsigned rate;       /* requests a second; 0: no limit */
	unsigned latency_ms; /* and up to half as much again, in turn */
	unsigned pause_ms;   /* it asks for that */
	long long budget; /* in thousandths of a request, at most a tenth of a
	                    * second's */
};

struct client {
	struct limiter limiter;
	bool is_deaf; /* goes on as if nothing was said */
	unsigned under_way;
	struct {
		bool is_used;
		bool is_refused;
		long long begun_ms;
		long long answer_ms;
		unsigned under_way; /* then */
	} slots[WIDE];
};

struct world {
	struct server server;
	struct client clients[CLIENTS_MAX];
	unsigned client_count;
	long long now_ms;
	unsigned answered; /* since they were last set to 0 */
	unsigned refused;
	unsigned begun;
};

static void make_world(struct world *w, unsigned rate, unsigned latency_ms,
                       unsigned client_count)
{
	memset(w, 0, sizeof(*w));
	w->server.rate = rate;
	w->server.latency_ms = latency_ms;
	w->client_count = client_count;
	for (unsigned i = 0; i < client_count; i++) {
		limiter_init(&w->clients[i].limiter, LEAST, WIDE * LIMITER_ONE);
	}
}

static bool server_refuses(struct server *s)
{
	if (s->rate == 0)
		return false;
	if (s->budget < 1000)
		return true;
	s->budget -= 1000;
	return false;
}

static void answer(struct world *w, struct client *c, unsigned slot)
{
	const struct limiter_plea plea = {
		.begun_ms = c->slots[slot].begun_ms,
		.now_ms = w->now_ms,
		.under_way = c->slots[slot].under_way,
		.pause_ms = w->server.pause_ms,
	};

	if (c->slots[slot].is_refused) {
		limiter_note_plea(&c->limiter, &plea);
		w->refused++;
	} else {
		limiter_note_success(&c->limiter, plea.begun_ms, plea.now_ms);
		w->answered++;
	}
	c->slots[slot].is_used = false;
	c->under_way--;
}

static bool may_begin(const struct world *w, const struct client *c)
{
	if (c->is_deaf)
		return c->under_way < WIDE;
	return c->under_way < limiter_window(&c->limiter) &&
	       w->now_ms >= limiter_resume_ms(&c->limiter);
}

static void begin(struct world *w, struct client *c)
{
	for (unsigned i = 0; i < WIDE && may_begin(w, c); i++) {
		if (c->slots[i].is_used)
			continue;
		c->slots[i].is_used = true;
		c->slots[i].begun_ms = w->now_ms;
		c->slots[i].answer_ms =
			w->now_ms + w->server.latency_ms +
			w->begun * 13 % (w->server.latency_ms / 2 + 1);
		c->slots[i].is_refused = server_refuses(&w->server);
		c->slots[i].under_way = ++c->under_way;
		w->begun++;
	}
}

static void step(struct world *w)
{
	const struct server *s = &w->server;

	w->now_ms++;
	w->server.budget += s->rate;
	if (w->server.budget > (long long)s->rate * 100)
		w->server.budget = (long long)s->rate * 100;
	for (unsigned i = 0; i < w->client_count; i++) {
		struct client *c =
			&w->clients[(i + (unsigned)w->now_ms) % w->client_count];

		for (unsigned j = 0; j < WIDE; j++) {
			if (c->slots[j].is_used &&
			    w->now_ms >= c->slots[j].answer_ms)
				answer(w, c, j);
		}
		begin(w, c);
	}
}

static void run(struct world *w, unsigned ms)
{
	w->answered = 0;
	w->refused = 0;
	w->begun = 0;
	for (unsigned i = 0; i < ms; i++)
		step(w);
}

/* Of all that was answered, in thousandths. */
static unsigned refused_share(const struct world *w)
{
	return w->refused * 1000 / (w->answered + w->refused + 1);
}

static void a_server_with_a_limit_is_used_up_to_it_and_not_beyond(void)
{
	static const struct {
		const char *what;
		unsigned rate, latency_ms, clients;
		unsigned answered_least; /* thousandths of its limit */
		unsigned refused_most;   /* thousandths of all answers */
	} cases[] = {
		{ "Backblaze, near", 500, 20, 1, 800, 50 },
		{ "Backblaze, far", 500, 100, 2, 800, 10 },
		{ "Backblaze, eight clients", 500, 50, 8, 800, 110 },
		{ "a small limit", 100, 50, 1, 800, 100 },
		{ "a fast server with a small limit", 100, 2, 1, 800, 110 },
		{ "the same, three clients", 100, 2, 3, 800, 150 },
		{ "a slow server with a small limit", 50, 200, 1, 600, 40 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct world w;
		unsigned limit = cases[i].rate * 60;

		make_world(&w, cases[i].rate, cases[i].latency_ms,
		           cases[i].clients);
		run(&w, 10000);
		run(&w, 60000);
		printf("# %s: %u of 1000 used, %u of 1000 refused\n",
		       cases[i].what, w.answered * 1000 / limit,
		       refused_share(&w));
		if (w.answered * 1000 < limit * cases[i].answered_least ||
		    refused_share(&w) > cases[i].refused_most)
			test_fail(__FILE__, __LINE__, cases[i].what);
	}
}

/* So that the tests above show something. */
static void without_it_most_answers_are_refusals(void)
{
	static struct world w;

	make_world(&w, 500, 20, 1);
	w.clients[0].is_deaf = true;
	run(&w, 60000);
	CHECK(refused_share(&w) > 600);
}

static void a_server_that_never_complains_is_never_spared(void)
{
	static struct world with, without;

	make_world(&with, 0, 20, 2);
	make_world(&without, 0, 20, 2);
	without.clients[0].is_deaf = true;
	without.clients[1].is_deaf = true;
	run(&with, 10000);
	run(&without, 10000);
	CHECK(with.begun == without.begun && with.refused == 0);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(limiter_is_open(&with.clients[i].limiter));
		CHECK(limiter_window(&with.clients[i].limiter) == WIDE);
	}
}

static void when_the_limit_is_gone_all_is_as_before(void)
{
	static struct world w;

	make_world(&w, 100, 20, 1);
	run(&w, 20000);
	CHECK(!limiter_is_open(&w.clients[0].limiter));
	CHECK(limiter_window(&w.clients[0].limiter) <= 6);
	w.server.rate = 0;
	run(&w, 3000);
	CHECK(limiter_is_open(&w.clients[0].limiter));
	run(&w, 1000);
	CHECK(w.answered > 1000 && w.refused == 0);
}

static void plead(struct limiter *l, long long begun_ms, long long now_ms,
                  uint32_t pause_ms)
{
	const struct limiter_plea plea = {
		.begun_ms = begun_ms,
		.now_ms = now_ms,
		.under_way = UINT_MAX,
		.pause_ms = pause_ms,
	};

	limiter_note_plea(l, &plea);
}

static void what_was_under_way_together_halves_it_once(void)
{
	struct limiter l;

	limiter_init(&l, LEAST, WIDE * LIMITER_ONE);
	for (long long begun = 1; begun <= 10; begun++)
		plead(&l, begun, 10 + begun, 0);
	CHECK(limiter_window(&l) == WIDE / 2);
	/* Begun when it was lowered already, at 11. */
	plead(&l, 12, 30, 0);
	CHECK(limiter_window(&l) == WIDE / 4);
}

static void a_success_from_before_does_not_widen_it(void)
{
	struct limiter l;

	limiter_init(&l, LEAST, WIDE * LIMITER_ONE);
	plead(&l, 1, 10, 0);
	plead(&l, 11, 20, 0);
	limiter_note_success(&l, 15, 30);
	CHECK(l.window == WIDE / 4 * LIMITER_ONE);
	limiter_note_success(&l, 21, 31);
	CHECK(l.window == (WIDE / 4 + 1) * LIMITER_ONE);
}

static void a_window_that_was_not_used_is_not_halved_but_its_use_is(void)
{
	const struct limiter_plea plea = { .begun_ms = 1,
		                           .now_ms = 10,
		                           .under_way = 6 };
	struct limiter l;

	limiter_init(&l, LEAST, WIDE * LIMITER_ONE);
	limiter_note_plea(&l, &plea);
	CHECK(limiter_window(&l) == 3);
}

static void below_one_there_is_a_rest_but_a_short_one(void)
{
	struct limiter l;
	long long now_ms = 0;

	limiter_init(&l, LEAST, 2 * LIMITER_ONE);
	CHECK(limiter_resume_ms(&l) <= 0);
	for (unsigned i = 0; i < 3; i++, now_ms += 10)
		plead(&l, now_ms + 1, now_ms + 5, 0);
	CHECK(l.window == LIMITER_ONE / 4 && limiter_window(&l) == 1);
	/* Four milliseconds of sixteen. */
	CHECK(limiter_resume_ms(&l) == 25 + 12 + 1);
	for (unsigned i = 0; i < 30; i++, now_ms += 1000)
		plead(&l, now_ms + 1, now_ms + 900, 0);
	CHECK(l.window == LEAST && limiter_window(&l) == 1);
	CHECK(limiter_resume_ms(&l) == now_ms - 100 + LIMITER_REST_MAX);
}

static void a_busy_spell_is_forgotten_soon(void)
{
	struct limiter l;
	long long now_ms = 0;
	unsigned successes = 0;

	limiter_init(&l, LEAST, WIDE * LIMITER_ONE);
	for (unsigned i = 0; i < 12; i++, now_ms += 10)
		plead(&l, now_ms + 1, now_ms + 5, 0);
	CHECK(l.window == LEAST);
	for (; limiter_window(&l) < WIDE / 2; now_ms += 10, successes++)
		limiter_note_success(&l, now_ms + 1, now_ms + 5);
	CHECK(successes <= 20);
}

static void all_pause_when_the_server_says_it_twice(void)
{
	struct limiter l;

	limiter_init(&l, LEAST, WIDE * LIMITER_ONE);
	plead(&l, 1, 10, 3000);
	CHECK(limiter_resume_ms(&l) < 10);
	limiter_note_success(&l, 2, 11);
	plead(&l, 3, 12, 3000);
	CHECK(limiter_resume_ms(&l) < 12);
	plead(&l, 4, 13, 2000);
	CHECK(limiter_resume_ms(&l) == 2013);
	/* A shorter one does not end it. */
	plead(&l, 5, 14, 1000);
	CHECK(limiter_resume_ms(&l) == 2013);
}

static void nothing_is_begun_before_retry_after_is_over(void)
{
	static struct world w;

	make_world(&w, 0, 20, 2);
	w.server.pause_ms = 2000;
	run(&w, 1000);
	w.server.rate = 1; /* next to nothing */
	run(&w, 200);
	run(&w, 1700);
	CHECK(w.begun == 0);
	run(&w, 500);
	CHECK(w.begun > 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a server with a limit is used up to it and not beyond",
		  a_server_with_a_limit_is_used_up_to_it_and_not_beyond },
		{ "without it most answers are refusals",
		  without_it_most_answers_are_refusals },
		{ "a server that never complains is never spared",
		  a_server_that_never_complains_is_never_spared },
		{ "when the limit is gone all is as before",
		  when_the_limit_is_gone_all_is_as_before },
		{ "what was under way together halves it once",
		  what_was_under_way_together_halves_it_once },
		{ "a success from before does not widen it",
		  a_success_from_before_does_not_widen_it },
		{ "a window that was not used is not halved, but its use is",
		  a_window_that_was_not_used_is_not_halved_but_its_use_is },
		{ "below one there is a rest, but a short one",
		  below_one_there_is_a_rest_but_a_short_one },
		{ "a busy spell is forgotten soon",
		  a_busy_spell_is_forgotten_soon },
		{ "all pause when the server says it twice",
		  all_pause_when_the_server_says_it_twice },
		{ "nothing is begun before Retry-After is over",
		  nothing_is_begun_before_retry_after_is_over },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
