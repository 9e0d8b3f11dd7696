/* text.h - text from outside made fit to print, and hex */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies at most size-1 bytes of text with control characters (also ESC, DEL
 * and C1) replaced by '?' and ANSI colour sequences dropped. */
void text_printable(const char *text, size_t len, char *out, size_t size);

bool text_is_ascii(const char *text, size_t len);

bool text_has_prefix(const char *text, const char *prefix);
bool text_has_suffix(const char *text, const char *suffix);

/* Lower-case hex; out holds 2*len+1. */
void text_hex(const uint8_t *in, size_t len, char *out);

/* Both cases; -EINVAL unless text is exactly 2*len hex digits. */
must_check int text_unhex(const char *text, size_t text_len, uint8_t *out,
                          size_t len);

/* Base64, standard alphabet with padding (RFC 4648 section 4).  out holds
 * TEXT_BASE64_SIZE(len). */
#define TEXT_BASE64_SIZE(len) ((((len) + 2) / 3) * 4 + 1)
void text_base64(const uint8_t *in, size_t len, char *out);

/* -EINVAL unless text is the padded base64 of exactly len bytes. */
must_check int text_unbase64(const char *text, size_t text_len, uint8_t *out,
                             size_t len);
