/* frame.h - varlink messages: JSON texts, each ended by one NUL byte
 *
 * Reading: receive into frame_room(), say frame_received(), then take messages
 * with frame_next() until it says 0.  No message is scanned or moved twice.
 */
#pragma once

#include "protocol/base/bytes.h"

#define VARLINK_FRAME_MAX ((size_t)1024 * 1024) /* one message with its NUL */

struct frame_reader {
	struct buffer buffer;
	size_t start;   /* of the message being received */
	size_t scanned; /* no NUL is between start and here */
};

void frame_reader_init(struct frame_reader *reader);
/* Wipes and frees. */
void frame_reader_clear(struct frame_reader *reader);

/* Room to receive into, at least one byte; NULL when out of memory or when
 * frame_next() has not been asked until it said 0. */
uint8_t *frame_room(struct frame_reader *reader, size_t *ret_len);
void frame_received(struct frame_reader *reader, size_t len);

/* 1: *ret_frame is the next message without its NUL, borrowed until the next
 * frame_room().  0: more bytes are needed.  -EMSGSIZE: no NUL within
 * VARLINK_FRAME_MAX bytes. */
must_check int frame_next(struct frame_reader *reader, struct bytes *ret_frame);

/* True while part of a message is held: the 10 seconds run. */
bool frame_is_partial(const struct frame_reader *reader);

/* Ends the message that was begun at out->len == mark.  0, -EMSGSIZE (the
 * buffer's maximum or VARLINK_FRAME_MAX) or -ENOMEM; on failure out is again
 * as it was at mark, ready for another message. */
must_check int frame_end(struct buffer *out, size_t mark);

/* For cleanup(frame_reader_clear) on a local struct frame_reader. */
#define cleanup_frame_reader __attribute__((__cleanup__(frame_reader_clear)))
