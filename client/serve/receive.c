/* Theory of Operation
 *
 * A receipt is a state machine that is stepped by whatever happens: bytes, an
 * order that has come back, a wake-up.  What a step does depends on what is
 * being sent:
 *
 *   a NAR           receive_nar.c
 *   a narinfo       receive_narinfo.c
 *   nix-cache-info  receive_info.c; compared, never stored
 *   the rest        receive_small.c; stored as it is
 *
 * It ends with an answer.  Then it is wound up: its thread is called off, what
 * it has begun in the cache is aborted, and only when its orders have come
 * back does receipt_state() say RECEIPT_DONE.  A receipt that is closed before
 * goes the same way with nobody to answer to, and is freed at its end.
 */
#include "client/cache/cache_info.h"
#include "client/serve/receipt.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NARS_REMEMBERED     20000
#define NARINFOS_REMEMBERED 20000

static const size_t lane_max[LANE_COUNT] = {
	[LANE_LARGE] = RECEIVE_ACTIVE_MAX,
	[LANE_SMALL] = 4,
	[LANE_FETCH] = 2,
};

static void format_info(const struct agent_cache *config, struct buffer *out)
{
	struct cache_info info = {
		.priority = config->priority,
		.want_mass_query = true,
	};

	(void)snprintf(info.store_dir, sizeof(info.store_dir), "%s",
	               config->store_dir);
	buffer_init(out, CACHE_INFO_MAX);
	cache_info_format(&info, out);
}

int receiver_new(const struct agent_cache *config, struct upstream *upstream,
                 int wake_fd, struct receiver **ret_receiver)
{
	struct receiver *receiver = calloc(1, sizeof(*receiver));

	if (!receiver)
		return -ENOMEM;
	receiver->config = config;
	receiver->upstream = upstream;
	receiver->wake_fd = wake_fd;
	receiver->nars = ledger_new(NARS_REMEMBERED);
	receiver->narinfos = ledger_new(NARINFOS_REMEMBERED);
	format_info(config, &receiver->info);
	if (!receiver->nars || !receiver->narinfos ||
	    buffer_end(&receiver->info) < 0) {
		receiver_free(receiver);
		return -ENOMEM;
	}
	*ret_receiver = receiver;
	return 0;
}

static void free_receipt(struct receipt *r)
{
	if (r->unpacking) {
		unpacking_cancel(r->unpacking);
		unpacking_free(r->unpacking);
	}
	nar_intake_free(r->nar);
	info_intake_free(r->info);
	buffer_clear(&r->body);
	free(r);
}

void receiver_free(struct receiver *receiver)
{
	struct receipt *next;

	if (!receiver)
		return;
	for (struct receipt *r = receiver->receipts; r; r = next) {
		next = r->next;
		free_receipt(r);
	}
	ledger_free(receiver->nars);
	ledger_free(receiver->narinfos);
	buffer_clear(&receiver->info);
	free(receiver);
}

void receiver_wake(const struct receiver *receiver)
{
	const uint64_t one = 1;
	ssize_t written = write(receiver->wake_fd, &one, sizeof(one));

	/* A full counter: the loop will come anyway. */
	(void)written;
}

void receipt_finish(struct receipt *r, enum receipt_answer answer,
                    const char *format, ...)
{
	va_list args;

	if (r->answer != ANSWER_NONE)
		return;
	va_start(args, format);
	(void)vsnprintf(r->text, sizeof(r->text), format, args);
	va_end(args);
	r->answer = answer;
}

void receipt_finish_errno(struct receipt *r, int rc)
{
	receipt_finish(r, ANSWER_FAILED, "%s: %s", r->key, strerror(-rc));
}

/* The older ones go first. */
static bool is_next(const struct receipt *r)
{
	for (const struct receipt *o = r->receiver->receipts; o != r;
	     o = o->next) {
		if (o->wanted == r->wanted)
			return false;
	}
	return true;
}

bool receipt_take_lane(struct receipt *r, enum lane lane)
{
	size_t *count = &r->receiver->lanes[lane];

	if (r->lane == lane)
		return true;
	assert(r->lane == LANE_NONE);
	r->wanted = lane;
	if (*count >= lane_max[lane] || !is_next(r))
		return false;
	++*count;
	r->lane = lane;
	r->wanted = LANE_NONE;
	/* Whoever was told to wait because of this one may be next. */
	if (*count < lane_max[lane])
		receiver_wake(r->receiver);
	return true;
}

void receipt_leave_lane(struct receipt *r)
{
	if (r->lane == LANE_NONE && r->wanted == LANE_NONE)
		return;
	if (r->lane != LANE_NONE)
		r->receiver->lanes[r->lane]--;
	r->lane = LANE_NONE;
	r->wanted = LANE_NONE;
	receiver_wake(r->receiver);
}

static void advance(struct receipt *r)
{
	switch (r->kind) {
	case OBJECT_KEY_NAR:
		receive_nar_step(r);
		break;
	case OBJECT_KEY_NARINFO:
		receive_narinfo_step(r);
		break;
	case OBJECT_KEY_CACHE_INFO:
		receive_info_step(r);
		break;
	case OBJECT_KEY_LISTING:
	case OBJECT_KEY_LOG:
	case OBJECT_KEY_DEBUG_INFO:
	case OBJECT_KEY_REALISATION:
	case OBJECT_KEY_BUILD_TRACE:
		receive_small_step(r);
		break;
	case OBJECT_KEY_INVALID:
		receipt_finish(r, ANSWER_BAD,
		               "a cache has no object of that name");
		break;
	}
}

