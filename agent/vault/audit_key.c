#include "agent/vault/audit_key.h"

#include "protocol/audit/audit_text.h"

#include <string.h>

static const char next_text[] = "nixcache audit next";

void audit_key_init(struct audit_key *key)
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES];

	(void)crypto_sign_seed_keypair(key->first, pair, key->seed);
	explicit_bzero(pair, sizeof(pair));
}

void audit_key_wipe(struct audit_key *key)
{
	explicit_bzero(key->seed, sizeof(key->seed));
}

/* There is no way back from a seed to the one before it. */
static void evolve(struct audit_key *key)
{
	uint8_t next[crypto_auth_hmacsha256_BYTES];

	_Static_assert(sizeof(next) == sizeof(key->seed), "one seed from one");
	_Static_assert(sizeof(key->seed) == crypto_auth_hmacsha256_KEYBYTES,
	               "a seed is a key");
	(void)crypto_auth_hmacsha256(next, (const uint8_t *)next_text,
	                             sizeof(next_text) - 1, key->seed);
	memcpy(key->seed, next, sizeof(key->seed));
	explicit_bzero(next, sizeof(next));
}

void audit_key_seal(struct audit_key *key, const struct vault_seal *seal,
                    struct vault_sealed *ret_sealed)
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES];
	uint8_t next_pair[crypto_sign_SECRETKEYBYTES];
	char text[AUDIT_TEXT_MAX];
	size_t len;

	(void)crypto_sign_seed_keypair(ret_sealed->key, pair, key->seed);
	evolve(key);
	(void)crypto_sign_seed_keypair(ret_sealed->next, next_pair, key->seed);
	explicit_bzero(next_pair, sizeof(next_pair));

	len = audit_seal_text(seal->sequence, seal->head, ret_sealed->next,
	                      text);
	(void)crypto_sign_detached(ret_sealed->signature, NULL,
	                           (const uint8_t *)text, len, pair);
	explicit_bzero(pair, sizeof(pair));
}

void audit_key_certify(const struct audit_key *key, const uint8_t *pair,
                       uint8_t ret_signature[KEY_SIGNATURE_LEN])
{
	char text[AUDIT_TEXT_MAX];
	size_t len = audit_key_text(key->first, text);

	(void)crypto_sign_detached(ret_signature, NULL, (const uint8_t *)text,
	                           len, pair);
}
