/* Theory of operation
 *
 * A bucket holds tokens in thousandths, so that a millisecond at one item a
 * second counts.  It belongs to a user and a socket, not to a process: who is
 * slowed down would only have to fork. */
#include "agent/door/scope/rate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BUCKETS_MAX 64
#define PER_ITEM    1000

struct bucket {
	bool is_used;
	uid_t uid;
	size_t socket;
	uint64_t tokens; /* thousandths of an item */
	long long at_ms; /* when it was last filled */
};

struct rate_book {
	struct bucket buckets[BUCKETS_MAX];
};

int rate_book_new(struct rate_book **ret_book)
{
	*ret_book = calloc(1, sizeof(**ret_book));
	return *ret_book ? 0 : -ENOMEM;
}

void rate_book_free(struct rate_book *book)
{
	free(book);
}

static uint64_t capacity_of(uint32_t rate)
{
	uint64_t items = rate > AGENT_BATCH_MAX ? rate : AGENT_BATCH_MAX;

	return items * PER_ITEM;
}

/* The one of that pair, or a full one in place of the oldest. */
static struct bucket *find(struct rate_book *book, const struct rate_call *call,
                           long long now_ms)
{
	uid_t uid = call->peer->uid;
	struct bucket *oldest = &book->buckets[0];

	for (size_t i = 0; i < BUCKETS_MAX; i++) {
		struct bucket *b = &book->buckets[i];

		if (b->is_used && b->uid == uid && b->socket == call->socket)
			return b;
		if (oldest->is_used &&
		    (!b->is_used || b->at_ms < oldest->at_ms))
			oldest = b;
	}
	*oldest = (struct bucket){
		.is_used = true,
		.uid = uid,
		.socket = call->socket,
		.tokens = capacity_of(call->rate),
		.at_ms = now_ms,
	};
	return oldest;
}

/* A clock that goes back brings nothing, and takes nothing. */
static void fill(struct bucket *b, uint32_t rate, long long now_ms)
{
	uint64_t capacity = capacity_of(rate);
	uint64_t passed = now_ms > b->at_ms ? (uint64_t)(now_ms - b->at_ms) : 0;

	b->at_ms = now_ms;
	if (b->tokens > capacity) /* there is another rate now */
		b->tokens = capacity;
	if (passed > (capacity - b->tokens) / rate) {
		b->tokens = capacity;
	} else {
		b->tokens += passed * rate;
	}
}

enum gate_outcome rate_take(struct rate_book *book,
                            const struct rate_call *call, long long now_ms,
                            struct error_reply *ret_error)
{
	uint64_t wanted, count = call->count;
	uint32_t rate = call->rate;
	struct bucket *b;
	char reason[96];

	if (rate == 0)
		return GATE_PASSED;
	b = find(book, call, now_ms);
	fill(b, rate, now_ms);
	/* No call has more items than a bucket holds. */
	wanted = count < capacity_of(rate) / PER_ITEM ? count * PER_ITEM
	                                              : capacity_of(rate);
	if (wanted <= b->tokens) {
		b->tokens -= wanted;
		return GATE_PASSED;
	}
	(void)snprintf(reason, sizeof(reason),
	               "this socket gives a user %u signatures and URLs a "
	               "second",
	               rate);
	*ret_error = error_reply_make(ERROR_RATE_LIMITED, reason);
	ret_error->retry_after =
		(uint32_t)((wanted - b->tokens - 1) / rate / 1000 + 1);
	return GATE_REFUSED;
}
