/* audit_text.h - the texts that seal the audit log, as they are signed
 *
 * The vault makes them, a verifier makes them again.  Neither can be taken for
 * the fingerprint of a store path, which begins with "1;".  Allocation-free.
 */
#pragma once

#include "protocol/base/digest.h"
#include "protocol/nix/key.h"

#define AUDIT_TEXT_MAX 256

/* "nixcache-audit-seal;1;<sequence>;<head in hex>;<next key in hex>": signed
 * with a key that exists for one seal.  head: SHA-256 of line number sequence,
 * and so of all before it. */
size_t audit_seal_text(uint64_t sequence, const uint8_t head[DIGEST_SHA256_LEN],
                       const uint8_t next[KEY_PUBLIC_LEN],
                       char ret_text[AUDIT_TEXT_MAX]);

/* "nixcache-audit-key;1;<first key in hex>": signed by the signing keys that a
 * vault has taken, so that its first seal key is known to be that vault's. */
size_t audit_key_text(const uint8_t first[KEY_PUBLIC_LEN],
                      char ret_text[AUDIT_TEXT_MAX]);
