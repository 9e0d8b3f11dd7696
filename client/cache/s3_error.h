/* s3_error.h - what an S3 server's refusal means, in words a person can act on */
#pragma once

#include "client/transfer/transfer.h"

struct s3_error {
	char code[64];     /* "NoSuchKey", or empty */
	char message[200]; /* the server's, printable */
	char region[64];   /* from <Region> or <Endpoint>, or empty */
};

/* Reads an <Error> document; also one inside a 200 (CompleteMultipartUpload).
 * Anything else gives empty fields. */
void s3_error_parse(struct bytes body, struct s3_error *ret_error);

/* True if it says that the object (not the bucket) is not there: 404 other
 * than NoSuchBucket. */
bool s3_error_is_missing(const struct transfer_result *result);

/* A sentence: what happened, to what (bucket, endpoint, key), what to do. */
void s3_error_explain(const struct transfer_result *result,
                      const struct agent_cache *cache, const char *object,
                      char *out, size_t size);
