/* receipt.h - the inside of one PUT, and what all PUTs of a cache share
 *
 * Private to receive*.c.  A receipt is stepped whenever something may have
 * changed; a step submits orders and never waits.
 */
#pragma once

#include "client/serve/ledger.h"
#include "client/serve/receive.h"
#include "client/serve/unpacking.h"
#include "protocol/s3/object_key.h"

#define RECEIPT_TEXT_MAX     1024
#define RECEIPT_ENCODING_MAX 16

/* HTTP statuses.  Nix gives up at once at a 4xx, and tries again after 5xx. */
enum receipt_answer {
	ANSWER_NONE = 0, /* not yet */
	ANSWER_OK = 200,
	ANSWER_CREATED = 201,
	ANSWER_BAD = 400,
	ANSWER_FORBIDDEN = 403,
	ANSWER_TOO_LARGE = 413,
	ANSWER_UNSUPPORTED = 415,
	ANSWER_CUT_SHORT = 499, /* nobody is there to read it */
	ANSWER_FAILED = 500,
	ANSWER_UPSTREAM = 502,
	ANSWER_UNAVAILABLE = 503,
};

/* What costs memory and a thread is done by a few at a time.  A NAR that has
 * come in whole never waits for one that is still coming. */
enum lane {
	LANE_NONE,
	LANE_LARGE, /* NARs that come in */
	LANE_SMALL, /* NARs that have come in whole, and are small */
	LANE_FETCH, /* NARs that are looked at because of their narinfo */
	LANE_COUNT,
};

struct receipt {
	struct receiver *receiver;
	struct receipt *next; /* of the receiver's */
	char key[OBJECT_KEY_MAX + 1];
	enum object_key_kind kind;
	char encoding[RECEIPT_ENCODING_MAX];
	uint64_t taken; /* bytes of the body */
	bool is_ended;
	bool is_closed;
	size_t pending; /* orders under way */
	enum lane wanted;
	enum lane lane;
	struct unpacking *unpacking; /* owned */
	struct buffer body;          /* of all but NARs */
	struct nar_intake *nar;      /* owned; of a NAR */
	struct info_intake *info;    /* owned; of a narinfo */
	enum receipt_answer answer;
	char text[RECEIPT_TEXT_MAX];
};

struct receiver {
	const struct agent_cache *config;
	struct upstream *upstream;
	int wake_fd;
	struct receipt *receipts; /* owned; the newest last */
	size_t lanes[LANE_COUNT]; /* how many are in each */
	struct ledger *nars; /* seen whole, in or on the way into the cache */
	struct ledger *narinfos;          /* seen there */
	const struct receipt *info_asker; /* who asks for nix-cache-info */
	bool has_info;                    /* it is there, and right */
	struct buffer info;               /* what it would be made of */
};

/* receive.c */

/* The end of a receipt; only the first counts. */
printf_like(3, 4) void receipt_finish(struct receipt *r,
                                      enum receipt_answer answer,
                                      const char *format, ...);
void receipt_finish_errno(struct receipt *r, int rc);

/* True once the receipt has its place in a lane; asks for one otherwise. */
bool receipt_take_lane(struct receipt *r, enum lane lane);
void receipt_leave_lane(struct receipt *r);

/* Those who wait for something of the receiver's should look again. */
void receiver_wake(const struct receiver *receiver);

/* receive_order.c */

/* The key and all else that is borrowed must be the receipt's.  False: it has
 * failed. */
bool receipt_order_step(struct receipt *r, const struct cache_step *step);
bool receipt_order_signature(struct receipt *r, const struct path_info *path);

/* What an order's exit status means for the client. */
enum receipt_answer receipt_answer_of(int exit_status);
/* Finishes the receipt with what an order failed of. */
void receipt_blame(struct receipt *r, const struct order *order);

/* receive_info.c: nix-cache-info must be there before anything else is.  False:
 * not known yet. */
bool receipt_has_info(struct receipt *r);
/* True if the order was about nix-cache-info. */
bool receipt_take_info(struct receipt *r, struct order *order);
void receipt_leave_info(struct receipt *r);
/* Somebody wants to write nix-cache-info. */
void receive_info_step(struct receipt *r);

/* receive_small.c: the body as it was before any Content-Encoding.  False: it
 * has failed. */
bool receipt_decode(struct receipt *r);
void receive_small_step(struct receipt *r);
void receive_small_take(struct receipt *r, struct order *order);

/* receive_nar.c */
must_check int nar_intake_new(struct nar_intake **ret_nar);
void nar_intake_free(struct nar_intake *nar);
/* Room for more bytes; the caller says how many it has put there. */
uint8_t *nar_intake_room(struct nar_intake *nar, size_t *ret_size);
void nar_intake_fill(struct nar_intake *nar, size_t len);
void receive_nar_step(struct receipt *r);
void receive_nar_take(struct receipt *r, struct order *order);
/* Of one that has failed: its upload is aborted. */
void receive_nar_wind_up(struct receipt *r);

/* receive_narinfo.c */
must_check int info_intake_new(struct info_intake **ret_info);
void info_intake_free(struct info_intake *info);
void receive_narinfo_step(struct receipt *r);
void receive_narinfo_take(struct receipt *r, struct order *order);
