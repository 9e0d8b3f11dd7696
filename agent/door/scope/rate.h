/* rate.h - how many items a second one peer may ask of one socket
 *
 * A bucket for each pair of peer and socket; the oldest makes room for a new
 * one.
 */
#pragma once

#include "agent/door/gate.h"
#include "agent/door/peer.h"

struct rate_book;

must_check int rate_book_new(struct rate_book **ret_book);
void rate_book_free(struct rate_book *book);

struct rate_call {
	const struct peer *peer;
	size_t socket;  /* its number */
	uint32_t rate;  /* items a second; 0: no limit */
	uint64_t count; /* of the items that are asked for */
};

/* Takes the items of a call, with a burst of as much as a second brings, but
 * never less than one whole batch.  GATE_PASSED, or GATE_REFUSED with
 * RateLimited and the seconds to wait; then nothing is taken. */
must_check enum gate_outcome rate_take(struct rate_book *book,
                                       const struct rate_call *call,
                                       long long now_ms,
                                       struct error_reply *ret_error);
