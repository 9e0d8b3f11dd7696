/* fuzz_secret.h - that no secret is left, and a signature checked by another
 * library than the one that made it */
#pragma once

#include "tests/fuzz/fuzz.h"

#include "agent/vault/keyring.h"

#include <openssl/evp.h>

static inline bool fuzz_is_zero(const void *memory, size_t len)
{
	const uint8_t *bytes = memory;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

/* Nothing in it but which slots there are. */
static inline void fuzz_check_cleared(const struct keyring *keyring)
{
	MUST(!keyring->is_loaded);
	for (size_t i = 0; i < keyring->key_count; i++) {
		const struct signing_key *key = &keyring->keys[i];

		MUST(fuzz_is_zero(key->name, sizeof(key->name)));
		MUST(fuzz_is_zero(key->pair, sizeof(key->pair)));
	}
	for (size_t i = 0; i < keyring->credentials_count; i++) {
		struct credentials copy = keyring->credentials[i];

		copy.cache = 0;
		MUST(fuzz_is_zero(&copy, sizeof(copy)));
	}
}

static inline bool fuzz_verify(const uint8_t public[32], struct bytes message,
                               const uint8_t signature[64])
{
	EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, 32);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool holds;

	MUST(key && digest);
	MUST(EVP_DigestVerifyInit(digest, NULL, NULL, NULL, key) == 1);
	holds = EVP_DigestVerify(digest, signature, 64, message.data,
	                         message.len) == 1;
	EVP_MD_CTX_free(digest);
	EVP_PKEY_free(key);
	return holds;
}
