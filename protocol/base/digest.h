/* digest.h - SHA-256 and MD5 over bulk bytes, never over secrets
 *
 * OpenSSL underneath: with SHA-NI it is five times libsodium's SHA-256
 * (measured), but it keeps state on its own heap.
 */
#pragma once

#include "protocol/base/bytes.h"

#define DIGEST_SHA256_LEN 32
#define DIGEST_MD5_LEN    16

struct digest;

/* NULL when out of memory. */
struct digest *digest_new_sha256(void);
struct digest *digest_new_md5(void);
void digest_free(struct digest *digest);

/* 0 or -EIO (the library refused, for instance MD5 under FIPS). */
must_check int digest_update(struct digest *digest, const void *data,
                             size_t len);

/* Writes DIGEST_*_LEN bytes and makes the digest ready for the next message. */
must_check int digest_final(struct digest *digest, uint8_t *out);

/* Likewise of what has come so far; the digest goes on.  Also -ENOMEM. */
must_check int digest_peek(const struct digest *digest, uint8_t *out);

/* One-shot forms; 0, -ENOMEM or -EIO. */
must_check int digest_sha256(struct bytes bytes, uint8_t *out);
must_check int digest_md5(struct bytes bytes, uint8_t *out);

/* For cleanup(digest_free_at) on a local struct digest *. */
#define cleanup_digest __attribute__((__cleanup__(digest_free_at)))
static inline void digest_free_at(struct digest **slot)
{
	digest_free(*slot);
}
