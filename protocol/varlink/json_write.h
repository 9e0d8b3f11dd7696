/* json_write.h - JSON text appended to a buffer, without a tree in between
 *
 * Commas come by themselves: json_put_key() and json_put_next() set one unless
 * they follow an opening brace or bracket.
 */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/strings.h"

/* A member's name and colon; key is one of ours and needs no escapes. */
void json_put_key(struct buffer *out, const char *key);
/* Goes to the next element of an array. */
void json_put_next(struct buffer *out);

/* Quoted and escaped; what is not UTF-8, and NUL, becomes U+FFFD. */
void json_put_text(struct buffer *out, struct bytes text);
void json_put_int(struct buffer *out, int64_t value);

/* Key and value. */
void json_put_text_member(struct buffer *out, const char *key,
                          struct bytes text);
/* An array of texts. */
void json_put_texts_member(struct buffer *out, const char *key,
                           const struct strings *texts);
void json_put_int_member(struct buffer *out, const char *key, int64_t value);
void json_put_true_member(struct buffer *out, const char *key);
