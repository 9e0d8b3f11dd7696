/* scan.h - strict JSON: what a text must be before a byte of it is believed
 *
 * Libraries take more than the grammar, each in its own way (json-c, in its
 * strict mode: duplicate keys, of which the last wins, single quotes, NaN,
 * numbers beyond 64 bits, control characters, \u0000).  Two readers of one
 * message must never see two.
 */
#pragma once

#include "protocol/varlink/json_read.h"

#define SCAN_TEXT_MAX    (1UL << 30) /* bytes */
#define SCAN_DEPTH_MAX   8           /* objects and lists within each other */
#define SCAN_KEYS_MAX    64          /* members of one object */
#define SCAN_KEY_MAX     128         /* bytes of a member's name */
#define SCAN_STRINGS_MAX 65536       /* strings in one text, names included */
#define SCAN_DIGITS_MAX  18          /* of an integer: always fits int64_t */

/* Values on the heap of whoever owns it. */
struct json_row {
	struct json_value *values;
	size_t count;
	size_t capacity; /* not 0 */
};

/* 0 if the len bytes at text, behind which there is a NUL, are exactly one JSON
 * object (white space around it is allowed) in valid UTF-8, within the limits
 * above: integers only, no member twice, no escape in a member's name, no
 * \u0000, no lone surrogate.  Else -EBADMSG, or -ENOMEM.  Linear in the length.
 *
 * Fills row.  Its texts borrow from text, where their closing quotes become
 * NULs and their escapes the characters that they stand for. */
must_check int scan_text(uint8_t *text, size_t len, struct json_row *row);
