#include "client/pack/stored.h"

#include <string.h>

/*
 * RFC 8878, 3.1.1: a magic number; a descriptor byte, here "the content's size
 * has 4 bytes"; a byte for the window, here 128 KiB, which no block may
 * exceed; the content's size.  Then blocks, each with a header of 3 bytes:
 * from the lowest bit on is it the last, its type (0: raw), its size.
 */
#define HEADER_LEN       10U
#define BLOCK_HEADER_LEN 3U
#define BLOCK_MAX        ((size_t)128 * 1024)
#define SIZE_OF_4_BYTES  (2U << 6)
#define WINDOW_128_KIB   ((17U - 10U) << 3)

static size_t block_count(size_t len)
{
	return len > 0 ? (len + BLOCK_MAX - 1) / BLOCK_MAX : 1;
}

size_t stored_size(size_t len)
{
	return HEADER_LEN + block_count(len) * BLOCK_HEADER_LEN + len;
}

static void put_le(uint8_t *out, size_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(value >> 8 * i);
}

/* From the last block on, for each moves to a higher place. */
void stored_make(uint8_t *bytes, size_t len)
{
	static const uint8_t magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };
	size_t count = block_count(len);

	for (size_t i = count; i-- > 0;) {
		size_t at = i * BLOCK_MAX;
		size_t size = len - at < BLOCK_MAX ? len - at : BLOCK_MAX;
		size_t is_last = i == count - 1;
		uint8_t *out = bytes + HEADER_LEN + i * BLOCK_HEADER_LEN + at;

		memmove(out + BLOCK_HEADER_LEN, bytes + at, size);
		put_le(out, size << 3 | is_last, BLOCK_HEADER_LEN);
	}
	memcpy(bytes, magic, sizeof(magic));
	bytes[4] = SIZE_OF_4_BYTES;
	bytes[5] = WINDOW_128_KIB;
	put_le(bytes + 6, len, 4);
}
