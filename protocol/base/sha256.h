/* sha256.h - SHA-256 and its HMAC over secrets, in the caller's memory
 *
 * OpenSSL underneath, which knows the processor's instructions for it (five
 * times libsodium's rate, measured), by the functions that work on a struct of
 * the caller: nothing is allocated, and no secret reaches another heap.
 */
#pragma once

#include "protocol/base/bytes.h"

#define SHA256_LEN   32
#define SHA256_BLOCK 64

/* A hash under way: first its eight words. */
struct sha256 {
	_Alignas(8) uint8_t state[128];
};

/* An HMAC key with both pads hashed: secret. */
struct hmac_key {
	struct sha256 inner;
	struct sha256 outer;
};

void sha256_of(struct bytes message, uint8_t out[SHA256_LEN]);

/* The key is first and then second, of any length (RFC 2104). */
void hmac_key_init(struct hmac_key *hmac, struct bytes first,
                   struct bytes second);

/* out may be where the message or the key is. */
void hmac_sha256(const struct hmac_key *hmac, struct bytes message,
                 uint8_t out[SHA256_LEN]);
