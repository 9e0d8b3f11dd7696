/* store_query.h - the parameters of a store URI, each given at most once */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/nix/store_uri.h"

/* The longest value that any parameter may have: an endpoint as a URL. */
#define STORE_QUERY_VALUE_SIZE (STORE_URI_HOST_MAX + sizeof("https:///"))

enum store_parameter {
	STORE_ADDRESSING_STYLE,
	STORE_COMPRESSION,
	STORE_ENDPOINT,
	STORE_PRIORITY,
	STORE_PROFILE,
	STORE_REGION,
	STORE_SCHEME,
	STORE_PARAMETER_COUNT,
};

struct store_query {
	/* borrowed and still encoded; data NULL: not given */
	struct bytes raw[STORE_PARAMETER_COUNT];
};

/* Where the sentence about a mistake goes. */
struct store_complaint {
	char *out;
	size_t size;
};

/* Writes the sentence; always -EINVAL, so that it can be returned. */
must_check printf_like(2, 3) int store_complain(struct store_complaint *to,
                                                const char *format, ...);

/* text is what follows the '?'.  A parameter that kind does not have, an
 * unknown one and one given twice are mistakes. */
must_check int store_query_parse(const char *text, enum store_uri_kind kind,
                                 struct store_query *ret_query,
                                 struct store_complaint *to);

/* The decoded value, or an empty text if it is not given; a value that is
 * given and empty, or too long, is a mistake. */
must_check int store_query_get(const struct store_query *query,
                               enum store_parameter parameter,
                               char out[STORE_QUERY_VALUE_SIZE],
                               struct store_complaint *to);

/* Decodes %XX only: in Nix a '+' is a plus.  -EINVAL on a bad escape, one of
 * a NUL, or when out is too small. */
must_check int store_percent_decode(struct bytes text, char *out, size_t size);
