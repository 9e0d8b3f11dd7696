#include "agent/door/pace.h"

#include "agent/door/connection.h"
#include "protocol/base/limiter.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define CLIENT_USUAL  32U   /* what one has under way, as far as is known */
#define ROUND_MS      1000  /* what is heard within counts once */
#define CLIENT_MS     5000  /* who has not asked for so long is none */
#define OVER_MS       60000 /* without a plea */
#define SUCCESSES_MAX 1024U /* of one report */

/* What a connection asked for last. */
struct mark {
	uint16_t cache;
	long long at_ms; /* 0: for nothing yet */
};

struct entry {
	struct limiter limiter;
	long long plea_ms;        /* the last; 0: none, and no limiter */
	long long resume_ms;      /* nothing new before */
	long long pause_again_ms; /* no other pause before */
};

struct pace_book {
	struct mark marks[CONNECTIONS_MAX];
	struct entry entries[AGENT_CACHES_MAX];
};

int pace_book_new(struct pace_book **ret_book)
{
	*ret_book = calloc(1, sizeof(**ret_book));
	return *ret_book ? 0 : -ENOMEM;
}

void pace_book_free(struct pace_book *book)
{
	free(book);
}

static unsigned count_clients(const struct pace_book *book, uint16_t cache,
                              long long now_ms)
{
	unsigned count = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct mark *mark = &book->marks[i];

		if (mark->at_ms > 0 && mark->cache == cache &&
		    now_ms - mark->at_ms < CLIENT_MS)
			count++;
	}
	return count > 0 ? count : 1;
}

static bool is_pressed(const struct entry *e, long long now_ms)
{
	return e->plea_ms > 0 && now_ms - e->plea_ms < OVER_MS;
}

static void hear_plea(struct entry *e, unsigned clients, long long now_ms)
{
	const struct limiter_plea plea = {
		.begun_ms = now_ms - ROUND_MS,
		.now_ms = now_ms,
		.under_way = is_pressed(e, now_ms) ? UINT_MAX
		                                   : clients * CLIENT_USUAL,
	};

	if (!is_pressed(e, now_ms)) {
		limiter_init(&e->limiter, PACE_FLOOR * LIMITER_ONE,
		             CONNECTIONS_MAX * AGENT_IN_FLIGHT_MAX *
		                     LIMITER_ONE);
	}
	limiter_note_plea(&e->limiter, &plea);
	e->plea_ms = now_ms;
}

static void hear_successes(struct entry *e, uint32_t count, unsigned clients,
                           long long now_ms)
{
	for (uint32_t i = 0; i < count && i < SUCCESSES_MAX; i++)
		limiter_note_success(&e->limiter, now_ms, now_ms);
	if (limiter_window(&e->limiter) >= clients * AGENT_IN_FLIGHT_MAX)
		e->plea_ms = 0;
}

static void hear_pause(struct entry *e, uint32_t pause_ms, long long now_ms)
{
	if (pause_ms == 0 || now_ms < e->pause_again_ms)
		return;
	e->resume_ms =
		now_ms +
		(pause_ms < PACE_PAUSE_MAX_MS ? pause_ms : PACE_PAUSE_MAX_MS);
	e->pause_again_ms = now_ms + PACE_PAUSE_EVERY_MS;
}

void pace_note(struct pace_book *book, const struct pace_client *client,
               const struct agent_pressure *met, long long now_ms)
{
	struct entry *e = &book->entries[client->cache];
	unsigned clients;

	book->marks[client->place] =
		(struct mark){ .cache = client->cache, .at_ms = now_ms };
	if (!client->is_heard ||
	    (met->slow_downs == 0 && !is_pressed(e, now_ms)))
		return;
	clients = count_clients(book, client->cache, now_ms);
	if (met->slow_downs > 0) {
		hear_plea(e, clients, now_ms);
	} else {
		hear_successes(e, met->successes, clients, now_ms);
	}
	hear_pause(e, met->pause_ms, now_ms);
}

unsigned pace_total(const struct pace_book *book, uint16_t cache,
                    long long now_ms)
{
	const struct entry *e = &book->entries[cache];
	unsigned least = PACE_FLOOR * count_clients(book, cache, now_ms);
	unsigned window = limiter_window(&e->limiter);

	if (!is_pressed(e, now_ms))
		return 0;
	return window > least ? window : least;
}

struct agent_pace pace_share(const struct pace_book *book, uint16_t cache,
                             long long now_ms)
{
	const struct entry *e = &book->entries[cache];
	struct agent_pace pace = { .in_flight = 0 };
	unsigned share;

	if (!is_pressed(e, now_ms))
		return pace;
	share = pace_total(book, cache, now_ms) /
	        count_clients(book, cache, now_ms);
	pace.in_flight = share < AGENT_IN_FLIGHT_MAX ? share
	                                             : AGENT_IN_FLIGHT_MAX;
	if (e->resume_ms > now_ms)
		pace.pause_ms = (uint32_t)(e->resume_ms - now_ms);
	return pace;
}
