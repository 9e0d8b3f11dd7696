/* uri_encode.h - SigV4's percent-encoding: A-Za-z0-9-_.~ stay, all else %XX */
#pragma once

#include "protocol/base/bytes.h"

/* Encodes every byte, '/' included. */
void uri_encode(struct buffer *out, struct bytes text);

/* Keeps '/' (object keys in a path). */
void uri_encode_path(struct buffer *out, struct bytes text);

/* %XX and, in a query, '+' are decoded.  -EINVAL on a bad or NUL escape. */
must_check int uri_decode(struct buffer *out, struct bytes text);
