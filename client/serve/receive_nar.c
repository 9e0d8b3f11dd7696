/* Theory of Operation
 *
 * Bytes come into one of two slots of a part each.  From there they go two
 * ways: to the thread that unpacks them for their sums (feed), and, once the
 * slot is full, to the cache (ship); the slot is used again when both are done.
 * So a slow cache and a slow processor alike make the client wait.
 *
 *   EMPTY -> FILLING -> FULL -> SENDING -> SENT -> EMPTY
 *
 * Up to EARLY_SIZE bytes are taken without a place in a lane.  A NAR that ends
 * before its first slot is full is one PUT, any other a multipart upload.
 * Either way the object gets its name only after the body has ended and its
 * sums are known and right (conclude).
 */
#include "client/cache/names.h"
#include "client/serve/receipt.h"
#include "protocol/base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLOTS      2
#define EARLY_SIZE ((size_t)256 * 1024)
#define FEED_SIZE  ((size_t)64 * 1024)
#define PARTS_MAX  10000 /* of a multipart upload (Amazon S3, "limits") */

#define NAMES_NAR_DIRECTORY_LEN (sizeof(NAMES_NAR_DIRECTORY) - 1)

enum slot_state {
	SLOT_EMPTY,
	SLOT_FILLING,
	SLOT_FULL,
	SLOT_SENDING, /* lent to the cache */
	SLOT_SENT,
};

struct slot {
	enum slot_state state;
	uint8_t *data; /* a mapping of its own, so that it goes when freed */
	size_t len;
	size_t fed;
};

struct nar_intake {
	struct slot slots[SLOTS];
	unsigned filling; /* which of them; the other one is older */
	size_t room;      /* of the slot that is being filled */
	const char *compression;
	bool is_fed; /* all of it, and the thread was told */
	bool is_begun;
	bool is_aborting;
	char upload_id[S3_UPLOAD_ID_MAX + 1];
	unsigned part_count;
	struct strings etags;
};

