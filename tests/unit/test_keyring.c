#include "agent/vault/keyring.h"
#include "protocol/base/text.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME      "cache.example.org-1"
#define KEY_LEN   (sizeof(NAME) - 1 + 1 + 88)
#define TEXT_SIZE 4096

enum slot {
	SLOT_KEY,
	SLOT_ID,
	SLOT_SECRET,
	SLOT_TOKEN,
	SLOT_COUNT,
};

struct fixture {
	struct config config;
	struct config_cache cache;
	struct secret_slot slots[SLOT_COUNT];
	struct keyring *keyring;
	void *memory;
	char key[KEY_LEN + 1];
};

static void make_key(const char *name, uint8_t first, char *out)
{
	uint8_t seed[crypto_sign_SEEDBYTES] = { first };
	uint8_t pair[crypto_sign_SECRETKEYBYTES];
	uint8_t half[crypto_sign_PUBLICKEYBYTES];

	(void)crypto_sign_seed_keypair(half, pair, seed);
	(void)snprintf(out, KEY_LEN + 1, "%s:", name);
	text_base64(pair, sizeof(pair), out + strlen(out));
}

static void fixture_init(struct fixture *f)
{
	static const enum secret_kind kinds[SLOT_COUNT] = {
		SECRET_SIGNING_KEY,
		SECRET_ACCESS_KEY_ID,
		SECRET_SECRET_ACCESS_KEY,
		SECRET_SESSION_TOKEN,
	};

	*f = (struct fixture){ .config = { .cache_count = 1,
		                           .slot_count = SLOT_COUNT } };
	f->config.caches = &f->cache;
	f->config.slots = f->slots;
	for (size_t i = 0; i < SLOT_COUNT; i++)
		f->slots[i].kind = kinds[i];
	make_key(NAME, 1, f->key);
	f->memory =
		aligned_alloc(64, (keyring_size(&f->config) + 63) / 64 * 64);
	if (!f->memory)
		abort();
	f->keyring = keyring_init(f->memory, &f->config);
}

static void fixture_clear(struct fixture *f)
{
	free(f->memory);
}

#define cleanup_fixture __attribute__((__cleanup__(fixture_clear)))

static enum vault_outcome take(struct fixture *f, enum slot slot,
                               const char *text, size_t len)
{
	struct vault_fault fault = { 99, NULL };
	char *copy = malloc(len > 0 ? len : 1);
	enum vault_outcome outcome = OUTCOME_NOT_LOADED;

	if (!copy)
		return outcome;
	memcpy(copy, text, len);
	outcome = keyring_take(f->keyring, &f->config, (uint16_t)slot,
	                       (struct bytes){ (uint8_t *)copy, len }, &fault);
	if (outcome != OUTCOME_DONE)
		CHECK(fault.slot == slot && fault.detail);
	free(copy);
	return outcome;
}

static enum vault_outcome take_text(struct fixture *f, enum slot slot,
                                    const char *text)
{
	return take(f, slot, text, strlen(text));
}

static void a_signing_key_is_taken_whole(void)
{
	cleanup_fixture struct fixture f;
	uint8_t pair[64];

	fixture_init(&f);
	CHECK(take_text(&f, SLOT_KEY, f.key) == OUTCOME_DONE);
	CHECK(strcmp(f.keyring->keys[0].name, NAME) == 0);
	CHECK(text_unbase64(f.key + sizeof(NAME), 88, pair, sizeof(pair)) == 0);
	CHECK(memcmp(f.keyring->keys[0].pair, pair, sizeof(pair)) == 0);
}

static void white_space_at_the_end_and_folds_are_passed_over(void)
{
	cleanup_fixture struct fixture f;
	char text[TEXT_SIZE];

	fixture_init(&f);
	(void)snprintf(text, sizeof(text), "%s \t\r\n\n", f.key);
	CHECK(take_text(&f, SLOT_KEY, text) == OUTCOME_DONE);
	(void)snprintf(text, sizeof(text), "%.60s\n%.20s\r\n%s\n", f.key,
	               f.key + 60, f.key + 80);
	CHECK(take_text(&f, SLOT_KEY, text) == OUTCOME_DONE);
	(void)snprintf(text, sizeof(text), " %s", f.key);
	CHECK(take_text(&f, SLOT_KEY, text) == OUTCOME_MALFORMED);
}

