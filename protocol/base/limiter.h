/* limiter.h - how many requests may be under way, by how the server answers
 *
 * Pure: has no clock of its own; all times are milliseconds on one clock of the
 * caller's.  A limiter belongs to one server, and to one thread.
 *
 * The window is halved when the server asks to slow down, at most once for all
 * that was under way then, and grows again with every success: by one for each
 * window of them, quickly up to what the server has borne before.  Where one
 * request at a time is still too fast it goes below one: then there is a rest
 * between two requests.
 *
 * Only a plea to slow down lowers it (429 and 503).  A 500 and a broken
 * connection say that one machine is in trouble, not that we ask for too much:
 * another connection helps there (Backblaze's advice), fewer requests do not.
 * They change nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LIMITER_ONE      1024U /* one request, in the units of a window */
#define LIMITER_REST_MAX 50    /* milliseconds, between two requests */

struct limiter {
	uint32_t least; /* of the window, in units */
	uint32_t most;
	uint32_t window;
	uint32_t good;        /* what it grows to quickly */
	bool has_succeeded;   /* since it was lowered */
	bool was_slowed;      /* by the last answer */
	long long lowered_ms; /* what began until then does not count again */
	long long resume_ms;  /* nothing new before */
};

/* least and most in units, 1 <= least <= most <= UINT32_MAX / 2; begins open,
 * at most. */
void limiter_init(struct limiter *limiter, uint32_t least, uint32_t most);

/* Whole requests, at least 1. */
unsigned limiter_window(const struct limiter *limiter);

/* Nothing new before that time; 0: at once. */
long long limiter_resume_ms(const struct limiter *limiter);

/* True if it limits nothing, for the window is as wide as it can be. */
bool limiter_is_open(const struct limiter *limiter);

/* A request was answered, and not with a plea to slow down. */
void limiter_note_success(struct limiter *limiter, long long begun_ms,
                          long long now_ms);

struct limiter_plea {
	long long begun_ms; /* the request */
	long long now_ms;
	unsigned under_way; /* when it began, with it; UINT_MAX: not known */
	uint32_t pause_ms;  /* what the server asked for; 0: nothing */
};

/* The server asks to slow down.  One plea between successes is not enough for
 * the others to pause: servers say it now and then of one machine of theirs. */
void limiter_note_plea(struct limiter *limiter,
                       const struct limiter_plea *plea);
