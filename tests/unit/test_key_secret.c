#include "tests/lib/test.h"

#include "protocol/base/text.h"
#include "protocol/nix/key_secret.h"

#include <sodium.h>

#include <errno.h>
#include <string.h>

static void a_key_is_its_name_and_64_bytes(void)
{
	static const char *const names[] = { "a", "cache.example.org-1",
		                             "\"\\+/=~" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct key_secret secret = { .text = "" };
		uint8_t bytes[KEY_SECRET_LEN];
		struct public_key key;
		size_t len = strlen(names[i]);

		CHECK(key_secret_generate(names[i], &secret, &key) == 0);
		CHECK(strncmp(secret.text, names[i], len) == 0);
		CHECK(secret.text[len] == ':');
		CHECK(text_unbase64(secret.text + len + 1,
		                    strlen(secret.text) - len - 1, bytes,
		                    sizeof(bytes)) == 0);
		CHECK(memcmp(bytes, secret.bytes, sizeof(bytes)) == 0);
		CHECK(strcmp(key.name, names[i]) == 0);
		CHECK(memcmp(key.key, bytes + 32, KEY_PUBLIC_LEN) == 0);
	}
}

static void what_it_signs_its_public_key_verifies(void)
{
	const struct bytes message = bytes_of_text("1;/nix/store/x;...");
	struct signature signature = { .name = "cache-1" };
	struct key_secret secret = { .text = "" };
	struct public_key key;

	CHECK(key_secret_generate("cache-1", &secret, &key) == 0);
	CHECK(crypto_sign_detached(signature.bytes, NULL, message.data,
	                           message.len, secret.bytes) == 0);
	CHECK(signature_verify(&signature, &key, message));
	signature.bytes[0] ^= 1;
	CHECK(!signature_verify(&signature, &key, message));
}

static void no_two_keys_are_the_same(void)
{
	struct key_secret one = { .text = "" }, two = { .text = "" };
	struct public_key key;

	CHECK(key_secret_generate("cache-1", &one, &key) == 0);
	CHECK(key_secret_generate("cache-1", &two, &key) == 0);
	CHECK(memcmp(one.bytes, two.bytes, sizeof(one.bytes)) != 0);
}

static void a_name_that_nix_would_not_take_makes_no_key(void)
{
	static const char *const names[] = { "", "a b", "a:b", "a\n", "\303" };
	char longest[KEY_NAME_MAX + 2];
	struct key_secret secret = { .text = "" };
	struct public_key key;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CHECK(key_secret_generate(names[i], &secret, &key) == -EINVAL);
		CHECK(secret.text[0] == '\0');
	}
	memset(longest, 'k', sizeof(longest));
	longest[KEY_NAME_MAX + 1] = '\0';
	CHECK(key_secret_generate(longest, &secret, &key) == -EINVAL);
	longest[KEY_NAME_MAX] = '\0';
	CHECK(key_secret_generate(longest, &secret, &key) == 0);
	CHECK(strlen(secret.text) == KEY_SECRET_TEXT_SIZE - 1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a key is its name and 64 bytes",
		  a_key_is_its_name_and_64_bytes },
		{ "what it signs its public key verifies",
		  what_it_signs_its_public_key_verifies },
		{ "no two keys are the same", no_two_keys_are_the_same },
		{ "a name that Nix would not take makes no key",
		  a_name_that_nix_would_not_take_makes_no_key },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
