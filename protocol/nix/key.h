/* key.h - public keys and signatures: name:base64 */
#pragma once

#include "protocol/base/bytes.h"

#define KEY_NAME_MAX      128
#define KEY_PUBLIC_LEN    32
#define KEY_SIGNATURE_LEN 64
/* "name:" + 88 base64 characters + NUL */
#define KEY_SIGNATURE_TEXT_SIZE (KEY_NAME_MAX + 1 + 89)
#define KEY_PUBLIC_TEXT_SIZE    (KEY_NAME_MAX + 1 + 45)

struct public_key {
	char name[KEY_NAME_MAX + 1];
	uint8_t key[KEY_PUBLIC_LEN];
};

struct signature {
	char name[KEY_NAME_MAX + 1];
	uint8_t bytes[KEY_SIGNATURE_LEN];
};

/* A name is 1..KEY_NAME_MAX printable characters without ':' and space. */
bool key_name_is_valid(const char *name, size_t len);

/* -EINVAL unless well-formed. */
must_check int public_key_parse(const char *text, size_t len,
                                struct public_key *ret_key);
void public_key_format(const struct public_key *key,
                       char out[KEY_PUBLIC_TEXT_SIZE]);
must_check int signature_parse(const char *text, size_t len,
                               struct signature *ret_signature);
void signature_format(const struct signature *signature,
                      char out[KEY_SIGNATURE_TEXT_SIZE]);

/* True if the names are the same and the signature over message holds. */
bool signature_verify(const struct signature *signature,
                      const struct public_key *key, struct bytes message);
