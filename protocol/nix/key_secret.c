#include "protocol/nix/key_secret.h"

#include "protocol/base/text.h"

#include <sodium.h>

#include <errno.h>
#include <string.h>

_Static_assert(KEY_SECRET_LEN == crypto_sign_SECRETKEYBYTES, "ed25519");
_Static_assert(KEY_SECRET_TEXT_SIZE ==
                       KEY_NAME_MAX + 1 + TEXT_BASE64_SIZE(KEY_SECRET_LEN),
               "name:base64");

/* More than the frames below crypto_sign_keypair() take together. */
#define STACK_WIPED 16384

int key_secret_generate(const char *name, struct key_secret *secret,
                        struct public_key *ret_key)
{
	size_t len = strlen(name);
	struct public_key key = { .name = "" };
	int rc;

	if (!key_name_is_valid(name, len))
		return -EINVAL;
	if (sodium_init() < 0)
		return -EIO;

	rc = crypto_sign_keypair(key.key, secret->bytes);
	if (rc == 0) {
		memcpy(key.name, name, len + 1);
		memcpy(secret->text, name, len);
		secret->text[len] = ':';
		text_base64(secret->bytes, KEY_SECRET_LEN,
		            secret->text + len + 1);
	}
	sodium_stackzero(STACK_WIPED);
	if (rc != 0)
		return -EIO;

	*ret_key = key;
	return 0;
}
