#include "protocol/base/limiter.h"

#include <limits.h>

/* Below that many the window grows in proportion, by a 16th for each success:
 * one more for each window would mean a refusal for every few requests. */
#define GROWTH_SHARE 16U

static uint32_t least_of(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void limiter_init(struct limiter *limiter, uint32_t least, uint32_t most)
{
	*limiter = (struct limiter){
		.least = least,
		.most = most,
		.window = most,
		.good = most,
		.has_succeeded = true,
		.lowered_ms = LLONG_MIN,
	};
}

unsigned limiter_window(const struct limiter *limiter)
{
	unsigned whole = limiter->window / LIMITER_ONE;

	return whole > 0 ? whole : 1;
}

long long limiter_resume_ms(const struct limiter *limiter)
{
	return limiter->resume_ms;
}

bool limiter_is_open(const struct limiter *limiter)
{
	return limiter->window == limiter->most;
}

static void resume_not_before(struct limiter *l, long long time_ms)
{
	if (time_ms > l->resume_ms)
		l->resume_ms = time_ms;
}

/* So long that requests one by one are on average under way as often as a
 * window below one says. */
static void rest(struct limiter *l, long long begun_ms, long long now_ms)
{
	long long took = now_ms > begun_ms ? now_ms - begun_ms : 1;
	long long rest_ms;

	if (l->window >= LIMITER_ONE)
		return;
	rest_ms = took * (LIMITER_ONE - l->window) / l->window + 1;
	resume_not_before(l, now_ms + (rest_ms < LIMITER_REST_MAX
	                                       ? rest_ms
	                                       : LIMITER_REST_MAX));
}

static void grow(struct limiter *l)
{
	uint32_t step;

	if (l->window < l->good) {
		step = least_of(l->window, LIMITER_ONE);
		l->window = least_of(l->window + step, l->good);
		return;
	}
	step = least_of(LIMITER_ONE * LIMITER_ONE / l->window,
	                l->window / GROWTH_SHARE);
	l->window = least_of(l->window + (step > 0 ? step : 1), l->most);
}

void limiter_note_success(struct limiter *limiter, long long begun_ms,
                          long long now_ms)
{
	limiter->was_slowed = false;
	if (limiter_is_open(limiter))
		return;
	/* What began before says nothing of the window that is now. */
	if (begun_ms > limiter->lowered_ms) {
		limiter->has_succeeded = true;
		grow(limiter);
	}
	rest(limiter, begun_ms, now_ms);
}

/* A server that refuses everything for a while is not one that bears less than
 * before: only a window with which something succeeded is given up. */
static void lower(struct limiter *l, const struct limiter_plea *plea)
{
	uint32_t half = l->window / 2;

	/* A window that was not used up is not what the server complains of. */
	if (plea->under_way < l->window / LIMITER_ONE)
		half = plea->under_way * LIMITER_ONE / 2;
	l->window = half > l->least ? half : l->least;
	if (l->has_succeeded)
		l->good = l->window;
	l->has_succeeded = false;
	l->lowered_ms = plea->now_ms;
}

void limiter_note_plea(struct limiter *limiter, const struct limiter_plea *plea)
{
	if (plea->begun_ms > limiter->lowered_ms)
		lower(limiter, plea);
	if (limiter->was_slowed)
		resume_not_before(limiter, plea->now_ms + plea->pause_ms);
	limiter->was_slowed = true;
	rest(limiter, plea->begun_ms, plea->now_ms);
}
