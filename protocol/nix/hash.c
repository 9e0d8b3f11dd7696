#include "protocol/nix/hash.h"

#include "protocol/base/text.h"
#include "protocol/nix/nix32.h"

#include <errno.h>
#include <string.h>

#define PREFIX     "sha256:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define HEX_LEN    ((size_t)NIX_HASH_LEN * 2)
#define BASE64_LEN ((size_t)TEXT_BASE64_SIZE(NIX_HASH_LEN) - 1)

bool nix_hash_equal(const struct nix_hash *a, const struct nix_hash *b)
{
	return memcmp(a->sha256, b->sha256, NIX_HASH_LEN) == 0;
}

static int parse_digits(const char *text, size_t len, struct nix_hash *hash)
{
	switch (len) {
	case HEX_LEN:
		return text_unhex(text, len, hash->sha256, NIX_HASH_LEN);
	case NIX_HASH_NIX32_LEN:
		return nix32_decode(text, len, hash->sha256, NIX_HASH_LEN);
	case BASE64_LEN:
		return text_unbase64(text, len, hash->sha256, NIX_HASH_LEN);
	default:
		return -EINVAL;
	}
}

int nix_hash_parse(const char *text, size_t len, struct nix_hash *ret_hash)
{
	struct nix_hash hash;
	int rc;

	if (len < PREFIX_LEN || memcmp(text, "sha256", PREFIX_LEN - 1) != 0)
		return -EINVAL;

	if (text[PREFIX_LEN - 1] == ':') {
		rc = parse_digits(text + PREFIX_LEN, len - PREFIX_LEN, &hash);
	} else if (text[PREFIX_LEN - 1] == '-') {
		rc = text_unbase64(text + PREFIX_LEN, len - PREFIX_LEN,
		                   hash.sha256, NIX_HASH_LEN);
	} else {
		rc = -EINVAL;
	}
	if (rc < 0)
		return rc;

	*ret_hash = hash;
	return 0;
}

int nix_hash_parse_hex(const char *text, size_t len, struct nix_hash *ret_hash)
{
	struct nix_hash hash = { .sha256 = { 0 } };
	int rc;

	rc = text_unhex(text, len, hash.sha256, NIX_HASH_LEN);
	if (rc < 0)
		return rc;

	*ret_hash = hash;
	return 0;
}

void nix_hash_format(const struct nix_hash *hash, char out[NIX_HASH_TEXT_SIZE])
{
	memcpy(out, PREFIX, PREFIX_LEN);
	nix_hash_format_nix32(hash, out + PREFIX_LEN);
}

void nix_hash_format_nix32(const struct nix_hash *hash, char *out)
{
	nix32_encode(hash->sha256, NIX_HASH_LEN, out);
}
