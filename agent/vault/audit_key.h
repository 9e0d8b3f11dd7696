/* audit_key.h - the key that seals the audit log, and is another after each seal
 *
 * A seed in secret memory; what follows it is derived from it, and it is wiped.
 * Who comes later, even into this process, can seal nothing that was before.
 * Allocation-free; runs on the secret stack.
 */
#pragma once

#include "agent/wire_seal.h"
#include "protocol/base/attributes.h"

#include <sodium.h>

struct audit_key {
	uint8_t seed[crypto_sign_SEEDBYTES];
	uint8_t first[KEY_PUBLIC_LEN]; /* public: of the first seed */
};

/* From a seed that is already there. */
void audit_key_init(struct audit_key *key);
void audit_key_wipe(struct audit_key *key);

/* Seals, and goes on to the next key. */
void audit_key_seal(struct audit_key *key, const struct vault_seal *seal,
                    struct vault_sealed *ret_sealed);

/* Signs, with a Nix signing key (libsodium's 64 bytes), that the first of these
 * keys is of the vault that holds it. */
void audit_key_certify(const struct audit_key *key, const uint8_t *pair,
                       uint8_t ret_signature[KEY_SIGNATURE_LEN]);
