#include "agent/vault/keyring.h"

#include "protocol/base/text.h"

#include <sodium.h>

#include <assert.h>
#include <string.h>

#define SEED_LEN crypto_sign_SEEDBYTES

static bool is_signing_key(const struct secret_slot *slot)
{
	return slot->kind == SECRET_SIGNING_KEY;
}

/* The first slot of a cache's S3 secrets stands for all of them. */
static bool is_first_credential(const struct config *config, size_t slot)
{
	if (is_signing_key(&config->slots[slot]))
		return false;
	for (size_t i = 0; i < slot; i++) {
		if (config->slots[i].cache == config->slots[slot].cache &&
		    !is_signing_key(&config->slots[i]))
			return false;
	}
	return true;
}

size_t keyring_size(const struct config *config)
{
	size_t size = sizeof(struct credentials); /* room to align */

	for (size_t i = 0; i < config->slot_count; i++) {
		if (is_signing_key(&config->slots[i]))
			size += sizeof(struct signing_key);
		if (is_first_credential(config, i))
			size += sizeof(struct credentials);
	}
	return size + sizeof(struct keyring);
}

/* Credentials first, for they need the strictest alignment. */
struct keyring *keyring_init(void *memory, const struct config *config)
{
	struct credentials *credentials = memory;
	struct signing_key *keys;
	struct keyring *keyring;
	size_t n = 0, k = 0;

	explicit_bzero(memory, keyring_size(config));
	for (size_t i = 0; i < config->slot_count; i++) {
		if (is_first_credential(config, i))
			credentials[n++].cache = config->slots[i].cache;
	}

	keyring = (struct keyring *)(void *)(credentials + n);
	keys = (struct signing_key *)(void *)(keyring + 1);
	for (size_t i = 0; i < config->slot_count; i++) {
		if (!is_signing_key(&config->slots[i]))
			continue;
		keys[k].cache = config->slots[i].cache;
		keys[k++].slot = (uint16_t)i;
	}
	*keyring = (struct keyring){
		.key_count = k,
		.credentials_count = n,
		.keys = keys,
		.credentials = credentials,
	};
	return keyring;
}

void keyring_clear(struct keyring *keyring)
{
	keyring->is_loaded = false;
	for (size_t i = 0; i < keyring->key_count; i++) {
		struct signing_key *key = &keyring->keys[i];

		explicit_bzero(key->name, sizeof(key->name));
		explicit_bzero(key->pair, sizeof(key->pair));
	}
	for (size_t i = 0; i < keyring->credentials_count; i++) {
		const uint16_t cache = keyring->credentials[i].cache;

		explicit_bzero(&keyring->credentials[i],
		               sizeof(keyring->credentials[i]));
		keyring->credentials[i].cache = cache;
	}
}

struct credentials *keyring_find_credentials(struct keyring *keyring,
                                             uint16_t cache)
{
	for (size_t i = 0; i < keyring->credentials_count; i++) {
		if (keyring->credentials[i].cache == cache)
			return &keyring->credentials[i];
	}
	return NULL;
}

static struct signing_key *find_key(struct keyring *keyring, uint16_t slot)
{
	for (size_t i = 0; i < keyring->key_count; i++) {
		if (keyring->keys[i].slot == slot)
			return &keyring->keys[i];
	}
	return NULL;
}

/* NULL, or what is wrong. */
static const char *take_key_text(struct signing_key *key, struct bytes text)
{
	const char *name = (const char *)text.data;
	const char *colon = text.len > 0 ? memchr(name, ':', text.len) : NULL;
	size_t name_len, got = 0;

	if (!colon)
		return "a signing key is name:base64, and there is no colon";
	name_len = (size_t)(colon - name);
	if (!key_name_is_valid(name, name_len))
		return "the name before the colon is not a key name";
	/* Some stores of secrets fold long lines.  libsodium 1.0.18 takes every
	 * byte above 0x7f for a '/', and passes over a NUL where it passes over
	 * line breaks. */
	if (!text_is_ascii(name, text.len) || memchr(name, '\0', text.len) ||
	    sodium_base642bin(key->pair, sizeof(key->pair), colon + 1,
	                      text.len - name_len - 1, "\r\n", &got, NULL,
	                      sodium_base64_VARIANT_ORIGINAL) != 0)
		return "what follows the colon is not base64 of 64 bytes";
	if (got == KEY_PUBLIC_LEN)
		return "this is a public key; the secret one is needed";
	if (got != sizeof(key->pair))
		return "what follows the colon is not base64 of 64 bytes";

	memcpy(key->name, name, name_len);
	key->name[name_len] = '\0';
	return NULL;
}

