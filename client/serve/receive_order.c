#include "client/serve/receipt.h"
#include "protocol/base/exit_status.h"

#include <errno.h>

static bool submit(struct receipt *r, struct order *order)
{
	if (!order) {
		receipt_finish_errno(r, -ENOMEM);
		return false;
	}
	r->pending++;
	upstream_submit(r->receiver->upstream, order);
	return true;
}

bool receipt_order_step(struct receipt *r, const struct cache_step *step)
{
	struct order *order = order_new(ORDER_STEP, r);

	if (order)
		order->step = *step;
	return submit(r, order);
}

bool receipt_order_signature(struct receipt *r, const struct path_info *path)
{
	struct order *order = order_new(ORDER_SIGN, r);

	if (order)
		order->path = path;
	return submit(r, order);
}

/* An agent that is locked or away may be there when Nix tries again; what a
 * policy forbids will be forbidden then, too. */
enum receipt_answer receipt_answer_of(int exit_status)
{
	switch (exit_status) {
	case EXIT_LOCKED:
	case EXIT_NO_AGENT:
	case EXIT_SOURCE:
		return ANSWER_UNAVAILABLE;
	case EXIT_POLICY:
		return ANSWER_FORBIDDEN;
	default:
		return ANSWER_UPSTREAM;
	}
}

void receipt_blame(struct receipt *r, const struct order *order)
{
	const struct cache_result *result = &order->result;

	receipt_finish(r, receipt_answer_of(result->exit_status), "%s",
	               result->error[0] ? result->error
	                                : "the cache has lost the upload");
}
