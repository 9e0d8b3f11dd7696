/* OpenSSL would rather see its objects used, which it allocates itself: these
 * functions are deprecated since 3.0, and there in 3.6
 * (openssl.org, SHA256_Init(3)).  They cannot fail. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "protocol/base/sha256.h"

#include <openssl/sha.h>

#include <assert.h>

#define INNER_PAD 0x36 /* RFC 2104 section 2 */
#define OUTER_PAD 0x5c

static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "the state fits");
static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct sha256), "and lies well");
static_assert(SHA256_LEN == SHA256_DIGEST_LENGTH, "SHA-256");

static SHA256_CTX *context_of(struct sha256 *hash)
{
	return (SHA256_CTX *)(void *)hash;
}

static void begin(struct sha256 *hash)
{
	(void)SHA256_Init(context_of(hash));
}

static void add(struct sha256 *hash, const void *data, size_t len)
{
	if (len > 0)
		(void)SHA256_Update(context_of(hash), data, len);
}

/* The state is wiped. */
static void end(struct sha256 *hash, uint8_t out[SHA256_LEN])
{
	(void)SHA256_Final(out, context_of(hash));
	explicit_bzero(hash, sizeof(*hash));
}

static void begin_padded(struct sha256 *hash, const uint8_t key[SHA256_BLOCK],
                         uint8_t pad)
{
	uint8_t block[SHA256_BLOCK];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ pad;
	begin(hash);
	add(hash, block, sizeof(block));
	explicit_bzero(block, sizeof(block));
}

static void hash_two(struct bytes first, struct bytes second,
                     uint8_t out[SHA256_LEN])
{
	struct sha256 hash;

	begin(&hash);
	add(&hash, first.data, first.len);
	add(&hash, second.data, second.len);
	end(&hash, out);
}

void sha256_of(struct bytes message, uint8_t out[SHA256_LEN])
{
	hash_two(message, (struct bytes){ NULL, 0 }, out);
}

void hmac_key_init(struct hmac_key *hmac, struct bytes first,
                   struct bytes second)
{
	uint8_t block[SHA256_BLOCK] = { 0 };

	if (first.len > sizeof(block) ||
	    second.len > sizeof(block) - first.len) {
		hash_two(first, second, block);
	} else {
		if (first.len > 0)
			memcpy(block, first.data, first.len);
		if (second.len > 0)
			memcpy(block + first.len, second.data, second.len);
	}
	begin_padded(&hmac->inner, block, INNER_PAD);
	begin_padded(&hmac->outer, block, OUTER_PAD);
	explicit_bzero(block, sizeof(block));
}

void hmac_sha256(const struct hmac_key *hmac, struct bytes message,
                 uint8_t out[SHA256_LEN])
{
	struct sha256 hash = hmac->inner;
	uint8_t inner[SHA256_LEN];

	add(&hash, message.data, message.len);
	end(&hash, inner);
	hash = hmac->outer;
	add(&hash, inner, sizeof(inner));
	end(&hash, out);
	explicit_bzero(inner, sizeof(inner));
}
