#include "tests/lib/test.h"

#include "protocol/nix/hash.h"

#include <errno.h>
#include <string.h>

/* One SHA-256 (of "hello\n") as Nix 2.8 writes it in each form. */
#define HEX    "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
#define NIX32  "00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq"
#define BASE64 "WJG1tSLV3whtD/CxEPvZ0hu0/HFjrzTQgoai6Eb2vgM="

static int parse(const char *text, struct nix_hash *hash)
{
	return nix_hash_parse(text, strlen(text), hash);
}

static void every_form_reads_the_same(void)
{
	static const char *const forms[] = {
		"sha256:" HEX,
		"sha256:" NIX32,
		"sha256:" BASE64,
		"sha256-" BASE64,
		"sha256:5891B5B522D5DF086D0FF0B110FBD9D2"
		"1BB4FC7163AF34D08286A2E846F6BE03",
	};
	struct nix_hash want, got;

	CHECK(nix_hash_parse_hex(HEX, 64, &want) == 0);
	CHECK(want.sha256[0] == 0x58 && want.sha256[31] == 0x03);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		memset(&got, 0, sizeof(got));
		CHECK(parse(forms[i], &got) == 0);
		CHECK(nix_hash_equal(&want, &got));
	}
}

static void it_is_written_as_nix_does(void)
{
	char text[NIX_HASH_TEXT_SIZE], digits[NIX_HASH_NIX32_LEN + 1];
	struct nix_hash hash;

	CHECK(parse("sha256:" HEX, &hash) == 0);
	nix_hash_format(&hash, text);
	CHECK(strcmp(text, "sha256:" NIX32) == 0);
	nix_hash_format_nix32(&hash, digits);
	CHECK(strcmp(digits, NIX32) == 0);
}

static void anything_else_is_refused(void)
{
	static const char *const bad[] = {
		"",
		"sha256",
		"sha256:",
		"sha256-",
		HEX,
		NIX32,
		"SHA256:" HEX,
		"sha1:143xibwh31h9bvxzalr0sjvbbvpa6ffs",
		"sha512:" NIX32,
		"md5:" NIX32,
		"sha256 " NIX32,
		"sha256;" NIX32,
		"sha256 " BASE64,
		"sha256;" BASE64,
		"sha256-" HEX,
		"sha256-" NIX32,
		" sha256:" NIX32,
		"sha256:" NIX32 " ",
		"sha256: " NIX32,
		"sha256:" NIX32 "\n",
		"sha256:" HEX "00",
		/* no padding, or the other alphabet */
		"sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163a",
		"sha256:WJG1tSLV3whtD_CxEPvZ0hu0_HFjrzTQgoai6Eb2vgM=",
		/* a digit that is none, in each alphabet */
		"sha256:5891b5b522d5df086d0ff0b110fbd9d2"
		"1bb4fc7163af34d08286a2e846f6be0g",
		"sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
		/* more than 256 bits in 52 digits */
		"sha256:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
	};
	struct nix_hash hash;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(parse(bad[i], &hash) == -EINVAL);
}

static void every_truncation_is_refused(void)
{
	static const char *const forms[] = { "sha256:" HEX, "sha256:" NIX32,
		                             "sha256-" BASE64 };
	struct nix_hash hash;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (size_t len = 0; len < strlen(forms[i]); len++)
			CHECK(nix_hash_parse(forms[i], len, &hash) == -EINVAL);
	}
}

static void the_daemons_form_is_64_hex_digits(void)
{
	struct nix_hash hash;

	for (size_t len = 0; len < 64; len++)
		CHECK(nix_hash_parse_hex(HEX, len, &hash) == -EINVAL);
	CHECK(nix_hash_parse_hex(HEX "0", 65, &hash) == -EINVAL);
	CHECK(nix_hash_parse_hex("sha256:" HEX, 71, &hash) == -EINVAL);
}

static void a_failure_leaves_the_result_alone(void)
{
	struct nix_hash hash, before;

	memset(&hash, 0x5a, sizeof(hash));
	before = hash;
	CHECK(parse("sha256:" HEX "0", &hash) == -EINVAL);
	CHECK(parse("sha256:589g" HEX, &hash) == -EINVAL);
	CHECK(nix_hash_parse_hex(HEX "zz", 66, &hash) == -EINVAL);
	CHECK(nix_hash_equal(&hash, &before));
}

static void one_bit_makes_a_difference(void)
{
	struct nix_hash a, b;

	CHECK(parse("sha256:" HEX, &a) == 0);
	b = a;
	CHECK(nix_hash_equal(&a, &b));
	b.sha256[NIX_HASH_LEN - 1] ^= 1;
	CHECK(!nix_hash_equal(&a, &b));
}

int main(void)
{
	static const struct test tests[] = {
		{ "every form reads the same", every_form_reads_the_same },
		{ "it is written as Nix does", it_is_written_as_nix_does },
		{ "anything else is refused", anything_else_is_refused },
		{ "every truncation is refused", every_truncation_is_refused },
		{ "the daemon's form is 64 hex digits",
		  the_daemons_form_is_64_hex_digits },
		{ "a failure leaves the result alone",
		  a_failure_leaves_the_result_alone },
		{ "one bit makes a difference", one_bit_makes_a_difference },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
