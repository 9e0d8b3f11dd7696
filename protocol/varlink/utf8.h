/* utf8.h - which bytes are one character of UTF-8 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The length (1..4) of the character at the start of len > 0 bytes, or 0 if
 * there is none: no overlong form, no surrogate, nothing above U+10FFFF
 * (RFC 3629 section 4). */
size_t utf8_char_len(const uint8_t *at, size_t len);

/* Writes a character, which is neither a surrogate nor above U+10FFFF, and
 * returns its length. */
size_t utf8_put(uint32_t character, uint8_t out[4]);
