#include "protocol/base/digest.h"

#include "protocol/base/cleanup.h"

#include <openssl/evp.h>

#include <errno.h>
#include <stdlib.h>

struct digest {
	EVP_MD_CTX *context;
	const EVP_MD *type;
};

static struct digest *digest_new(const EVP_MD *type)
{
	struct digest *digest = calloc(1, sizeof(*digest));

	if (!digest)
		return NULL;
	digest->type = type;
	digest->context = EVP_MD_CTX_new();
	if (!digest->context ||
	    EVP_DigestInit_ex(digest->context, type, NULL) != 1) {
		digest_free(digest);
		return NULL;
	}
	return digest;
}

struct digest *digest_new_sha256(void)
{
	return digest_new(EVP_sha256());
}

struct digest *digest_new_md5(void)
{
	return digest_new(EVP_md5());
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->context);
	free(digest);
}

int digest_update(struct digest *digest, const void *data, size_t len)
{
	return EVP_DigestUpdate(digest->context, data, len) == 1 ? 0 : -EIO;
}

int digest_final(struct digest *digest, uint8_t *out)
{
	if (EVP_DigestFinal_ex(digest->context, out, NULL) != 1 ||
	    EVP_DigestInit_ex(digest->context, digest->type, NULL) != 1)
		return -EIO;
	return 0;
}

int digest_peek(const struct digest *digest, uint8_t *out)
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	int rc = -ENOMEM;

	if (copy) {
		rc = EVP_MD_CTX_copy_ex(copy, digest->context) == 1 &&
		                     EVP_DigestFinal_ex(copy, out, NULL) == 1
		             ? 0
		             : -EIO;
	}
	EVP_MD_CTX_free(copy);
	return rc;
}

static int digest_once(struct digest *owned, struct bytes bytes, uint8_t *out)
{
	cleanup_digest struct digest *digest = owned;
	int rc;

	if (!digest)
		return -ENOMEM;
	rc = digest_update(digest, bytes.data, bytes.len);
	if (rc < 0)
		return rc;
	return digest_final(digest, out);
}

int digest_sha256(struct bytes bytes, uint8_t *out)
{
	return digest_once(digest_new_sha256(), bytes, out);
}

int digest_md5(struct bytes bytes, uint8_t *out)
{
	return digest_once(digest_new_md5(), bytes, out);
}