/* A key whose halves do not belong together would sign so that nobody can
 * verify, and could be made to leak its seed. */
static bool halves_match(const struct signing_key *key)
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES], half[KEY_PUBLIC_LEN];
	bool do_match;

	(void)crypto_sign_seed_keypair(half, pair, key->pair);
	do_match = sodium_memcmp(half, key->pair + SEED_LEN, sizeof(half)) == 0;
	explicit_bzero(pair, sizeof(pair));
	return do_match;
}

static bool is_expected(const struct signing_key *key,
                        const struct config_cache *cache)
{
	for (size_t i = 0; i < cache->public_key_count; i++) {
		const struct public_key *expected = &cache->public_keys[i];

		if (strcmp(expected->name, key->name) == 0 &&
		    memcmp(expected->key, key->pair + SEED_LEN,
		           KEY_PUBLIC_LEN) == 0)
			return true;
	}
	return cache->public_key_count == 0;
}

static enum vault_outcome take_key(struct signing_key *key,
                                   const struct config_cache *cache,
                                   struct bytes text, const char **ret_detail)
{
	const char *wrong = take_key_text(key, text);

	if (wrong) {
		*ret_detail = wrong;
		return OUTCOME_MALFORMED;
	}
	if (!halves_match(key)) {
		*ret_detail = "its public half does not belong to its seed";
		return OUTCOME_MALFORMED;
	}
	if (!is_expected(key, cache)) {
		*ret_detail = "the cache's public-key names another key";
		return OUTCOME_KEY_MISMATCH;
	}
	return OUTCOME_DONE;
}

static bool is_printable(struct bytes text, uint8_t first)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < first || text.data[i] > '~')
			return false;
	}
	return true;
}

static const char *take_id(struct credentials *c, struct bytes text)
{
	if (text.len > KEYRING_ID_MAX)
		return "an access key id has at most 128 characters";
	if (!is_printable(text, '!'))
		return "a space or an unprintable character is in it";

	memcpy(c->id, text.data, text.len);
	c->id_len = (uint16_t)text.len;
	return NULL;
}

static const char *take_secret(struct credentials *c, struct bytes text)
{
	if (text.len > KEYRING_SECRET_MAX)
		return "a secret access key has at most 256 characters";
	if (!is_printable(text, ' '))
		return "an unprintable character is in it";

	memcpy(c->secret, text.data, text.len);
	c->secret_len = (uint16_t)text.len;
	return NULL;
}

static const char *take_token(struct credentials *c, struct bytes text)
{
	if (text.len > KEYRING_TOKEN_MAX)
		return "a session token has at most 2048 characters";
	if (!is_printable(text, '!'))
		return "a space or an unprintable character is in it";

	memcpy(c->token, text.data, text.len);
	c->token_len = (uint16_t)text.len;
	return NULL;
}

/* op and editors end a text with a newline or more. */
static struct bytes strip_end(struct bytes text)
{
	while (text.len > 0 && memchr(" \t\r\n", text.data[text.len - 1],
	                              sizeof(" \t\r\n") - 1))
		text.len--;
	return text;
}

static const char *take_credential(struct credentials *c, enum secret_kind kind,
                                   struct bytes text)
{
	switch (kind) {
	case SECRET_ACCESS_KEY_ID:
		return take_id(c, text);
	case SECRET_SECRET_ACCESS_KEY:
		return take_secret(c, text);
	case SECRET_SESSION_TOKEN:
		return take_token(c, text);
	case SECRET_SIGNING_KEY:
		break;
	}
	return "unknown kind of secret";
}

enum vault_outcome keyring_take(struct keyring *keyring,
                                const struct config *config, uint16_t slot,
                                struct bytes text,
                                struct vault_fault *ret_fault)
{
	const struct secret_slot *place = &config->slots[slot];
	struct signing_key *key = find_key(keyring, slot);
	struct credentials *credentials =
		keyring_find_credentials(keyring, place->cache);
	const char *wrong = NULL;
	enum vault_outcome outcome;

	/* Every slot has its place since keyring_init(). */
	assert(is_signing_key(place) ? key != NULL : credentials != NULL);

	text = strip_end(text);
	if (!text.data || text.len == 0) {
		wrong = "it is empty";
		outcome = OUTCOME_MALFORMED;
	} else if (is_signing_key(place)) {
		outcome = take_key(key, &config->caches[place->cache], text,
		                   &wrong);
	} else {
		wrong = take_credential(credentials, place->kind, text);
		outcome = wrong ? OUTCOME_MALFORMED : OUTCOME_DONE;
	}

	if (outcome != OUTCOME_DONE)
		*ret_fault = (struct vault_fault){ slot, wrong };
	return outcome;
}
