/* Whatever bytes a client sends: frames, the scanner and every decoder of a
 * call.  What the scanner lets pass, json-c must read as the same; what was
 * decoded and encoded is decoded again as the same. */
#include "tests/fuzz/fuzz.h"

#include "protocol/varlink/agent_narrow.h"
#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"
#include "protocol/varlink/service.h"
#include "tests/lib/json_same.h"

#include <errno.h>

/* What we say is one frame of strict JSON. */
static struct bytes check_said(const struct buffer *out)
{
	struct bytes text = { out->data, out->len - 1 };

	MUST(out->len > 0 && out->data[out->len - 1] == '\0');
	MUST(json_check(text) == 0);
	return text;
}

static void check_refusal(const struct error_reply *error)
{
	cleanup_buffer struct buffer out;

	buffer_init(&out, VARLINK_FRAME_MAX);
	MUST(error_reply_encode(error, &out) == 0);
	(void)check_said(&out);
}

static void check_presign(const struct presign_call *presign)
{
	cleanup_buffer struct buffer first, second;
	cleanup_presign_call struct presign_call again = { .texts = NULL };
	cleanup_call struct varlink_call call = { .parameters = NULL };
	struct error_reply error;

	MUST(presign->pressure.slow_downs <= AGENT_ANSWERS_MAX &&
	     presign->pressure.successes <= AGENT_ANSWERS_MAX &&
	     presign->pressure.pause_ms <= AGENT_PAUSE_MAX);
	MUST(presign->count > 0 && presign->count <= AGENT_BATCH_MAX);
	buffer_init(&first, VARLINK_FRAME_MAX);
	buffer_init(&second, VARLINK_FRAME_MAX);
	for (size_t i = 0; i < presign->count; i++)
		(void)s3_object_request_check(&presign->requests[i]);
	if (presign_call_encode(presign->cache, presign->requests,
	                        presign->count, &presign->pressure, &first) < 0)
		return; /* escapes may make it longer than it came */
	MUST(call_decode(check_said(&first), &call) == 0);
	MUST(presign_call_decode(&call, &again, &error) == CALL_OK);
	MUST(presign_call_encode(again.cache, again.requests, again.count,
	                         &again.pressure, &second) == 0);
	MUST(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
}

/* The reply that this call would get. */
static void check_sign(const struct sign_call *sign)
{
	struct strings signatures[AGENT_BATCH_MAX] = { { .items = NULL } };
	cleanup_buffer struct buffer out;

	MUST(sign->count > 0 && sign->count <= AGENT_BATCH_MAX);
	for (size_t i = 0; i < sign->count; i++) {
		const struct strings *refs = &sign->paths[i].references;

		MUST(sign->paths[i].nar_size > 0);
		for (size_t k = 1; k < refs->count; k++)
			MUST(strcmp(refs->items[k - 1], refs->items[k]) < 0);
	}
	buffer_init(&out, VARLINK_FRAME_MAX);
	if (sign_reply_encode(sign, signatures, &out) == 0)
		(void)check_said(&out);
}

static void check_patterns(const struct strings *patterns, size_t max)
{
	MUST(patterns->count <= max);
	for (size_t i = 0; i < patterns->count; i++)
		MUST(patterns->items[i][0] != '\0');
}

/* What narrows says so again, and never less. */
static void check_narrow(const struct narrow_call *narrow)
{
	cleanup_call struct varlink_call call = { .parameters = NULL };
	cleanup_buffer struct buffer first, second;
	struct narrow_call again;
	struct error_reply error;

	MUST(narrow->allow < 1U << PERMIT_COUNT);
	check_patterns(&narrow->caches, AGENT_CACHES_MAX);
	check_patterns(&narrow->keys, NARROW_PATTERNS_MAX);
	check_patterns(&narrow->store_paths, NARROW_PATTERNS_MAX);
	buffer_init(&first, VARLINK_FRAME_MAX);
	buffer_init(&second, VARLINK_FRAME_MAX);
	if (narrow_call_encode(narrow, &first) < 0)
		return; /* escapes may make it longer than it came */
	MUST(call_decode(check_said(&first), &call) == 0);
	MUST(narrow_call_decode(&call, &again, &error) == CALL_OK);
	MUST(again.allow == narrow->allow && again.until == narrow->until);
	MUST(again.max_count == narrow->max_count);
	MUST(again.max_bytes == narrow->max_bytes);
	MUST(again.max_expires == narrow->max_expires);
	MUST(strcmp(again.scope, narrow->scope) == 0);
	MUST(narrow_call_encode(&again, &second) == 0);
	MUST(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	narrow_call_clear(&again);
}

static void read_narrow(const struct varlink_call *call)
{
	struct narrow_call narrow;
	struct error_reply error;

	if (narrow_call_decode(call, &narrow, &error) == CALL_OK) {
		check_narrow(&narrow);
		narrow_call_clear(&narrow);
	} else {
		check_refusal(&error);
	}
}

static void read_call(struct bytes frame)
{
	cleanup_call struct varlink_call call = { .parameters = NULL };
	cleanup_sign_call struct sign_call sign = { .paths = NULL };
	cleanup_presign_call struct presign_call presign = { .texts = NULL };
	cleanup_buffer struct buffer out;
	struct error_reply error;
	enum agent_method method;
	int rc;

	buffer_init(&out, VARLINK_FRAME_MAX);
	rc = call_decode(frame, &call);
	MUST(rc == 0 || rc == -EBADMSG);
	if (rc < 0)
		return;
	MUST(json_check(frame) == 0);
	if (agent_method_find(call.method, &method, &error) != CALL_OK)
		check_refusal(&error);
	if (agent_method_check_empty(&call, &error) != CALL_OK)
		check_refusal(&error);
	if (service_describe(&call, &out, &error) == 0 && out.len > 0)
		(void)check_said(&out);

	read_narrow(&call);
	rc = presign_call_decode(&call, &presign, &error);
	if (rc == CALL_OK) {
		check_presign(&presign);
	} else {
		check_refusal(&error);
	}
	rc = sign_call_decode(&call, &sign, &error);
	if (rc == CALL_OK) {
		check_sign(&sign);
	} else {
		check_refusal(&error);
	}
}

/* In pieces, as a socket gives them. */
static void feed(struct frame_reader *reader, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t room = 0;
		uint8_t *at = frame_room(reader, &room);

		if (!at)
			return;
		room = room < len ? room : len;
		memcpy(at, bytes, room);
		frame_received(reader, room);
		bytes += room;
		len -= room;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_frame_reader struct frame_reader reader;
	struct bytes frame;

	frame_reader_init(&reader);
	feed(&reader, bytes, len);
	feed(&reader, (const uint8_t *)"", 1);
	while (frame_next(&reader, &frame) > 0) {
		if (json_check(frame) == 0)
			MUST(json_same(frame));
		read_call(frame);
	}
	return 0;
}