static void no_nul_of_a_key_is_passed_over(void)
{
	cleanup_fixture struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i <= KEY_LEN; i++) {
		char text[KEY_LEN + 1];

		memcpy(text, f.key, i);
		text[i] = '\0';
		memcpy(text + i + 1, f.key + i, KEY_LEN - i);
		CHECK(take(&f, SLOT_KEY, text, sizeof(text)) ==
		      OUTCOME_MALFORMED);
	}
}

static void every_truncation_of_a_key_is_malformed(void)
{
	cleanup_fixture struct fixture f;

	fixture_init(&f);
	for (size_t len = 0; len < KEY_LEN; len++)
		CHECK(take(&f, SLOT_KEY, f.key, len) == OUTCOME_MALFORMED);
}

static void every_flipped_character_of_a_key_is_malformed(void)
{
	cleanup_fixture struct fixture f;

	fixture_init(&f);
	/* The last digit carries two bits that mean nothing, then "==". */
	for (size_t i = sizeof(NAME) - 1; i < KEY_LEN; i++) {
		char text[KEY_LEN + 1];

		memcpy(text, f.key, sizeof(text));
		text[i] = text[i] == 'A' ? 'B' : 'A';
		CHECK(take_text(&f, SLOT_KEY, text) == OUTCOME_MALFORMED);
	}
}

static void what_is_no_signing_key_is_malformed(void)
{
	cleanup_fixture struct fixture f;
	char long_name[KEY_NAME_MAX + 1 + 90], text[TEXT_SIZE];

	fixture_init(&f);
	CHECK(take_text(&f, SLOT_KEY, "") == OUTCOME_MALFORMED);
	CHECK(take_text(&f, SLOT_KEY, "\n") == OUTCOME_MALFORMED);
	CHECK(take_text(&f, SLOT_KEY, ":") == OUTCOME_MALFORMED);
	CHECK(take_text(&f, SLOT_KEY, f.key + sizeof(NAME) - 1) ==
	      OUTCOME_MALFORMED);
	CHECK(take_text(&f, SLOT_KEY, f.key + sizeof(NAME)) ==
	      OUTCOME_MALFORMED);
	CHECK(take_text(&f, SLOT_KEY,
	                NAME ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=") ==
	      OUTCOME_MALFORMED);
	(void)snprintf(text, sizeof(text), "%sAAAA", f.key);
	CHECK(take_text(&f, SLOT_KEY, text) == OUTCOME_MALFORMED);

	memset(long_name, 'n', KEY_NAME_MAX);
	memcpy(long_name + KEY_NAME_MAX, f.key + sizeof(NAME) - 1, 90);
	CHECK(take_text(&f, SLOT_KEY, long_name) == OUTCOME_DONE);
	(void)snprintf(text, sizeof(text), "n%s", long_name);
	CHECK(take_text(&f, SLOT_KEY, text) == OUTCOME_MALFORMED);
}

static void only_the_configured_key_is_taken(void)
{
	cleanup_fixture struct fixture f;
	char other[KEY_LEN + 1], renamed[KEY_LEN + 1];
	uint8_t pair[64];

	fixture_init(&f);
	make_key(NAME, 2, other);
	make_key("cache.example.org-2", 1, renamed);
	CHECK(text_unbase64(f.key + sizeof(NAME), 88, pair, sizeof(pair)) == 0);

	f.cache.public_key_count = 2;
	memcpy(f.cache.public_keys[0].name, "another", sizeof("another"));
	memcpy(f.cache.public_keys[1].name, NAME, sizeof(NAME));
	memcpy(f.cache.public_keys[1].key, pair + 32, KEY_PUBLIC_LEN);
	CHECK(take_text(&f, SLOT_KEY, f.key) == OUTCOME_DONE);
	CHECK(take_text(&f, SLOT_KEY, other) == OUTCOME_KEY_MISMATCH);
	CHECK(take_text(&f, SLOT_KEY, renamed) == OUTCOME_KEY_MISMATCH);
	f.cache.public_key_count = 1;
	CHECK(take_text(&f, SLOT_KEY, f.key) == OUTCOME_KEY_MISMATCH);
}

static void s3_secrets_have_limits(void)
{
	static const struct {
		enum slot slot;
		size_t max;
		bool may_hold_space;
	} rows[] = {
		{ SLOT_ID, KEYRING_ID_MAX, false },
		{ SLOT_SECRET, KEYRING_SECRET_MAX, true },
		{ SLOT_TOKEN, KEYRING_TOKEN_MAX, false },
	};
	cleanup_fixture struct fixture f;
	char text[TEXT_SIZE];

	fixture_init(&f);
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum slot slot = rows[i].slot;

		CHECK(take(&f, slot, text, rows[i].max) == OUTCOME_DONE);
		CHECK(take(&f, slot, text, rows[i].max + 1) ==
		      OUTCOME_MALFORMED);
		CHECK(take(&f, slot, text, 1) == OUTCOME_DONE);
		CHECK(take_text(&f, slot, "") == OUTCOME_MALFORMED);
		CHECK(take_text(&f, slot, "a\nb") == OUTCOME_MALFORMED);
		CHECK(take_text(&f, slot, "a\x7f") == OUTCOME_MALFORMED);
		CHECK(take_text(&f, slot, "\xc3\xa9") == OUTCOME_MALFORMED);
		CHECK(take(&f, slot, "a\0b", 3) == OUTCOME_MALFORMED);
		CHECK(take_text(&f, slot, "a b") ==
		      (rows[i].may_hold_space ? OUTCOME_DONE
		                              : OUTCOME_MALFORMED));
	}
}

