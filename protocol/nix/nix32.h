/* nix32.h - Nix's base-32 digits */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits needed for len bytes (at least one), without the NUL. */
#define NIX32_LEN(len) (((len)*8 - 1) / 5 + 1)

/* Of each byte, what it is worth and one more; 0: it is no digit. */
extern const int8_t nix32_values_and_one[UINT8_MAX + 1];

/* 0..31, or -1 if it is no digit; digits sort as their values do.  Inline, since
 * every store path that is signed has 32 of them looked at, by the door and by
 * the vault. */
static inline int nix32_value(char c)
{
	return nix32_values_and_one[(uint8_t)c] - 1;
}

/* True for the 32 digits 0-9 a-z without e o u t. */
static inline bool nix32_is_digit(char c)
{
	return nix32_value(c) >= 0;
}

char nix32_digit(unsigned value); /* value < 32 */

/* out holds NIX32_LEN(len)+1 and is ended by a NUL. */
void nix32_encode(const uint8_t *in, size_t len, char *out);

/* -EINVAL unless text is exactly NIX32_LEN(len) digits with no bit set beyond
 * len bytes. */
must_check int nix32_decode(const char *text, size_t text_len, uint8_t *out,
                            size_t len);
