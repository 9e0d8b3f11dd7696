#include "tests/lib/test.h"

#include "protocol/nix/nix32.h"

#include <errno.h>
#include <string.h>

#define DIGITS "0123456789abcdfghijklmnpqrsvwxyz"

/* Both forms as "nix hash to-base32" and "to-base16" of Nix 2.8 print them. */
static const struct {
	const char *text;
	size_t len;
	uint8_t bytes[32];
} samples[] = {
	/* sha256 of the empty string */
	{ "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
	  32,
	  { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
	    0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
	    0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 } },
	/* sha1 of the empty string */
	{ "143xibwh31h9bvxzalr0sjvbbvpa6ffs",
	  20,
	  { 0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55,
	    0xbf, 0xef, 0x95, 0x60, 0x18, 0x90, 0xaf, 0xd8, 0x07, 0x09 } },
	{ "0h", 1, { 0x10 } },
	{ "7z", 1, { 0xff } },
};

#define SAMPLE_COUNT (sizeof(samples) / sizeof(samples[0]))

static void what_nix_prints_is_printed_and_read(void)
{
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		char text[NIX32_LEN(32) + 1];
		uint8_t bytes[32];

		nix32_encode(samples[i].bytes, samples[i].len, text);
		CHECK(strcmp(text, samples[i].text) == 0);
		CHECK(nix32_decode(text, strlen(text), bytes, samples[i].len) ==
		      0);
		CHECK(memcmp(bytes, samples[i].bytes, samples[i].len) == 0);
	}
}

static void every_length_goes_round(void)
{
	uint8_t in[64], out[64];
	char text[NIX32_LEN(64) + 1];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 151 + 201);
	for (size_t len = 1; len <= sizeof(in); len++) {
		nix32_encode(in, len, text);
		CHECK(strlen(text) == NIX32_LEN(len));
		CHECK(nix32_decode(text, strlen(text), out, len) == 0);
		CHECK(memcmp(in, out, len) == 0);
	}
}

static void only_the_right_length_is_read(void)
{
	const char *text = samples[0].text;
	uint8_t out[32];
	char longer[54];

	for (size_t len = 0; len < strlen(text); len++)
		CHECK(nix32_decode(text, len, out, sizeof(out)) == -EINVAL);
	(void)snprintf(longer, sizeof(longer), "%s0", text);
	CHECK(nix32_decode(longer, 53, out, sizeof(out)) == -EINVAL);
}

static void only_the_32_digits_are_digits(void)
{
	char text[NIX32_LEN(20) + 1];
	uint8_t out[20];

	for (int c = 0; c < 256; c++) {
		bool want = c != 0 && strchr(DIGITS, c) != NULL;

		CHECK((nix32_is_digit((char)c) != 0) == want);
		CHECK((nix32_value((char)c) >= 0) == want);
		memcpy(text, samples[1].text, sizeof(text));
		text[7] = (char)c;
		CHECK(nix32_decode(text, 32, out, 20) == (want ? 0 : -EINVAL));
	}
}

static void digits_and_values_agree(void)
{
	for (unsigned value = 0; value < 32; value++) {
		CHECK(nix32_digit(value) == DIGITS[value]);
		CHECK(nix32_value(DIGITS[value]) == (int)value);
	}
}

static void a_bit_beyond_the_bytes_is_refused(void)
{
	char text[NIX32_LEN(32) + 1];
	uint8_t out[32];

	/* 52 digits have 260 bits: the first may only be 0 or 1. */
	for (size_t i = 0; i < sizeof(DIGITS) - 1; i++) {
		memset(text, 'z', sizeof(text) - 1);
		text[0] = DIGITS[i];
		CHECK(nix32_decode(text, 52, out, sizeof(out)) ==
		      (i < 2 ? 0 : -EINVAL));
	}
	/* 32 digits are 160 bits exactly. */
	memset(text, 'z', sizeof(text) - 1);
	CHECK(nix32_decode(text, 32, out, 20) == 0);
	/* 2 digits have 10 bits, of which 8 are wanted. */
	CHECK(nix32_decode("80", 2, out, 1) == -EINVAL);
}

static void a_failure_leaves_the_result_alone(void)
{
	uint8_t out[1] = { 0x5a };

	CHECK(nix32_decode("z0", 2, out, 1) == -EINVAL);
	CHECK(nix32_decode("0e", 2, out, 1) == -EINVAL);
	CHECK(out[0] == 0x5a);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what Nix prints is printed and read",
		  what_nix_prints_is_printed_and_read },
		{ "every length goes round", every_length_goes_round },
		{ "only the right length is read",
		  only_the_right_length_is_read },
		{ "only the 32 digits are digits",
		  only_the_32_digits_are_digits },
		{ "digits and values agree", digits_and_values_agree },
		{ "a bit beyond the bytes is refused",
		  a_bit_beyond_the_bytes_is_refused },
		{ "a failure leaves the result alone",
		  a_failure_leaves_the_result_alone },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
