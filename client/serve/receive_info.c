/* Theory of Operation
 *
 * Without a nix-cache-info nobody takes a bucket for a cache, so it is looked
 * for before the first object is stored, and made if there is none.  One
 * receipt asks for it (info_asker), the others wait; if it fails, the next one
 * asks again.
 */
#include "client/cache/cache_info.h"
#include "client/cache/names.h"
#include "client/pack/decompress.h"
#include "client/serve/receipt.h"
#include "protocol/base/cleanup.h"

#include <string.h>

static bool is_ours(const struct receiver *receiver, struct bytes text,
                    struct receipt *r)
{
	const struct agent_cache *config = receiver->config;
	struct cache_info info;

	if (cache_info_parse(text, &info) < 0) {
		receipt_finish(r, ANSWER_BAD,
		               "%s: its nix-cache-info is not one: is this a "
		               "binary cache?",
		               config->name);
		return false;
	}
	if (strcmp(info.store_dir, config->store_dir) != 0) {
		receipt_finish(r, ANSWER_BAD,
		               "%s: one is a cache for the store %s, the other "
		               "for %s: use a cache of this store",
		               config->name, info.store_dir, config->store_dir);
		return false;
	}
	return true;
}

void receive_info_step(struct receipt *r)
{
	if (!r->is_ended || !receipt_decode(r))
		return;
	if (is_ours(r->receiver, buffer_bytes(&r->body), r)) {
		receipt_finish(r, ANSWER_OK, "%s",
		               "the cache keeps its own nix-cache-info");
	}
}

bool receipt_has_info(struct receipt *r)
{
	const struct cache_step step = {
		.type = CACHE_GET,
		.key = NAMES_CACHE_INFO,
	};
	struct receiver *receiver = r->receiver;

	if (!receiver->has_info && !receiver->info_asker &&
	    receipt_order_step(r, &step))
		receiver->info_asker = r;
	return receiver->has_info;
}

void receipt_leave_info(struct receipt *r)
{
	if (r->receiver->info_asker != r)
		return;
	r->receiver->info_asker = NULL;
	receiver_wake(r->receiver);
}

static void make_info(struct receipt *r)
{
	struct receiver *receiver = r->receiver;
	const struct cache_step step = {
		.type = CACHE_PUT,
		.key = NAMES_CACHE_INFO,
		.body = receiver->info.data,
		.body_len = receiver->info.len,
	};

	(void)receipt_order_step(r, &step);
}

static void found(struct receipt *r, const struct cache_result *answer)
{
	cleanup_buffer struct buffer text = { .data = NULL };

	buffer_init(&text, CACHE_INFO_MAX);
	if (decompress_whole(answer->encoding, buffer_bytes(&answer->response),
	                     &text) < 0)
		buffer_rewind(&text);
	r->receiver->has_info = is_ours(r->receiver, buffer_bytes(&text), r);
}

bool receipt_take_info(struct receipt *r, struct order *order)
{
	if (order->type != ORDER_STEP ||
	    strcmp(order->step.key, NAMES_CACHE_INFO) != 0)
		return false;

	if (order->result.outcome == CACHE_FAILED) {
		receipt_blame(r, order);
	} else if (order->step.type == CACHE_PUT) {
		r->receiver->has_info = true;
	} else if (order->result.outcome == CACHE_OK) {
		found(r, &order->result);
	} else if (r->answer == ANSWER_NONE) {
		make_info(r);
		return true;
	}
	receipt_leave_info(r);
	return true;
}
