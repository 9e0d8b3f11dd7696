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

/* Takes count items at rate (a second; 0: no limit), with a burst of as much as
 * a second brings, but never less than one whole batch.  GATE_PASSED, or
 * GATE_REFUSED with RateLimited and the seconds to wait; then nothing is
 * taken. */
must_check enum gate_outcome rate_take(struct rate_book *book,
                                       const struct peer *peer, size_t socket,
                                       uint32_t rate, uint64_t count,
                                       long long now_ms,
                                       struct error_reply *ret_error);
