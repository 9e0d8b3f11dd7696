#include "protocol/base/sha256.h"
#include "tests/lib/test.h"

#include <sodium.h>

#include <string.h>

#define LEN_MAX 300

static void fill(uint8_t bytes[LEN_MAX], uint8_t first)
{
	for (size_t i = 0; i < LEN_MAX; i++)
		bytes[i] = (uint8_t)(first + 7 * i);
}

static void hashes_are_those_of_another_library(void)
{
	uint8_t message[LEN_MAX], got[SHA256_LEN], want[SHA256_LEN];

	fill(message, 1);
	for (size_t len = 0; len <= LEN_MAX; len++) {
		sha256_of((struct bytes){ message, len }, got);
		(void)crypto_hash_sha256(want, message, len);
		CHECK(memcmp(got, want, sizeof(want)) == 0);
	}
}

/* Keys shorter and longer than a block, in two pieces. */
static void macs_are_those_of_another_library(void)
{
	uint8_t key[LEN_MAX], message[LEN_MAX];
	uint8_t got[SHA256_LEN], want[SHA256_LEN];

	fill(key, 2);
	fill(message, 3);
	for (size_t len = 0; len <= 2 * SHA256_BLOCK + 1; len++) {
		const size_t first = len / 3;
		crypto_auth_hmacsha256_state state;
		struct hmac_key hmac;

		hmac_key_init(&hmac, (struct bytes){ key, first },
		              (struct bytes){ key + first, len - first });
		hmac_sha256(&hmac, (struct bytes){ message, len + 70 }, got);
		(void)crypto_auth_hmacsha256_init(&state, key, len);
		(void)crypto_auth_hmacsha256_update(&state, message, len + 70);
		(void)crypto_auth_hmacsha256_final(&state, want);
		CHECK(memcmp(got, want, sizeof(want)) == 0);
	}
}

static void a_mac_may_replace_its_message(void)
{
	static const uint8_t key[] = "key";
	uint8_t text[SHA256_LEN] = "text", want[SHA256_LEN];
	struct hmac_key hmac;

	hmac_key_init(&hmac, (struct bytes){ key, 3 },
	              (struct bytes){ NULL, 0 });
	hmac_sha256(&hmac, (struct bytes){ text, sizeof(text) }, want);
	hmac_sha256(&hmac, (struct bytes){ text, sizeof(text) }, text);
	CHECK(memcmp(text, want, sizeof(want)) == 0);
}

static const struct test tests[] = {
	{ "hashes are those of another library",
	  hashes_are_those_of_another_library },
	{ "MACs are those of another library",
	  macs_are_those_of_another_library },
	{ "a MAC may replace its message", a_mac_may_replace_its_message },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