static void wind_up(struct receipt *r)
{
	if (r->unpacking) {
		unpacking_cancel(r->unpacking);
		if (unpacking_state(r->unpacking) != UNPACKING_ON) {
			unpacking_free(r->unpacking);
			r->unpacking = NULL;
		}
	}
	if (r->nar)
		receive_nar_wind_up(r);
	if (r->pending == 0)
		buffer_clear(&r->body);
	if (r->pending == 0 && !r->unpacking)
		receipt_leave_lane(r);
}

static void step(struct receipt *r)
{
	if (r->is_closed)
		receipt_finish(r, ANSWER_CUT_SHORT, "%s: cut short", r->key);
	if (r->answer == ANSWER_NONE)
		advance(r);
	if (r->answer != ANSWER_NONE)
		wind_up(r);
}

static bool is_over(const struct receipt *r)
{
	return r->is_closed && r->pending == 0 && !r->unpacking;
}

/* Frees those who are closed and whose threads have ended. */
static void sweep(struct receiver *receiver)
{
	struct receipt **at = &receiver->receipts;

	while (*at) {
		struct receipt *r = *at;

		if (r->is_closed)
			step(r);
		if (!is_over(r)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		free_receipt(r);
	}
}

static void set_encoding(struct receipt *r, const char *encoding)
{
	if (!encoding || strcmp(encoding, "identity") == 0)
		return;
	if (strlen(encoding) >= sizeof(r->encoding) ||
	    (encoding[0] != '\0' && r->kind == OBJECT_KEY_NAR)) {
		receipt_finish(r, ANSWER_UNSUPPORTED,
		               "%s: send it without this Content-Encoding",
		               r->key);
		return;
	}
	(void)snprintf(r->encoding, sizeof(r->encoding), "%s", encoding);
}

static int set_up(struct receipt *r, const char *key)
{
	size_t len = strlen(key);

	r->kind = object_key_kind(key, len);
	if (r->kind != OBJECT_KEY_INVALID)
		memcpy(r->key, key, len + 1);
	buffer_init(&r->body, r->kind == OBJECT_KEY_CACHE_INFO
	                              ? CACHE_INFO_MAX
	                              : RECEIVE_SMALL_MAX);
	if (r->kind == OBJECT_KEY_NAR)
		return nar_intake_new(&r->nar);
	if (r->kind == OBJECT_KEY_NARINFO)
		return info_intake_new(&r->info);
	return 0;
}

int receipt_begin(struct receiver *receiver, const char *key,
                  const char *content_encoding, struct receipt **ret_receipt)
{
	struct receipt *r = calloc(1, sizeof(*r));
	struct receipt **at = &receiver->receipts;
	int rc;

	if (!r)
		return -ENOMEM;
	r->receiver = receiver;
	rc = set_up(r, key);
	if (rc < 0) {
		free_receipt(r);
		return rc;
	}
	set_encoding(r, content_encoding);
	sweep(receiver);
	while (*at)
		at = &(*at)->next;
	*at = r;
	*ret_receipt = r;
	return 0;
}

static size_t fill_nar(struct receipt *r, struct bytes bytes)
{
	size_t size;
	uint8_t *room = nar_intake_room(r->nar, &size);
	size_t len = bytes.len < size ? bytes.len : size;

	if (len > 0)
		memcpy(room, bytes.data, len);
	nar_intake_fill(r->nar, len);
	return len;
}

static size_t fill_body(struct receipt *r, struct bytes bytes)
{
	buffer_append_bytes(&r->body, bytes);
	if (buffer_end(&r->body) == -EMSGSIZE) {
		receipt_finish(r, ANSWER_TOO_LARGE, "%s: more than %zu bytes",
		               r->key, r->body.max);
	} else if (buffer_end(&r->body) < 0) {
		receipt_finish_errno(r, buffer_end(&r->body));
	}
	return bytes.len;
}

int receipt_write(struct receipt *receipt, struct bytes bytes,
                  size_t *ret_taken)
{
	size_t taken = 0;
	size_t now = 1;

	/* What comes after an answer is passed over. */
	while (taken < bytes.len && now > 0 && receipt->answer == ANSWER_NONE) {
		const struct bytes rest = { bytes.data + taken,
			                    bytes.len - taken };

		now = receipt->nar ? fill_nar(receipt, rest)
		                   : fill_body(receipt, rest);
		taken += now;
		receipt->taken += now;
		step(receipt);
	}
	*ret_taken = receipt->answer == ANSWER_NONE ? taken : bytes.len;
	return 0;
}

void receipt_end(struct receipt *receipt)
{
	receipt->is_ended = true;
	step(receipt);
}

void receipt_take_order(struct receipt *receipt, struct order *order)
{
	struct receiver *receiver = receipt->receiver;

	receipt->pending--;
	if (receipt_take_info(receipt, order)) {
		/* it was about nix-cache-info */
	} else if (receipt->nar) {
		receive_nar_take(receipt, order);
	} else if (receipt->info) {
		receive_narinfo_take(receipt, order);
	} else {
		receive_small_take(receipt, order);
	}
	order_free(order);
	step(receipt);
	sweep(receiver);
}

enum receipt_state receipt_state(struct receipt *receipt)
{
	size_t room = 1;

	sweep(receipt->receiver);
	step(receipt);
	if (receipt->answer != ANSWER_NONE)
		return receipt->pending > 0 ? RECEIPT_BUSY : RECEIPT_DONE;
	if (receipt->nar)
		(void)nar_intake_room(receipt->nar, &room);
	return receipt->is_ended || room == 0 ? RECEIPT_BUSY : RECEIPT_HUNGRY;
}

unsigned receipt_status(const struct receipt *receipt)
{
	return receipt->answer;
}

const char *receipt_text(const struct receipt *receipt)
{
	return receipt->text;
}

void receipt_close(struct receipt *receipt)
{
	receipt->is_closed = true;
	sweep(receipt->receiver);
}
