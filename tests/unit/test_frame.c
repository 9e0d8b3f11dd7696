#include "tests/lib/test.h"

#include "protocol/varlink/frame.h"

#include <errno.h>
#include <string.h>

/* Gives the reader len bytes. */
static void feed(struct frame_reader *reader, const void *data, size_t len)
{
	const uint8_t *next = data;

	while (len > 0) {
		size_t room = 0;
		uint8_t *at = frame_room(reader, &room);

		CHECK(at != NULL && room > 0);
		if (!at)
			return;
		room = room < len ? room : len;
		memcpy(at, next, room);
		frame_received(reader, room);
		next += room;
		len -= room;
	}
}

static bool next_is(struct frame_reader *reader, const char *want)
{
	struct bytes frame;

	return frame_next(reader, &frame) == 1 &&
	       bytes_equal(frame, bytes_of_text(want));
}

static void messages_come_out_as_they_went_in(void)
{
	cleanup_frame_reader struct frame_reader reader;
	struct bytes frame;

	frame_reader_init(&reader);
	CHECK(frame_next(&reader, &frame) == 0);
	feed(&reader, "one\0two\0\0thr", 12);
	CHECK(next_is(&reader, "one"));
	CHECK(next_is(&reader, "two"));
	CHECK(next_is(&reader, ""));
	CHECK(frame_next(&reader, &frame) == 0);
	CHECK(frame_is_partial(&reader));
	feed(&reader, "ee\0", 3);
	CHECK(next_is(&reader, "three"));
	CHECK(frame_next(&reader, &frame) == 0);
	CHECK(!frame_is_partial(&reader));
}

static void a_message_may_come_byte_by_byte(void)
{
	static const char text[] = "{\"method\":\"a.b.C\"}";
	cleanup_frame_reader struct frame_reader reader;
	struct bytes frame;

	frame_reader_init(&reader);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(text); i++) {
			CHECK(frame_next(&reader, &frame) == 0);
			feed(&reader, text + i, 1);
		}
		CHECK(next_is(&reader, text));
	}
}

static void feed_letters(struct frame_reader *reader, size_t len)
{
	char letters[997];

	memset(letters, 'x', sizeof(letters));
	while (len > 0) {
		size_t n = len < sizeof(letters) ? len : sizeof(letters);

		feed(reader, letters, n);
		len -= n;
	}
}

static void a_message_of_the_maximum_is_taken(void)
{
	cleanup_frame_reader struct frame_reader reader;
	struct bytes frame = { NULL, 0 };

	frame_reader_init(&reader);
	feed_letters(&reader, VARLINK_FRAME_MAX - 1);
	CHECK(frame_next(&reader, &frame) == 0);
	feed(&reader, "", 1);
	CHECK(frame_next(&reader, &frame) == 1);
	CHECK(frame.len == VARLINK_FRAME_MAX - 1);
	feed(&reader, "next", sizeof("next"));
	CHECK(next_is(&reader, "next"));
	CHECK(reader.buffer.capacity < VARLINK_FRAME_MAX);
}

static void a_message_beyond_the_maximum_is_refused(void)
{
	cleanup_frame_reader struct frame_reader reader;
	struct bytes frame;
	size_t room;

	frame_reader_init(&reader);
	feed_letters(&reader, VARLINK_FRAME_MAX);
	CHECK(frame_next(&reader, &frame) == -EMSGSIZE);
	CHECK(frame_next(&reader, &frame) == -EMSGSIZE);
	CHECK(frame_room(&reader, &room) == NULL);
}

static void room_is_for_what_came_before_too(void)
{
	cleanup_frame_reader struct frame_reader reader;
	struct bytes frame;

	frame_reader_init(&reader);
	feed(&reader, "a", 2);
	feed_letters(&reader, VARLINK_FRAME_MAX - 2);
	CHECK(next_is(&reader, "a"));
	CHECK(frame_next(&reader, &frame) == 0);
	feed(&reader, "x\0", 2);
	CHECK(frame_next(&reader, &frame) == 1);
	CHECK(frame.len == VARLINK_FRAME_MAX - 1);
}

static void an_unfinished_message_leaves_no_trace(void)
{
	cleanup_buffer struct buffer out;
	size_t mark;

	buffer_init(&out, 8);
	buffer_append_text(&out, "ab");
	CHECK(frame_end(&out, 0) == 0);
	mark = out.len;
	buffer_append_text(&out, "too long");
	CHECK(frame_end(&out, mark) == -EMSGSIZE);
	CHECK(out.len == 3 && buffer_end(&out) == 0);
	buffer_append_text(&out, "cd");
	CHECK(frame_end(&out, mark) == 0);
	CHECK(out.len == 6 && memcmp(out.data, "ab\0cd\0", 6) == 0);
}

static void a_sent_message_has_the_same_maximum(void)
{
	cleanup_buffer struct buffer out;

	buffer_init(&out, 2 * VARLINK_FRAME_MAX);
	for (size_t i = 0; i + 1 < VARLINK_FRAME_MAX; i++)
		buffer_append_char(&out, 'x');
	CHECK(frame_end(&out, 0) == 0);
	out.len--;
	buffer_append_char(&out, 'x');
	CHECK(frame_end(&out, 0) == -EMSGSIZE);
	CHECK(out.len == 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "messages come out as they went in",
		  messages_come_out_as_they_went_in },
		{ "a message may come byte by byte",
		  a_message_may_come_byte_by_byte },
		{ "a message of the maximum is taken",
		  a_message_of_the_maximum_is_taken },
		{ "a message beyond the maximum is refused",
		  a_message_beyond_the_maximum_is_refused },
		{ "room is for what came before too",
		  room_is_for_what_came_before_too },
		{ "an unfinished message leaves no trace",
		  an_unfinished_message_leaves_no_trace },
		{ "a sent message has the same maximum",
		  a_sent_message_has_the_same_maximum },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
