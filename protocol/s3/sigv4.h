/* sigv4.h - AWS Signature Version 4, query authentication, service s3 rules
 *
 * The key is URI-encoded once and never normalised.  Allocation-free and
 * branch-poor, for the vault: all of it in the caller's memory.
 */
#pragma once

#include "protocol/base/sha256.h"

#define SIGV4_PAIR_MAX      32
#define SIGV4_SIGNATURE_LEN 64 /* hex digits */
#define SIGV4_DATE_LEN      16 /* yyyymmddThhmmssZ */
#define SIGV4_DAY_LEN       8  /* yyyymmdd */
#define SIGV4_UNSIGNED      "UNSIGNED-PAYLOAD"
#define SIGV4_ALGORITHM     "AWS4-HMAC-SHA256"
#define SIGV4_TERMINAL      "aws4_request" /* ends every scope */

struct sigv4_pair {
	struct bytes name;
	struct bytes value;
};

/* All borrowed.  Names and values are raw, not encoded. */
struct sigv4_request {
	const char *method;
	const char *scheme; /* "https" or "http" */
	struct bytes host;  /* as on the wire: lower case, with any port */
	struct bytes path;  /* raw, begins with '/' */
	const struct sigv4_pair *query; /* any order, without the X-Amz-* six */
	size_t query_count;
	const struct sigv4_pair *headers; /* without host; names in any case */
	size_t header_count;
	const char *payload_hash; /* last line of the canonical request */
	bool has_payload_query;   /* add X-Amz-Content-Sha256=<payload_hash> */
};

struct sigv4_scope {
	struct bytes access_key_id;
	struct bytes session_token; /* empty: none */
	const char *region;
	const char *service;               /* "s3" */
	char amz_date[SIGV4_DATE_LEN + 1]; /* its first 8 are the scope's date */
	uint32_t expires;                  /* seconds */
};

/* One day's signing key with both HMAC pads computed: secret, lives where the
 * caller puts it. */
struct sigv4_key {
	struct hmac_key mac;
	char date[9]; /* yyyymmdd it is good for */
};

/* "20150830T123600Z" of seconds since the epoch (UTC), without libc's
 * time zones. */
void sigv4_format_date(int64_t epoch, char out[SIGV4_DATE_LEN + 1]);

void sigv4_key_derive(struct sigv4_key *key, struct bytes secret_access_key,
                      const char *date, const char *region,
                      const char *service);

/* The three texts, for tests and for sigv4_presign.  Appends to out. */
must_check int sigv4_canonical_request(const struct sigv4_request *request,
                                       const struct sigv4_scope *scope,
                                       struct buffer *out);
must_check int sigv4_string_to_sign(const struct sigv4_scope *scope,
                                    struct bytes canonical_request,
                                    struct buffer *out);
void sigv4_signature(const struct sigv4_key *key, struct bytes string_to_sign,
                     char out[SIGV4_SIGNATURE_LEN + 1]);

/* Appends the whole URL to out.  0; -EINVAL for more than SIGV4_PAIR_MAX query
 * or header pairs, a header name that is none, a header value with a control
 * character, or a key of another day; -EMSGSIZE.  The canonical request stands
 * in out for a moment and is longer than the URL by some SIGV4_SLACK bytes. */
#define SIGV4_SLACK 512
must_check int sigv4_presign(const struct sigv4_key *key,
                             const struct sigv4_request *request,
                             const struct sigv4_scope *scope,
                             struct buffer *out);