static int slot_allocate(struct slot *slot)
{
	void *memory;

	if (slot->data)
		return 0;
	memory = mmap(NULL, RECEIVE_PART_SIZE, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	slot->data = memory;
	return 0;
}

static void slot_free(struct slot *slot)
{
	if (slot->data)
		(void)munmap(slot->data, RECEIVE_PART_SIZE);
	*slot = (struct slot){ .state = SLOT_EMPTY };
}

int nar_intake_new(struct nar_intake **ret_nar)
{
	struct nar_intake *nar = calloc(1, sizeof(*nar));

	if (!nar || slot_allocate(&nar->slots[0]) < 0) {
		free(nar);
		return -ENOMEM;
	}
	nar->room = EARLY_SIZE;
	*ret_nar = nar;
	return 0;
}

void nar_intake_free(struct nar_intake *nar)
{
	if (!nar)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		slot_free(&nar->slots[i]);
	strings_clear(&nar->etags);
	free(nar);
}

uint8_t *nar_intake_room(struct nar_intake *nar, size_t *ret_size)
{
	struct slot *slot = &nar->slots[nar->filling];
	bool is_open = slot->state == SLOT_EMPTY || slot->state == SLOT_FILLING;

	*ret_size = is_open && slot->data ? nar->room - slot->len : 0;
	return *ret_size > 0 ? slot->data + slot->len : NULL;
}

void nar_intake_fill(struct nar_intake *nar, size_t len)
{
	struct slot *slot = &nar->slots[nar->filling];

	if (len == 0)
		return;
	slot->len += len;
	slot->state = slot->len == RECEIVE_PART_SIZE ? SLOT_FULL : SLOT_FILLING;
}

/* By its name; what has no ending was either not compressed or by gzip (Nix,
 * src/libstore/binary-cache-store.cc), and gzip has a magic (RFC 1952). */
static const char *compression_of(const char *key, const struct slot *first)
{
	static const struct {
		const char *suffix;
		const char *compression;
	} rows[] = {
		{ ".nar.xz", "xz" },    { ".nar.bz2", "bzip2" },
		{ ".nar.zst", "zstd" }, { ".nar.lzip", "lzip" },
		{ ".nar.lz4", "lz4" },  { ".nar.br", "br" },
		{ ".nar.gz", "gzip" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (text_has_suffix(key, rows[i].suffix))
			return rows[i].compression;
	}
	return first->len >= 2 && first->data[0] == 0x1f &&
	                       first->data[1] == 0x8b
	               ? "gzip"
	               : "none";
}

/* False: not yet, or it has failed. */
static bool begin(struct receipt *r)
{
	struct nar_intake *n = r->nar;
	int rc;

	if (r->lane != LANE_NONE)
		return true;
	if (!r->is_ended && n->slots[0].len < EARLY_SIZE)
		return false;
	if (!receipt_take_lane(r, r->is_ended ? LANE_SMALL : LANE_LARGE))
		return false;
	n->room = RECEIVE_PART_SIZE;
	n->compression = compression_of(r->key, &n->slots[0]);
	rc = unpacking_start(n->compression, r->receiver->wake_fd,
	                     &r->unpacking);
	if (rc < 0)
		receipt_finish_errno(r, rc);
	return rc == 0;
}

/* True if all of the slot is with the thread, or the thread has ended. */
static bool feed_slot(struct receipt *r, struct slot *slot)
{
	struct conduit *conduit = unpacking_conduit(r->unpacking);

	while (slot->fed < slot->len) {
		size_t left = slot->len - slot->fed;
		struct bytes piece = { slot->data + slot->fed,
			               left < FEED_SIZE ? left : FEED_SIZE };
		int rc = conduit_put(conduit, piece);

		if (rc == -EAGAIN)
			return false;
		if (rc == -EPIPE) {
			slot->fed = slot->len;
			return true;
		}
		if (rc < 0) {
			receipt_finish_errno(r, rc);
			return false;
		}
		slot->fed += piece.len;
	}
	return true;
}

static void feed(struct receipt *r)
{
	struct nar_intake *n = r->nar;
	struct slot *newer = &n->slots[n->filling];
	struct slot *older = &n->slots[1 - n->filling];

	if (n->is_fed || !feed_slot(r, older) || !feed_slot(r, newer) ||
	    !r->is_ended)
		return;
	conduit_end(unpacking_conduit(r->unpacking), 0, NULL);
	n->is_fed = true;
}

/* A thread that ends before it has got everything has found a mistake, or
 * bytes behind the end. */
static bool is_unpackable(struct receipt *r)
{
	switch (unpacking_state(r->unpacking)) {
	case UNPACKING_ON:
		return true;
	case UNPACKING_WHOLE:
		if (!r->nar->is_fed) {
			receipt_finish(r, ANSWER_BAD,
			               "%s: bytes after the end of the NAR",
			               r->key);
		}
		return r->nar->is_fed;
	case UNPACKING_BAD:
		receipt_finish(r, ANSWER_BAD, "%s: %s", r->key,
		               unpacking_why(r->unpacking));
		return false;
	case UNPACKING_FAILED:
		receipt_finish(r, ANSWER_FAILED, "%s: %s", r->key,
		               unpacking_why(r->unpacking));
		return false;
	}
	return false;
}

static struct slot *find_slot(struct nar_intake *n, enum slot_state state)
{
	struct slot *older = &n->slots[1 - n->filling];
	struct slot *newer = &n->slots[n->filling];

	if (older->state == state)
		return older;
	return newer->state == state ? newer : NULL;
}

static void send_part(struct receipt *r, struct slot *slot)
{
	struct nar_intake *n = r->nar;
	const struct cache_step step = {
		.type = CACHE_PART,
		.key = r->key,
		.upload_id = n->upload_id,
		.part_number = n->part_count + 1,
		.body = slot->data,
		.body_len = slot->len,
	};

	if (n->part_count == PARTS_MAX) {
		receipt_finish(r, ANSWER_TOO_LARGE,
		               "%s: more than %d parts of %zu bytes: compress "
		               "it, or use nixcache push",
		               r->key, PARTS_MAX, RECEIVE_PART_SIZE);
		return;
	}
	if (!receipt_order_step(r, &step))
		return;
	slot->state = SLOT_SENDING;
	n->part_count++;
}

static void ship(struct receipt *r)
{
	const struct cache_step begins = { .type = CACHE_BEGIN, .key = r->key };
	struct nar_intake *n = r->nar;
	struct slot *slot = find_slot(n, SLOT_FULL);

	if (n->is_begun && !slot && r->is_ended)
		slot = find_slot(n, SLOT_FILLING);
	if (!slot)
		return;
	if (!n->is_begun) {
		n->is_begun = receipt_has_info(r) &&
		              receipt_order_step(r, &begins);
		return;
	}
	if (n->upload_id[0] && !find_slot(n, SLOT_SENDING))
		send_part(r, slot);
}

/* The next slot to be filled, if the one before is full. */
static void recycle(struct receipt *r)
{
	struct nar_intake *n = r->nar;
	struct slot *next = &n->slots[1 - n->filling];
	int rc;

	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &n->slots[i];

		if (slot->state == SLOT_SENT && slot->fed == slot->len) {
			slot->state = SLOT_EMPTY;
			slot->len = 0;
			slot->fed = 0;
		}
	}
	if (n->slots[n->filling].state < SLOT_FULL || r->is_ended ||
	    next->state != SLOT_EMPTY)
		return;
	rc = slot_allocate(next);
	if (rc < 0)
		receipt_finish_errno(r, rc);
	n->filling = 1 - n->filling;
}

static bool has_right_name(struct receipt *r)
{
	const struct unpack_sums *sums = unpacking_sums(r->unpacking);
	char digits[NIX_HASH_NIX32_LEN + 1];

	nix_hash_format_nix32(&sums->file_hash, digits);
	if (sums->file_size == r->taken &&
	    strncmp(r->key + NAMES_NAR_DIRECTORY_LEN, digits,
	            NIX_HASH_NIX32_LEN) == 0)
		return true;
	receipt_finish(r, ANSWER_BAD,
	               "%s: its name is not its hash: it hashes to %s", r->key,
	               digits);
	return false;
}

static void put_whole(struct receipt *r)
{
	struct slot *slot = &r->nar->slots[0];
	const struct cache_step step = {
		.type = CACHE_PUT,
		.key = r->key,
		.body = slot->data,
		.body_len = slot->len,
	};

	if (receipt_has_info(r) && receipt_order_step(r, &step))
		slot->state = SLOT_SENDING;
}

static void complete(struct receipt *r)
{
	const struct cache_step step = {
		.type = CACHE_COMPLETE,
		.key = r->key,
		.upload_id = r->nar->upload_id,
		.etags = &r->nar->etags,
	};

	if (!find_slot(r->nar, SLOT_FULL) && !find_slot(r->nar, SLOT_FILLING))
		(void)receipt_order_step(r, &step);
}

static void conclude(struct receipt *r)
{
	if (!r->nar->is_fed || r->pending > 0 ||
	    unpacking_state(r->unpacking) != UNPACKING_WHOLE ||
	    !has_right_name(r))
		return;
	if (r->nar->is_begun) {
		complete(r);
	} else {
		put_whole(r);
	}
}

void receive_nar_step(struct receipt *r)
{
	if (!begin(r))
		return;
	feed(r);
	if (r->answer != ANSWER_NONE || !is_unpackable(r))
		return;
	recycle(r);
	ship(r);
	if (r->answer == ANSWER_NONE)
		conclude(r);
}

static void take_part(struct receipt *r, const struct order *order)
{
	struct nar_intake *n = r->nar;
	struct slot *slot = find_slot(n, SLOT_SENDING);
	const char *etag = order->result.text;
	int rc;

	assert(slot);
	slot->state = SLOT_SENT;
	if (order->result.outcome != CACHE_OK) {
		receipt_blame(r, order);
		return;
	}
	rc = strings_add(&n->etags, etag, strlen(etag));
	if (rc < 0)
		receipt_finish_errno(r, rc);
}

/* The object has its name.  A thread that was called off meanwhile has its
 * sums nevertheless: they were looked at before. */
static void take_object(struct receipt *r, const struct order *order)
{
	struct slot *slot = find_slot(r->nar, SLOT_SENDING);

	if (slot)
		slot->state = SLOT_SENT;
	if (order->result.outcome != CACHE_OK) {
		receipt_blame(r, order);
		return;
	}
	r->nar->upload_id[0] = '\0';
	if (r->unpacking) {
		ledger_note(r->receiver->nars, r->key, r->nar->compression,
		            unpacking_sums(r->unpacking));
	}
	receipt_finish(r, ANSWER_CREATED, "%s: stored", r->key);
}

static void take_upload(struct receipt *r, const struct order *order)
{
	if (order->result.outcome != CACHE_OK) {
		receipt_blame(r, order);
		return;
	}
	(void)snprintf(r->nar->upload_id, sizeof(r->nar->upload_id), "%s",
	               order->result.text);
}

void receive_nar_take(struct receipt *r, struct order *order)
{
	switch (order->step.type) {
	case CACHE_BEGIN:
		take_upload(r, order);
		break;
	case CACHE_PART:
		take_part(r, order);
		break;
	case CACHE_PUT:
	case CACHE_COMPLETE:
		take_object(r, order);
		break;
	case CACHE_ABORT:
		r->nar->upload_id[0] = '\0';
		break;
	case CACHE_CHECK:
	case CACHE_GET:
	case CACHE_FETCH:
	case CACHE_FIND_UPLOAD:
	case CACHE_LIST:
	case CACHE_DELETE:
		break;
	}
}

/* An abort that cannot even be ordered leaves the upload to the next push,
 * which looks for such (cache_end_stale_uploads). */
void receive_nar_wind_up(struct receipt *r)
{
	struct nar_intake *n = r->nar;
	const struct cache_step step = {
		.type = CACHE_ABORT,
		.key = r->key,
		.upload_id = n->upload_id,
	};

	for (size_t i = 0; i < SLOTS; i++) {
		if (n->slots[i].state != SLOT_SENDING)
			slot_free(&n->slots[i]);
	}
	if (r->pending > 0 || !n->upload_id[0] || n->is_aborting)
		return;
	n->is_aborting = true;
	(void)receipt_order_step(r, &step);
}
