/* wire_seal.h - how the door has the vault seal the audit log */
#pragma once

#include "protocol/base/digest.h"
#include "protocol/nix/key.h"

/* A line of the audit log, and with it all before it. */
struct vault_seal {
	uint64_t sequence;
	uint8_t head[DIGEST_SHA256_LEN];
};

struct vault_sealed {
	uint8_t key[KEY_PUBLIC_LEN];  /* that made it, and is no more */
	uint8_t next[KEY_PUBLIC_LEN]; /* that will make the next one */
	uint8_t signature[KEY_SIGNATURE_LEN];
};

/* Append a whole frame: VAULT_SEAL, VAULT_SEALED. */
void wire_put_seal(struct buffer *out, uint64_t tag,
                   const struct vault_seal *seal);
void wire_put_sealed(struct buffer *out, uint64_t tag,
                     const struct vault_sealed *sealed);

/* Bodies.  0 or -EBADMSG. */
must_check int wire_get_seal(struct bytes body, struct vault_seal *ret_seal);
must_check int wire_get_sealed(struct bytes body,
                               struct vault_sealed *ret_sealed);
