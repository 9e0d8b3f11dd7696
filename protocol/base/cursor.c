#include "protocol/base/cursor.h"

#include <errno.h>

void cursor_init(struct cursor *c, struct bytes bytes)
{
	*c = (struct cursor){ .next = bytes.data, .left = bytes.len };
}

static const uint8_t *take(struct cursor *c, size_t len)
{
	const uint8_t *at = c->next;

	if (c->failed || len > c->left) {
		c->failed = true;
		return NULL;
	}

	c->next += len;
	c->left -= len;
	return at;
}

static uint64_t get_big_endian(struct cursor *c, size_t width)
{
	const uint8_t *at = take(c, width);
	uint64_t value = 0;

	if (!at)
		return 0;

	for (size_t i = 0; i < width; i++)
		value = value << 8 | at[i];
	return value;
}

uint8_t cursor_get_u8(struct cursor *c)
{
	return (uint8_t)get_big_endian(c, sizeof(uint8_t));
}

uint16_t cursor_get_u16(struct cursor *c)
{
	return (uint16_t)get_big_endian(c, sizeof(uint16_t));
}

uint32_t cursor_get_u32(struct cursor *c)
{
	return (uint32_t)get_big_endian(c, sizeof(uint32_t));
}

uint64_t cursor_get_u64(struct cursor *c)
{
	return get_big_endian(c, sizeof(uint64_t));
}

uint64_t cursor_get_u64_le(struct cursor *c)
{
	return __builtin_bswap64(get_big_endian(c, sizeof(uint64_t)));
}

struct bytes cursor_get_raw(struct cursor *c, size_t len)
{
	const uint8_t *at = take(c, len);

	return at ? (struct bytes){ at, len } : (struct bytes){ NULL, 0 };
}

struct bytes cursor_get_bytes(struct cursor *c, size_t max)
{
	size_t len = cursor_get_u16(c);

	if (len > max) {
		c->failed = true;
		return (struct bytes){ NULL, 0 };
	}
	return cursor_get_raw(c, len);
}

int cursor_end(const struct cursor *c)
{
	return c->failed || c->left > 0 ? -EBADMSG : 0;
}

static void put_big_endian(struct buffer *b, uint64_t value, size_t width)
{
	uint8_t *at = buffer_reserve(b, width);

	if (!at)
		return;
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
	b->len += width;
}

void buffer_put_u8(struct buffer *b, uint8_t value)
{
	put_big_endian(b, value, sizeof(value));
}

void buffer_put_u16(struct buffer *b, uint16_t value)
{
	put_big_endian(b, value, sizeof(value));
}

void buffer_put_u32(struct buffer *b, uint32_t value)
{
	put_big_endian(b, value, sizeof(value));
}

void buffer_put_u64(struct buffer *b, uint64_t value)
{
	put_big_endian(b, value, sizeof(value));
}

void buffer_put_u64_le(struct buffer *b, uint64_t value)
{
	put_big_endian(b, __builtin_bswap64(value), sizeof(value));
}

void buffer_put_bytes(struct buffer *b, struct bytes bytes)
{
	if (bytes.len > UINT16_MAX) {
		b->error = b->error ? b->error : -EMSGSIZE;
		return;
	}
	buffer_put_u16(b, (uint16_t)bytes.len);
	buffer_append_bytes(b, bytes);
}
