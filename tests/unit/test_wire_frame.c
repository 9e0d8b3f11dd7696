#include "tests/lib/test.h"

#include "agent/wire.h"
#include "protocol/base/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG 0x0102030405060708ULL

static void a_frame_is_whole_only_with_its_last_byte(void)
{
	struct wire_frame frame = { .tag = 9 };
	struct buffer out;

	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_refused(&out, TAG, VAULT_NOT_LOADED, 0, "locked");
	for (size_t len = 0; len < out.len; len++) {
		uint8_t *part = malloc(len + 1); /* ends where it ends */

		memcpy(part + 1, out.data, len);
		CHECK(wire_next((struct bytes){ part + 1, len }, &frame) == 0);
		CHECK(frame.tag == 9);
		free(part);
	}
	CHECK(wire_next(buffer_bytes(&out), &frame) == 1 && frame.tag == TAG);
	buffer_clear(&out);
}

static void frames_follow_each_other(void)
{
	struct wire_frame frame;
	struct buffer out;
	size_t mark;

	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_commit(&out, 1);
	mark = wire_begin(&out, VAULT_URL, 2);
	buffer_put_u64(&out, 12345);
	buffer_put_bytes(&out, bytes_of_text("https://"));
	wire_finish(&out, mark);
	wire_put_commit(&out, 3);

	CHECK(wire_next(buffer_bytes(&out), &frame) == 1);
	CHECK(frame.type == VAULT_COMMIT && frame.tag == 1);
	CHECK(frame.body.len == 0 && frame.size == WIRE_HEADER_LEN);
	buffer_consume(&out, frame.size);
	CHECK(wire_next(buffer_bytes(&out), &frame) == 1);
	CHECK(frame.type == VAULT_URL && frame.tag == 2);
	CHECK(frame.body.len == 18);
	buffer_consume(&out, frame.size);
	CHECK(wire_next(buffer_bytes(&out), &frame) == 1 && frame.tag == 3);
	buffer_consume(&out, frame.size);
	CHECK(wire_next(buffer_bytes(&out), &frame) == 0);
	buffer_clear(&out);
}

static void what_is_no_frame_is_refused_before_it_has_come(void)
{
	static const struct {
		const char *what;
		uint32_t length;
		uint8_t type;
		bool has_type;
		int rc;
	} cases[] = {
		{ "shorter than a header", 8, 0, false, -EBADMSG },
		{ "nothing at all", 0, 0, false, -EBADMSG },
		{ "the longest", WIRE_FRAME_MAX - 4, 0, false, 0 },
		{ "longer than the longest", WIRE_FRAME_MAX - 3, 0, false,
		  -EBADMSG },
		{ "absurd", UINT32_MAX, 0, false, -EBADMSG },
		{ "type 0", 9, 0, true, -EBADMSG },
		{ "the first type", 9, VAULT_SIGN, true, 1 },
		{ "the last type", 9, VAULT_REFUSED, true, 1 },
		{ "beyond the last type", 9, VAULT_REFUSED + 1, true,
		  -EBADMSG },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wire_frame frame;
		uint8_t memory[WIRE_HEADER_LEN];
		struct buffer out;

		buffer_wrap(&out, memory, sizeof(memory));
		buffer_put_u32(&out, cases[i].length);
		if (cases[i].has_type) {
			buffer_put_u8(&out, cases[i].type);
			buffer_put_u64(&out, TAG);
		}
		if (wire_next(buffer_bytes(&out), &frame) != cases[i].rc)
			test_fail(__FILE__, __LINE__, cases[i].what);
	}
}

static void a_frame_too_long_is_not_finished(void)
{
	struct buffer out;
	size_t mark;

	buffer_init(&out, 2 * WIRE_FRAME_MAX);
	mark = wire_begin(&out, VAULT_SIGNED, TAG);
	CHECK(buffer_reserve(&out, WIRE_FRAME_MAX));
	out.len += WIRE_FRAME_MAX - WIRE_HEADER_LEN;
	wire_finish(&out, mark);
	CHECK(buffer_end(&out) == 0);
	out.len++;
	wire_finish(&out, mark);
	CHECK(buffer_end(&out) == -EMSGSIZE);
	buffer_clear(&out);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a frame is whole only with its last byte",
		  a_frame_is_whole_only_with_its_last_byte },
		{ "frames follow each other", frames_follow_each_other },
		{ "what is no frame is refused before it has come",
		  what_is_no_frame_is_refused_before_it_has_come },
		{ "a frame too long is not finished",
		  a_frame_too_long_is_not_finished },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
