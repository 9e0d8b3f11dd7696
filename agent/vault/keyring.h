/* keyring.h - the loaded secrets, laid out in memory that the caller maps
 *
 * Its size follows from the configuration alone.  Allocation-free.
 */
#pragma once

#include "agent/config.h"
#include "agent/vault/outcome.h"

#include <sodium.h>

#define KEYRING_ID_MAX     128
#define KEYRING_SECRET_MAX 256
#define KEYRING_TOKEN_MAX  2048

struct signing_key {
	uint16_t cache;
	uint16_t slot;
	char name[KEY_NAME_MAX + 1];
	uint8_t pair[crypto_sign_SECRETKEYBYTES]; /* seed, then public key */
};

struct credentials {
	struct sigv4_key day; /* of the day when it was last used */
	uint16_t cache;
	uint16_t id_len; /* 0: not configured */
	uint16_t secret_len;
	uint16_t token_len;
	uint8_t id[KEYRING_ID_MAX];
	uint8_t secret[KEYRING_SECRET_MAX];
	uint8_t token[KEYRING_TOKEN_MAX];
};

struct keyring {
	bool is_loaded;
	size_t key_count;
	size_t credentials_count;
	struct signing_key *keys; /* in the order of their slots */
	struct credentials *credentials;
};

size_t keyring_size(const struct config *config);

/* Lays an empty keyring out in keyring_size() bytes at memory, aligned to 64,
 * and wipes what was there. */
struct keyring *keyring_init(void *memory, const struct config *config);

/* Wipes every secret; ready for keyring_take() again. */
void keyring_clear(struct keyring *keyring);

/* Takes the text of one slot.  OUTCOME_DONE, OUTCOME_MALFORMED or
 * OUTCOME_KEY_MISMATCH with ret_fault. */
must_check enum vault_outcome keyring_take(struct keyring *keyring,
                                           const struct config *config,
                                           uint16_t slot, struct bytes text,
                                           struct vault_fault *ret_fault);

/* NULL if the cache has none. */
struct credentials *keyring_find_credentials(struct keyring *keyring,
                                             uint16_t cache);
