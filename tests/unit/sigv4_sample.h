/* sigv4_sample.h - one thing to sign, and what another implementation made */
#pragma once

#include "protocol/base/digest.h"
#include "protocol/s3/sigv4.h"

#define SAMPLE_TEXT_MAX (256UL * 1024)

/* What must come out is NULL where the vector does not say.  Texts are
 * borrowed from the vector or stand in memory. */
struct sample {
	const char *name;
	struct bytes secret;
	struct sigv4_scope scope;
	struct sigv4_request request;
	struct sigv4_pair query[SIGV4_PAIR_MAX];
	struct sigv4_pair headers[SIGV4_PAIR_MAX];
	const char *canonical_request;
	const char *string_to_sign;
	const char *signature;
	char payload_hash[2 * DIGEST_SHA256_LEN + 1];
	struct buffer text; /* over memory: what had to be made */
	char memory[SAMPLE_TEXT_MAX];
};

/* NULL when out of memory.  Freed by free(). */
struct sample *sample_new(const char *name);

/* False when there are too many. */
bool sample_add_query(struct sample *s, struct bytes name, struct bytes value);
bool sample_add_header(struct sample *s, struct bytes name, struct bytes value);

/* "a=1&b=%20": decoded. */
bool sample_add_raw_query(struct sample *s, struct bytes query);

/* "20130524T000000Z", or the same with dashes and colons. */
bool sample_set_date(struct sample *s, const char *date);

/* The payload hash is that of body. */
bool sample_set_body(struct sample *s, struct bytes body);

/* What was appended to s->text since it was mark long. */
struct bytes sample_since(const struct sample *s, size_t mark);

/* Decoded into s->text; no data if that fails.  In a path '+' is a plus. */
struct bytes sample_decode(struct sample *s, struct bytes part);
struct bytes sample_decode_path(struct sample *s, struct bytes path);

/* A copy with a NUL. */
const char *sample_text(struct sample *s, struct bytes bytes);

/* Cuts text at the first c: returns what is before it and leaves the rest;
 * without one, the whole text and an empty rest. */
struct bytes sample_cut(struct bytes *text, char c);

/* Says on standard output what differs. */
bool sample_passes(const struct sample *s);
