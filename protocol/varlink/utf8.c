#include "protocol/varlink/utf8.h"

#include <stdbool.h>

static bool is_tail(const uint8_t *at, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

size_t utf8_char_len(const uint8_t *at, size_t len)
{
	uint8_t first = at[0];
	uint8_t low = 0x80, high = 0xbf;
	size_t want;

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;

	if (first < 0xe0) {
		want = 2;
	} else {
		want = first < 0xf0 ? 3 : 4;
	}
	if (len < want)
		return 0;

	/* Only the second byte can make a form overlong or out of range. */
	if (first == 0xe0)
		low = 0xa0;
	if (first == 0xed)
		high = 0x9f;
	if (first == 0xf0)
		low = 0x90;
	if (first == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	return is_tail(at + 2, want - 2) ? want : 0;
}

static uint8_t tail(uint32_t character, unsigned shift)
{
	return (uint8_t)(0x80 | (character >> shift & 0x3f));
}

size_t utf8_put(uint32_t character, uint8_t out[4])
{
	if (character < 0x80) {
		out[0] = (uint8_t)character;
		return 1;
	}
	if (character < 0x800) {
		out[0] = (uint8_t)(0xc0 | character >> 6);
		out[1] = tail(character, 0);
		return 2;
	}
	if (character < 0x10000) {
		out[0] = (uint8_t)(0xe0 | character >> 12);
		out[1] = tail(character, 6);
		out[2] = tail(character, 0);
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | character >> 18);
	out[1] = tail(character, 12);
	out[2] = tail(character, 6);
	out[3] = tail(character, 0);
	return 4;
}
