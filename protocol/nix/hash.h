/* hash.h - a SHA-256 as Nix writes it */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NIX_HASH_LEN       32
#define NIX_HASH_NIX32_LEN 52 /* digits of nix32 */
#define NIX_HASH_TEXT_SIZE (sizeof("sha256:") + NIX_HASH_NIX32_LEN)

struct nix_hash {
	uint8_t sha256[NIX_HASH_LEN];
};

bool nix_hash_equal(const struct nix_hash *a, const struct nix_hash *b);

/* "sha256:" and nix32, hex or base64 told apart by length, or "sha256-" and
 * base64 (SRI).  -EINVAL otherwise; any other algorithm is -EINVAL. */
must_check int nix_hash_parse(const char *text, size_t len,
                              struct nix_hash *ret_hash);

/* As the worker protocol sends it: 64 hex digits, no prefix. */
must_check int nix_hash_parse_hex(const char *text, size_t len,
                                  struct nix_hash *ret_hash);

/* "sha256:<nix32>" */
void nix_hash_format(const struct nix_hash *hash, char out[NIX_HASH_TEXT_SIZE]);

/* Only the 52 digits; out holds NIX_HASH_NIX32_LEN+1. */
void nix_hash_format_nix32(const struct nix_hash *hash, char *out);
