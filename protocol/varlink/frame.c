#include "protocol/varlink/frame.h"

#include <errno.h>
#include <string.h>

/* A batch of signatures in one read. */
#define ROOM_MIN ((size_t)64 * 1024)
/* More than this is given back as soon as nothing is held. */
#define ROOM_KEPT (2 * ROOM_MIN)

void frame_reader_init(struct frame_reader *reader)
{
	*reader = (struct frame_reader){ .start = 0 };
	buffer_init(&reader->buffer, VARLINK_FRAME_MAX);
}

void frame_reader_clear(struct frame_reader *reader)
{
	buffer_clear(&reader->buffer);
	reader->start = 0;
	reader->scanned = 0;
}

/* Moves what is left of a message to the front: once for each message, since
 * start is 0 from then on. */
static void drop_taken(struct frame_reader *reader)
{
	buffer_consume(&reader->buffer, reader->start);
	reader->scanned -= reader->start;
	reader->start = 0;
	if (reader->buffer.len == 0 && reader->buffer.capacity > ROOM_KEPT)
		buffer_clear(&reader->buffer);
}

uint8_t *frame_room(struct frame_reader *reader, size_t *ret_len)
{
	struct buffer *b = &reader->buffer;
	size_t left;
	uint8_t *at;

	drop_taken(reader);
	left = b->max - b->len;
	if (left == 0)
		return NULL;

	at = buffer_reserve(b, left < ROOM_MIN ? left : ROOM_MIN);
	if (!at)
		return NULL;
	*ret_len = b->capacity - b->len;
	return at;
}

void frame_received(struct frame_reader *reader, size_t len)
{
	reader->buffer.len += len;
}

int frame_next(struct frame_reader *reader, struct bytes *ret_frame)
{
	struct buffer *b = &reader->buffer;
	size_t unseen = b->len - reader->scanned;
	const uint8_t *nul;

	if (unseen == 0)
		return b->len - reader->start == b->max ? -EMSGSIZE : 0;

	nul = memchr(b->data + reader->scanned, '\0', unseen);
	if (!nul) {
		reader->scanned = b->len;
		return b->len - reader->start == b->max ? -EMSGSIZE : 0;
	}

	*ret_frame = (struct bytes){
		b->data + reader->start,
		(size_t)(nul - b->data) - reader->start,
	};
	reader->start = (size_t)(nul - b->data) + 1;
	reader->scanned = reader->start;
	return 1;
}

bool frame_is_partial(const struct frame_reader *reader)
{
	return reader->buffer.len > reader->start;
}

int frame_end(struct buffer *out, size_t mark)
{
	int rc;

	buffer_append_char(out, '\0');
	rc = buffer_end(out);
	if (rc == 0 && out->len - mark > VARLINK_FRAME_MAX)
		rc = -EMSGSIZE;
	if (rc < 0)
		buffer_take_back(out, mark);
	return rc;
}
