/* receive.h - what `nix copy --to http://...` sends, on its way into a cache
 *
 * A NAR's bytes are hashed, unpacked (to learn the NAR hash) and sent on to the
 * cache in parts while they come; a narinfo is compared with what was
 * received, signed by the agent, and only then stored.  Fed by the HTTP loop;
 * never waits; bounded memory.
 */
#pragma once

#include "client/serve/upstream.h"

#define RECEIVE_ACTIVE_MAX 4 /* NARs at once; the rest wait their turn */
#define RECEIVE_PART_SIZE  ((size_t)8 * 1024 * 1024)
#define RECEIVE_SMALL_MAX  ((size_t)4 * 1024 * 1024) /* all but NARs */

/* What all uploads of one cache share: which NARs came, with which sums. */
struct receiver;

must_check int receiver_new(const struct agent_cache *config,
                            struct upstream *upstream, int wake_fd,
                            struct receiver **ret_receiver);
/* After upstream_close(), whose thread reads what receipts lend it; waits for
 * the receiver's own threads. */
void receiver_free(struct receiver *receiver);

/* One PUT. */
struct receipt;

enum receipt_state {
	RECEIPT_HUNGRY, /* give it bytes */
	RECEIPT_BUSY,   /* waits: come again when wake_fd was written to */
	RECEIPT_DONE,   /* answer with status and text */
};

/* key: an object key of object_key.h.  content_encoding NULL: none.  0 or
 * -ENOMEM. */
must_check int receipt_begin(struct receiver *receiver, const char *key,
                             const char *content_encoding,
                             struct receipt **ret_receipt);

/* Takes some or all of the bytes; *ret_taken may be 0. */
must_check int receipt_write(struct receipt *receipt, struct bytes bytes,
                             size_t *ret_taken);
/* The body is over. */
void receipt_end(struct receipt *receipt);

/* Takes what has come back (orders whose owner is a receipt are given to it by
 * the loop through receipt_take_order()), and says how it stands. */
void receipt_take_order(struct receipt *receipt, struct order *order);
enum receipt_state receipt_state(struct receipt *receipt);

/* RECEIPT_DONE: an HTTP status and a sentence for the client. */
unsigned receipt_status(const struct receipt *receipt);
const char *receipt_text(const struct receipt *receipt);

/* Also of one that is cut short: then nothing of it stays in the cache. The
 * receiver keeps it until its orders have come back. */
void receipt_close(struct receipt *receipt);
