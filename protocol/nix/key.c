#include "protocol/nix/key.h"

#include "protocol/base/text.h"

#include <sodium.h>

#include <errno.h>
#include <string.h>

_Static_assert(KEY_PUBLIC_LEN == crypto_sign_PUBLICKEYBYTES, "ed25519");
_Static_assert(KEY_SIGNATURE_LEN == crypto_sign_BYTES, "ed25519");
_Static_assert(KEY_SIGNATURE_TEXT_SIZE ==
                       KEY_NAME_MAX + 1 + TEXT_BASE64_SIZE(KEY_SIGNATURE_LEN),
               "name:base64");
_Static_assert(KEY_PUBLIC_TEXT_SIZE ==
                       KEY_NAME_MAX + 1 + TEXT_BASE64_SIZE(KEY_PUBLIC_LEN),
               "name:base64");

bool key_name_is_valid(const char *name, size_t len)
{
	if (len == 0 || len > KEY_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == ':')
			return false;
	}
	return true;
}

/* The name of "name:base64" and the bytes, out_len of them.  Nix takes what
 * is before the first colon (src/libutil/signature/local-keys.cc). */
static int parse_named(struct bytes text, char name[KEY_NAME_MAX + 1],
                       uint8_t *out, size_t out_len)
{
	const char *start = (const char *)text.data;
	const char *colon = memchr(start, ':', text.len);
	size_t name_len;

	if (!colon)
		return -EINVAL;
	name_len = (size_t)(colon - start);
	if (!key_name_is_valid(start, name_len))
		return -EINVAL;

	memcpy(name, start, name_len);
	name[name_len] = '\0';
	return text_unbase64(colon + 1, text.len - name_len - 1, out, out_len);
}

/* "name:base64" */
static void format_named(const char *name, const uint8_t *bytes, size_t len,
                         char *out)
{
	size_t name_len = strnlen(name, KEY_NAME_MAX);

	memcpy(out, name, name_len);
	out[name_len] = ':';
	text_base64(bytes, len, out + name_len + 1);
}

int public_key_parse(const char *text, size_t len, struct public_key *ret_key)
{
	struct public_key key = { .name = "" };
	int rc;

	rc = parse_named((struct bytes){ (const uint8_t *)text, len }, key.name,
	                 key.key, sizeof(key.key));
	if (rc < 0)
		return rc;

	*ret_key = key;
	return 0;
}

void public_key_format(const struct public_key *key,
                       char out[KEY_PUBLIC_TEXT_SIZE])
{
	format_named(key->name, key->key, sizeof(key->key), out);
}

int signature_parse(const char *text, size_t len,
                    struct signature *ret_signature)
{
	struct signature signature = { .name = "" };
	int rc;

	rc = parse_named((struct bytes){ (const uint8_t *)text, len },
	                 signature.name, signature.bytes,
	                 sizeof(signature.bytes));
	if (rc < 0)
		return rc;

	*ret_signature = signature;
	return 0;
}

void signature_format(const struct signature *signature,
                      char out[KEY_SIGNATURE_TEXT_SIZE])
{
	format_named(signature->name, signature->bytes,
	             sizeof(signature->bytes), out);
}

bool signature_verify(const struct signature *signature,
                      const struct public_key *key, struct bytes message)
{
	return strcmp(signature->name, key->name) == 0 &&
	       crypto_sign_verify_detached(signature->bytes, message.data,
	                                   message.len, key->key) == 0;
}
