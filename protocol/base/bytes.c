#include "protocol/base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST 256

struct bytes bytes_of_text(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void buffer_init(struct buffer *b, size_t max)
{
	*b = (struct buffer){ .max = max };
}

void buffer_wrap(struct buffer *b, void *memory, size_t size)
{
	*b = (struct buffer){
		.data = memory,
		.capacity = size,
		.max = size,
		.borrowed = true,
	};
}

void buffer_clear(struct buffer *b)
{
	if (b->data)
		explicit_bzero(b->data, b->capacity);
	if (!b->borrowed) {
		free(b->data);
		b->data = NULL;
		b->capacity = 0;
	}
	b->len = 0;
	b->error = 0;
}

void buffer_rewind(struct buffer *b)
{
	b->len = 0;
	b->error = 0;
}

/* realloc() may leave a copy of the old contents behind, and a buffer may hold
 * a bearer token: move by hand and wipe. */
static int grow(struct buffer *b, size_t needed)
{
	size_t capacity = b->capacity > 0 ? b->capacity : BUFFER_FIRST;
	uint8_t *data;

	if (b->borrowed || needed > b->max)
		return -EMSGSIZE;
	while (capacity < needed && capacity < b->max)
		capacity *= 2;
	if (capacity > b->max)
		capacity = b->max;

	data = malloc(capacity);
	if (!data)
		return -ENOMEM;
	if (b->data) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->capacity);
		free(b->data);
	}
	b->data = data;
	b->capacity = capacity;
	return 0;
}

uint8_t *buffer_reserve_more(struct buffer *b, size_t len)
{
	size_t needed;

	if (b->error)
		return NULL;
	if (__builtin_add_overflow(b->len, len, &needed)) {
		b->error = -EMSGSIZE;
		return NULL;
	}
	if (needed > b->capacity)
		b->error = grow(b, needed);
	return b->error ? NULL : b->data + b->len;
}

void buffer_append_format(struct buffer *b, const char *format, ...)
{
	va_list args;
	int len;
	uint8_t *at;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	at = len < 0 ? NULL : buffer_reserve(b, (size_t)len + 1);
	if (!at)
		return;

	va_start(args, format);
	(void)vsnprintf((char *)at, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}

void buffer_append_u64(struct buffer *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	buffer_append(b, digits + at, sizeof(digits) - at);
}

void buffer_consume(struct buffer *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
}

void buffer_take_back(struct buffer *b, size_t len)
{
	if (b->len > len)
		explicit_bzero(b->data + len, b->len - len);
	b->len = len;
	b->error = 0;
}

const char *buffer_text(struct buffer *b)
{
	uint8_t *at = buffer_reserve(b, 1);

	if (!at)
		return NULL;
	*at = '\0';
	return (const char *)b->data;
}

struct bytes buffer_bytes(const struct buffer *b)
{
	return (struct bytes){ b->data, b->len };
}

int buffer_end(const struct buffer *b)
{
	return b->error;
}
