#include "client/pack/decompress.h"
#include "client/serve/receipt.h"

#include <errno.h>

bool receipt_decode(struct receipt *r)
{
	struct buffer plain;
	int rc;

	if (r->encoding[0] == '\0')
		return true;
	buffer_init(&plain, RECEIVE_SMALL_MAX);
	rc = decompress_whole(r->encoding, buffer_bytes(&r->body), &plain);
	if (rc == 0) {
		buffer_clear(&r->body);
		r->body = plain;
		r->encoding[0] = '\0';
		return true;
	}
	buffer_clear(&plain);
	if (rc == -ENOMEM) {
		receipt_finish_errno(r, rc);
	} else if (rc == -EMSGSIZE) {
		receipt_finish(r, ANSWER_TOO_LARGE, "%s: more than %zu bytes",
		               r->key, RECEIVE_SMALL_MAX);
	} else {
		receipt_finish(r,
		               rc == -ENOTSUP ? ANSWER_UNSUPPORTED : ANSWER_BAD,
		               "%s: not what its Content-Encoding says: use "
		               "gzip, br, zstd, xz, bzip2 or none",
		               r->key);
	}
	return false;
}

/* Stored as it is: the cache serves it to the one who asks for it by name, and
 * nothing here is believed. */
void receive_small_step(struct receipt *r)
{
	struct cache_step step = { .type = CACHE_PUT, .key = r->key };

	if (!r->is_ended || r->pending > 0 || !receipt_decode(r) ||
	    !receipt_has_info(r))
		return;
	step.body = r->body.data ? r->body.data : (const uint8_t *)"";
	step.body_len = r->body.len;
	(void)receipt_order_step(r, &step);
}

void receive_small_take(struct receipt *r, struct order *order)
{
	if (order->result.outcome == CACHE_OK) {
		receipt_finish(r, ANSWER_CREATED, "%s: stored", r->key);
	} else {
		receipt_blame(r, order);
	}
}
