/* scan.h - strict JSON: what a text must be before json-c sees a byte of it
 *
 * json-c takes duplicate keys (the last wins), single quotes, NaN, numbers
 * beyond 64 bits, control characters and \u0000 even in its strict mode.
 */
#pragma once

#include "protocol/base/bytes.h"

#define SCAN_DEPTH_MAX   8     /* objects and arrays within each other */
#define SCAN_KEYS_MAX    64    /* members of one object */
#define SCAN_KEY_MAX     128   /* bytes of a member's name */
#define SCAN_STRINGS_MAX 65536 /* strings in one text, names included */
#define SCAN_DIGITS_MAX  18    /* of an integer: always fits int64_t */

/* 0 if text is exactly one JSON object (white space around it is allowed) in
 * valid UTF-8, within the limits above: integers only, no member twice, no
 * escape in a member's name, no \u0000, no lone surrogate.  Else -EBADMSG.
 * Allocates nothing; linear in the length. */
must_check int scan_check(struct bytes text);
