/* Whatever bytes a peer sends, as calls and as replies: frames, scanner, json-c
 * and every decoder.  What the scanner lets pass, json-c must understand. */
#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"
#include "protocol/varlink/agent_status.h"
#include "protocol/varlink/scan.h"
#include "protocol/varlink/service.h"

#include <json-c/json.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_json_c(struct bytes text)
{
	struct json_tokener *tokener = json_tokener_new_ex(SCAN_DEPTH_MAX + 1);
	struct json_object *object;

	if (!tokener)
		abort();
	object = json_tokener_parse_ex(tokener, (const char *)text.data,
	                               (int)text.len);
	if (!json_object_is_type(object, json_type_object))
		abort();
	(void)json_object_put(object);
	json_tokener_free(tokener);
}

static void read_call(struct bytes frame)
{
	cleanup_call struct varlink_call call = { .parameters = NULL };
	cleanup_sign_call struct sign_call sign = { .paths = NULL };
	cleanup_presign_call struct presign_call presign = { .texts = NULL };
	cleanup_buffer struct buffer out;
	struct error_reply error;
	enum agent_method method;

	buffer_init(&out, VARLINK_FRAME_MAX);
	if (call_decode(frame, &call) < 0)
		return;
	(void)!agent_method_find(call.method, &method, &error);
	(void)!agent_method_check_empty(&call, &error);
	(void)!service_describe(&call, &out, &error);
	(void)!presign_call_decode(&call, &presign, &error);
	if (sign_call_decode(&call, &sign, &error) != CALL_OK &&
	    error_reply_encode(&error, &out) == 0 &&
	    scan_check((struct bytes){ out.data, strlen((char *)out.data) }) <
	            0)
		abort();
}

static void read_reply(struct bytes frame)
{
	static const struct path_info path = { .base = "x" };
	const struct path_info *paths[] = { &path };
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	struct agent_signed_request response;
	struct agent_status status;
	struct error_reply error;
	struct strings signatures;
	enum agent_state state;

	if (reply_decode(frame, &reply) < 0)
		return;
	(void)!error_reply_decode(&reply, &error);
	(void)!unlock_reply_decode(&reply, &state);
	if (status_reply_decode(&reply, &status) == 0)
		agent_status_clear(&status);
	if (sign_reply_decode(&reply, "/s", paths, 1, &signatures) == 0)
		strings_clear(&signatures);
	if (presign_reply_decode(&reply, 1, &response) == 0)
		agent_signed_request_clear(&response);
}

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
		if (scan_check(frame) == 0)
			check_json_c(frame);
		read_call(frame);
		read_reply(frame);
	}
	return 0;
}
