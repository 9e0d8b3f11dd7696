/* canonical_request.h - a request in SigV4's one agreed form, private to sigv4
 *
 * Names and values stay where the caller has them; here are only arrays of
 * pairs, sorted, and the two values that are made of several texts.  Each text
 * is encoded as it is written.  Do not move or copy: it points into itself.
 */
#pragma once

#include "protocol/s3/sigv4.h"

/* Beside the caller's: Algorithm, Content-Sha256, Credential, Date, Expires,
 * Security-Token, SignedHeaders. */
#define CANONICAL_OWN_PAIRS 7

#define CANONICAL_CREDENTIAL_MAX 512
#define CANONICAL_NAMES_MAX      2048 /* of the list of signed headers */

struct canonical {
	char credential[CANONICAL_CREDENTIAL_MAX];
	char names[CANONICAL_NAMES_MAX];
	char expires[20];
	struct sigv4_pair query[SIGV4_PAIR_MAX + CANONICAL_OWN_PAIRS];
	size_t query_count;
	struct sigv4_pair headers[SIGV4_PAIR_MAX + 1];
	size_t header_count;
};

/* 0; -EINVAL, -EMSGSIZE as sigv4_presign(). */
must_check int canonical_init(struct canonical *canonical,
                              const struct sigv4_request *request,
                              const struct sigv4_scope *scope);

/* Where in a buffer the path stands, then after one byte the query (everything
 * but X-Amz-Signature), and its end. */
struct canonical_parts {
	size_t path;
	size_t query;
	size_t end;
};

/* The whole canonical request. */
struct canonical_parts canonical_append(struct buffer *out,
                                        const struct canonical *canonical,
                                        const struct sigv4_request *request);

/* yyyymmdd/region/service/aws4_request */
void canonical_append_scope(struct buffer *out,
                            const struct sigv4_scope *scope);
