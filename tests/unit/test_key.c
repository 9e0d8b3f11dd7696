#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include "protocol/nix/key.h"

#include <errno.h>
#include <string.h>

static int parse_key(const char *text, struct public_key *key)
{
	return public_key_parse(text, strlen(text), key);
}

static int parse_signature(const char *text, struct signature *signature)
{
	return signature_parse(text, strlen(text), signature);
}

static void keys_and_signatures_go_round(void)
{
	char key_text[KEY_PUBLIC_TEXT_SIZE];
	char signature_text[KEY_SIGNATURE_TEXT_SIZE];
	struct signature signature;
	struct public_key key;

	CHECK(parse_key(KEY_1, &key) == 0);
	CHECK(strcmp(key.name, KEY_NAME) == 0);
	public_key_format(&key, key_text);
	CHECK(strcmp(key_text, KEY_1) == 0);

	CHECK(parse_signature(SIGNATURE_1, &signature) == 0);
	CHECK(strcmp(signature.name, KEY_NAME) == 0);
	signature_format(&signature, signature_text);
	CHECK(strcmp(signature_text, SIGNATURE_1) == 0);
}

static void the_signature_of_nix_holds(void)
{
	struct signature signature;
	struct public_key key;

	CHECK(parse_key(KEY_1, &key) == 0);
	CHECK(parse_signature(SIGNATURE_1, &signature) == 0);
	CHECK(signature_verify(&signature, &key, bytes_of_text(FINGERPRINT)));
}

static void a_changed_bit_anywhere_does_not_hold(void)
{
	char message[] = FINGERPRINT;
	struct signature signature;
	struct public_key key;

	CHECK(parse_key(KEY_1, &key) == 0);
	CHECK(parse_signature(SIGNATURE_1, &signature) == 0);
	for (size_t i = 0; i < sizeof(message) - 1; i++) {
		uint8_t *const parts[] = {
			&signature.bytes[i % KEY_SIGNATURE_LEN],
			&key.key[i % KEY_PUBLIC_LEN],
			(uint8_t *)&message[i],
		};
		uint8_t *changed = parts[i % 3];

		*changed ^= (uint8_t)(1U << i % 8);
		CHECK(!signature_verify(&signature, &key,
		                        bytes_of_text(message)));
		*changed ^= (uint8_t)(1U << i % 8);
	}
	CHECK(signature_verify(&signature, &key, bytes_of_text(message)));
}

static void the_name_of_the_key_must_be_the_same(void)
{
	struct signature signature;
	struct public_key key;

	CHECK(parse_signature(SIGNATURE_1, &signature) == 0);
	CHECK(parse_key("nixcache-test-2:" KEY64, &key) == 0);
	CHECK(!signature_verify(&signature, &key, bytes_of_text(FINGERPRINT)));
	CHECK(parse_key("nixcache-test-11:" KEY64, &key) == 0);
	CHECK(!signature_verify(&signature, &key, bytes_of_text(FINGERPRINT)));
}

static void a_name_is_printable_and_bounded(void)
{
	char name[KEY_NAME_MAX + 2];

	for (int c = 0; c < 256; c++) {
		char text[3] = { 'a', (char)c, 'b' };

		CHECK(key_name_is_valid(text, 3) ==
		      (c > ' ' && c < 0x7f && c != ':'));
	}
	memset(name, 'k', sizeof(name));
	CHECK(!key_name_is_valid(name, 0));
	CHECK(key_name_is_valid(name, 1));
	CHECK(key_name_is_valid(name, KEY_NAME_MAX));
	CHECK(!key_name_is_valid(name, KEY_NAME_MAX + 1));
}

static void the_longest_name_fits_everywhere(void)
{
	char name[KEY_NAME_MAX + 1];
	char text[KEY_SIGNATURE_TEXT_SIZE], again[KEY_SIGNATURE_TEXT_SIZE];
	struct signature signature;
	struct public_key key;

	memset(name, 'k', KEY_NAME_MAX);
	name[KEY_NAME_MAX] = '\0';
	(void)snprintf(text, sizeof(text), "%s:" SIG64, name);
	CHECK(strlen(text) == KEY_SIGNATURE_TEXT_SIZE - 1);
	CHECK(parse_signature(text, &signature) == 0);
	signature_format(&signature, again);
	CHECK(strcmp(text, again) == 0);

	(void)snprintf(text, sizeof(text), "%s:" KEY64, name);
	CHECK(parse_key(text, &key) == 0);
	public_key_format(&key, again);
	CHECK(strcmp(text, again) == 0);
}

static void malformed_texts_are_refused(void)
{
	static const char *const bad[] = {
		"",
		":",
		KEY_NAME,
		KEY_NAME ":",
		":" SIG64,
		":" KEY64,
		KEY_NAME SIG64,
		KEY_NAME ": " SIG64,
		SIGNATURE_1 "\n",
		SIGNATURE_1 " ",
		SIGNATURE_1 "=",
		KEY_1 "\n",
		KEY_NAME "\n:" SIG64,
		"a b:" SIG64,
		"a:b:" SIG64,
		"a:b:" KEY64,
		/* 63 and 65 bytes, 31 and 33 */
		KEY_NAME
		":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		KEY_NAME
		":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		KEY_NAME ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		KEY_NAME ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		/* bits behind the last byte, the other alphabet */
		KEY_NAME ":nVSqP7blLm0tkLnXqsffc1pCk2WALi9uNsZNmgpHjZ5=",
		KEY_NAME ":nVSqP7blLm0tkLnXqsffc1pCk2WALi9uNsZNmgpHj_4=",
	};
	struct signature signature;
	struct public_key key;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(parse_signature(bad[i], &signature) == -EINVAL);
		CHECK(parse_key(bad[i], &key) == -EINVAL);
	}
	CHECK(parse_signature(KEY_1, &signature) == -EINVAL);
	CHECK(parse_key(SIGNATURE_1, &key) == -EINVAL);
}

static void every_truncation_is_refused(void)
{
	static const char signature_text[] = SIGNATURE_1;
	static const char key_text[] = KEY_1;
	struct signature signature;
	struct public_key key;

	for (size_t len = 0; len < sizeof(signature_text) - 1; len++) {
		CHECK(signature_parse(signature_text, len, &signature) ==
		      -EINVAL);
	}
	for (size_t len = 0; len < sizeof(key_text) - 1; len++)
		CHECK(public_key_parse(key_text, len, &key) == -EINVAL);
}

int main(void)
{
	static const struct test tests[] = {
		{ "keys and signatures go round",
		  keys_and_signatures_go_round },
		{ "the signature of Nix holds", the_signature_of_nix_holds },
		{ "a changed bit anywhere does not hold",
		  a_changed_bit_anywhere_does_not_hold },
		{ "the name of the key must be the same",
		  the_name_of_the_key_must_be_the_same },
		{ "a name is printable and bounded",
		  a_name_is_printable_and_bounded },
		{ "the longest name fits everywhere",
		  the_longest_name_fits_everywhere },
		{ "malformed texts are refused", malformed_texts_are_refused },
		{ "every truncation is refused", every_truncation_is_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
