/* attested.h - a bounded set of digests: what a client's store has agreed to
 *
 * Digests only, so that an entry is as large for any path, and found by the
 * bytes that a client would have to know another message for.
 */
#pragma once

#include "protocol/base/digest.h"

#define ATTESTED_MAX 8192

struct digest_sha256 {
	uint8_t bytes[DIGEST_SHA256_LEN];
};

struct attested {
	struct digest_sha256 *slots; /* owned; all zeroes: free */
	size_t capacity;             /* a power of two, or 0 */
	size_t count;
};

void attested_clear(struct attested *set);
bool attested_has(const struct attested *set,
                  const struct digest_sha256 *digest);

/* A set that is full forgets all first: the store is then asked once more.
 * 0 or -ENOMEM. */
must_check int attested_add(struct attested *set,
                            const struct digest_sha256 *digest);
