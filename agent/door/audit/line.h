/* line.h - the lines of the audit log, member by member
 *
 * What a line can hold is written here and nowhere else: no URL, no query, no
 * upload id has a way into it.
 */
#pragma once

#include "agent/door/audit/audit.h"

#define LINE_HEX_LEN DIGEST_SHA256_LEN /* of a hash or a key */
_Static_assert(LINE_HEX_LEN == KEY_PUBLIC_LEN, "both are 32 bytes");

/* {"seq":..,"time":..,"event":".." */
void line_begin(struct buffer *out, uint64_t sequence, const char *event);
/* ,"prev":".."} and a newline */
void line_end(struct buffer *out, const uint8_t head[DIGEST_SHA256_LEN]);

void line_put_text(struct buffer *out, const char *key, const char *text);
void line_put_number(struct buffer *out, const char *key, uint64_t number);
void line_put_hex(struct buffer *out, const char *key,
                  const uint8_t bytes[LINE_HEX_LEN]);
void line_put_certificates(struct buffer *out,
                           const struct strings *public_keys,
                           const struct strings *certificates);

/* Who asked for what, and what was decided. */
void line_put_call(struct buffer *out, const struct audit_event *event);
