/* key_secret.h - a new signing key, as Nix writes it: name:base64
 *
 * The base64 is of libsodium's 64 bytes, seed and public key, and no newline
 * follows it (Nix, src/libstore/crypto.cc, SecretKey::generate).
 */
#pragma once

#include "protocol/nix/key.h"

#define KEY_SECRET_LEN 64
/* "name:" + 88 base64 characters + NUL */
#define KEY_SECRET_TEXT_SIZE (KEY_NAME_MAX + 1 + 89)

struct key_secret {
	uint8_t bytes[KEY_SECRET_LEN];
	char text[KEY_SECRET_TEXT_SIZE];
};

/* Fills *secret, in memory that the caller keeps from others and wipes;
 * nothing of it stays on the stack.  0; -EINVAL: not a key's name; -EIO. */
must_check int key_secret_generate(const char *name, struct key_secret *secret,
                                   struct public_key *ret_key);
