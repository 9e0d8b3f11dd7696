/* plain.h - how much of a JSON text is as it says: ASCII without escapes
 *
 * Nearly all of every store path, hash, key and URL; so eight bytes at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PLAIN_EACH(byte) ((uint64_t)(byte)*0x0101010101010101ULL)

/* The top bit of each byte that is zero, and perhaps of one above it. */
static inline uint64_t plain_zeroes(uint64_t word)
{
	return (word - PLAIN_EACH(1)) & ~word & PLAIN_EACH(0x80);
}

static inline bool plain_is_word(uint64_t word)
{
	const uint64_t control = (word - PLAIN_EACH(0x20)) & ~word;
	const uint64_t not_ascii = word;

	return (((control | not_ascii) & PLAIN_EACH(0x80)) |
	        plain_zeroes(word ^ PLAIN_EACH('"')) |
	        plain_zeroes(word ^ PLAIN_EACH('\\'))) == 0;
}

static inline bool plain_is_byte(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* How many bytes at the start stand for themselves. */
static inline size_t plain_len(const uint8_t *at, size_t len)
{
	size_t i = 0;
	uint64_t word;

	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, at + i, sizeof(word));
		if (!plain_is_word(word))
			break;
	}
	while (i < len && plain_is_byte(at[i]))
		i++;
	return i;
}