static void clearing_leaves_no_byte_of_a_secret(void)
{
	cleanup_fixture struct fixture f;
	const uint8_t *at;

	fixture_init(&f);
	CHECK(take_text(&f, SLOT_KEY, f.key) == OUTCOME_DONE);
	CHECK(take_text(&f, SLOT_SECRET, "hush-hush") == OUTCOME_DONE);
	keyring_clear(f.keyring);

	at = (const uint8_t *)f.keyring->keys[0].pair;
	for (size_t i = 0; i < sizeof(f.keyring->keys[0].pair); i++)
		CHECK(at[i] == 0);
	CHECK(f.keyring->credentials[0].secret_len == 0);
	CHECK(f.keyring->credentials[0].secret[0] == 0);
	CHECK(take_text(&f, SLOT_KEY, f.key) == OUTCOME_DONE);
}

static void each_cache_has_its_own_credentials(void)
{
	struct secret_slot slots[] = {
		{ .cache = 2, .kind = SECRET_ACCESS_KEY_ID },
		{ .cache = 0, .kind = SECRET_SIGNING_KEY },
		{ .cache = 2, .kind = SECRET_SECRET_ACCESS_KEY },
		{ .cache = 0, .kind = SECRET_ACCESS_KEY_ID },
	};
	struct config_cache caches[3] = { 0 };
	const struct config config = {
		.caches = caches,
		.cache_count = 3,
		.slots = slots,
		.slot_count = 4,
	};
	size_t size = (keyring_size(&config) + 63) / 64 * 64;
	void *memory = aligned_alloc(64, size);
	struct keyring *keyring;

	if (!memory)
		abort();
	keyring = keyring_init(memory, &config);
	CHECK(keyring->key_count == 1 && keyring->credentials_count == 2);
	CHECK(keyring_find_credentials(keyring, 0) !=
	      keyring_find_credentials(keyring, 2));
	CHECK(!keyring_find_credentials(keyring, 1));
	CHECK((uint8_t *)(keyring->keys + keyring->key_count) <=
	      (uint8_t *)memory + size);
	free(memory);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a signing key is taken whole",
		  a_signing_key_is_taken_whole },
		{ "white space at the end and folds are passed over",
		  white_space_at_the_end_and_folds_are_passed_over },
		{ "no NUL of a key is passed over",
		  no_nul_of_a_key_is_passed_over },
		{ "every truncation of a key is malformed",
		  every_truncation_of_a_key_is_malformed },
		{ "every flipped character of a key is malformed",
		  every_flipped_character_of_a_key_is_malformed },
		{ "what is no signing key is malformed",
		  what_is_no_signing_key_is_malformed },
		{ "only the configured key is taken",
		  only_the_configured_key_is_taken },
		{ "S3 secrets have limits", s3_secrets_have_limits },
		{ "clearing leaves no byte of a secret",
		  clearing_leaves_no_byte_of_a_secret },
		{ "each cache has its own credentials",
		  each_cache_has_its_own_credentials },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
