/* uri_encode.h - SigV4's percent-encoding: A-Za-z0-9-_.~ stay, all else %XX */
#pragma once

#include "protocol/base/bytes.h"

/* Encodes every byte, '/' included. */
void uri_encode(struct buffer *out, struct bytes text);

/* Keeps '/' (object keys in a path). */
void uri_encode_path(struct buffer *out, struct bytes text);

/* The order of two raw texts once encoded, without encoding them: negative, 0
 * or positive like memcmp(). */
int uri_compare_encoded(struct bytes a, struct bytes b);

/* One part of a query: %XX is decoded and '+' becomes a space.  -EINVAL on a
 * bad or NUL escape, or what out has failed with; out may then hold a part. */
must_check int uri_decode(struct buffer *out, struct bytes text);
