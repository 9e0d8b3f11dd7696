/* place.h - where a cache's objects live: host and paths of its requests */
#pragma once

#include "protocol/base/bytes.h"

struct s3_place {
	bool is_plain_http;
	bool is_virtual_host;
	const char *endpoint; /* host[:port] */
	const char *bucket;
	const char *prefix; /* "nix/cache" or empty */
	const char *region;
};

/* The Host header as it goes over the wire: lower case, without the port that
 * the scheme implies. */
void s3_place_append_host(struct buffer *out, const struct s3_place *place);

/* The path of a key relative to the cache's prefix, or of the bucket where key
 * is empty; not encoded. */
void s3_place_append_path(struct buffer *out, const struct s3_place *place,
                          struct bytes key);

/* "prefix/name", or only the name where the cache has no prefix. */
void s3_place_append_name(struct buffer *out, const struct s3_place *place,
                          struct bytes name);
