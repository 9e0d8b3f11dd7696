/* store_uri.h - Nix's own store URIs, for caches: s3:// and file:// */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

#define STORE_URI_MAX      2048
#define STORE_URI_HOST_MAX 255
#define STORE_URI_PART_MAX 255

enum store_uri_kind {
	STORE_URI_S3,
	STORE_URI_FILE,
};

enum addressing_style {
	ADDRESSING_AUTO, /* virtual host for AWS, path for any endpoint= */
	ADDRESSING_PATH,
	ADDRESSING_VIRTUAL,
};

struct store_uri {
	enum store_uri_kind kind;
	bool is_plain_http;                    /* scheme=http */
	char bucket[STORE_URI_PART_MAX + 1];   /* s3 */
	char prefix[STORE_URI_PART_MAX + 1];   /* s3: "nix/cache", or empty */
	char endpoint[STORE_URI_HOST_MAX + 1]; /* s3: lower-case host[:port] */
	char region[STORE_URI_PART_MAX + 1];   /* s3: default us-east-1 */
	enum addressing_style addressing; /* s3: already resolved, not AUTO */
	char path[STORE_URI_MAX + 1];     /* file: absolute */
	char compression[STORE_URI_PART_MAX + 1]; /* or empty: not said */
	int priority;                             /* -1: not said */
	bool has_profile;                         /* given, and ignored */
};

/* Parses s3://BUCKET[/PREFIX]?endpoint=HOST[:PORT]|URL&region=&scheme=&
 * addressing-style=&compression=&priority=&profile= and file:///PATH with
 * compression and priority.  On -EINVAL, why (size why_size) says what is
 * wrong in a sentence that names the parameter, never its value. */
must_check int store_uri_parse(const char *text, struct store_uri *ret_uri,
                               char *why, size_t why_size);

/* True if both name the same place: kind, bucket, prefix, endpoint, path. */
bool store_uri_same_place(const struct store_uri *a, const struct store_uri *b);
