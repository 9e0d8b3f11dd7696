#include "protocol/nix/nix32.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define DIGIT_BITS 5

/* Without e, o, u and t (Nix, src/libutil/hash.cc). */
static const char digits[] = "0123456789abcdfghijklmnpqrsvwxyz";

const int8_t nix32_values_and_one[UINT8_MAX + 1] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['f'] = 15, ['g'] = 16, ['h'] = 17, ['i'] = 18,
	['j'] = 19, ['k'] = 20, ['l'] = 21, ['m'] = 22, ['n'] = 23, ['p'] = 24,
	['q'] = 25, ['r'] = 26, ['s'] = 27, ['v'] = 28, ['w'] = 29, ['x'] = 30,
	['y'] = 31, ['z'] = 32,
};

char nix32_digit(unsigned value)
{
	assert(value < sizeof(digits) - 1);
	return digits[value];
}

/* The bytes are one little-endian number whose most significant digit is
 * written first. */
void nix32_encode(const uint8_t *in, size_t len, char *out)
{
	size_t count;

	assert(len > 0);
	count = NIX32_LEN(len);
	for (size_t i = 0; i < count; i++) {
		size_t bit = (count - 1 - i) * DIGIT_BITS;
		unsigned value = in[bit / 8];

		if (bit / 8 + 1 < len)
			value |= (unsigned)in[bit / 8 + 1] << 8;
		out[i] = digits[value >> bit % 8 & 0x1f];
	}
	out[count] = '\0';
}

static int check_digits(const char *text, size_t text_len, size_t len)
{
	size_t top_bits;

	assert(len > 0);
	if (text_len != NIX32_LEN(len))
		return -EINVAL;
	for (size_t i = 0; i < text_len; i++) {
		if (!nix32_is_digit(text[i]))
			return -EINVAL;
	}

	/* The first digit may have more bits than are left for it. */
	top_bits = len * 8 - (text_len - 1) * DIGIT_BITS;
	if ((unsigned)nix32_value(text[0]) >> top_bits != 0)
		return -EINVAL;
	return 0;
}

int nix32_decode(const char *text, size_t text_len, uint8_t *out, size_t len)
{
	int rc;

	rc = check_digits(text, text_len, len);
	if (rc < 0)
		return rc;

	memset(out, 0, len);
	for (size_t i = 0; i < text_len; i++) {
		size_t bit = (text_len - 1 - i) * DIGIT_BITS;
		unsigned value = (unsigned)nix32_value(text[i]) << bit % 8;

		out[bit / 8] |= (uint8_t)value;
		if (bit / 8 + 1 < len)
			out[bit / 8 + 1] |= (uint8_t)(value >> 8);
	}
	return 0;
}
