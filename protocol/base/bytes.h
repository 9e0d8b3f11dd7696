/* bytes.h - borrowed byte ranges, and one growable buffer that has a maximum
 *
 * The first failed append sticks: later appends do nothing and buffer_end()
 * reports it, so a writer appends in a straight line and checks once.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *data; /* borrowed */
	size_t len;
};

struct buffer {
	uint8_t *data;
	size_t len;
	size_t capacity;
	size_t max;
	int error;     /* 0, -EMSGSIZE or -ENOMEM; sticks */
	bool borrowed; /* data belongs to the caller and never grows */
};

struct bytes bytes_of_text(const char *text);
bool bytes_equal(struct bytes a, struct bytes b);

/* An empty buffer that grows up to max bytes.  Owner calls buffer_clear(). */
void buffer_init(struct buffer *b, size_t max);

/* A buffer over the caller's memory: never allocates, safe in the vault. */
void buffer_wrap(struct buffer *b, void *memory, size_t size);

/* Wipes and frees; leaves the buffer ready for use with the same maximum. */
void buffer_clear(struct buffer *b);

/* Forgets the contents and the error, keeps the memory.  Does not wipe. */
void buffer_rewind(struct buffer *b);

/* Formats through vsnprintf; must not be used in the vault (may allocate). */
printf_like(2, 3) void buffer_append_format(struct buffer *b,
                                            const char *format, ...);

/* Decimal without vsnprintf: allocation-free. */
void buffer_append_u64(struct buffer *b, uint64_t value);

/* As buffer_reserve(), which is what to call: where there is no room yet. */
uint8_t *buffer_reserve_more(struct buffer *b, size_t len);

/* Room for len more bytes at the end, or NULL (and the error sticks).  The
 * caller writes there and adds to b->len what it used.
 *
 * Inline, as what follows: whatever is signed or answered is put together of
 * small pieces. */
static inline uint8_t *buffer_reserve(struct buffer *b, size_t len)
{
	if (!b->error && len <= b->capacity - b->len && b->data)
		return b->data + b->len;
	return buffer_reserve_more(b, len);
}

static inline void buffer_append(struct buffer *b, const void *data, size_t len)
{
	uint8_t *at = len > 0 ? buffer_reserve(b, len) : NULL;

	if (!at)
		return;
	memcpy(at, data, len);
	b->len += len;
}

static inline void buffer_append_bytes(struct buffer *b, struct bytes bytes)
{
	buffer_append(b, bytes.data, bytes.len);
}

static inline void buffer_append_text(struct buffer *b, const char *text)
{
	buffer_append(b, text, strlen(text));
}

static inline void buffer_append_char(struct buffer *b, char c)
{
	buffer_append(b, &c, 1);
}

/* Drops the first len bytes. */
void buffer_consume(struct buffer *b, size_t len);

/* Wipes and drops what was appended after the first len bytes, and forgets an
 * error: whatever was given to the buffer since is as if it never had been. */
void buffer_take_back(struct buffer *b, size_t len);

/* The contents as text: appends a NUL that is not counted in len.  NULL if
 * the buffer has failed.  Borrowed from the buffer. */
const char *buffer_text(struct buffer *b);

struct bytes buffer_bytes(const struct buffer *b);

/* 0, -EMSGSIZE if the maximum was hit, -ENOMEM. */
must_check int buffer_end(const struct buffer *b);

/* For cleanup(buffer_clear) on a local struct buffer. */
#define cleanup_buffer __attribute__((__cleanup__(buffer_clear)))
