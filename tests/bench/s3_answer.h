/* s3_answer.h - what an S3 server says to each request about objects
 *
 * An answer is made whole before it is sent.  No signature is looked at.
 */
#pragma once

#include "tests/bench/http_head.h"
#include "tests/bench/object_table.h"
#include "tests/bench/upload_table.h"

struct store {
	struct object_table objects;
	struct upload_table uploads;
	uint64_t keep_max; /* bodies up to this size are kept, others' sizes */
};

struct s3_answer {
	unsigned status;
	char etag[ETAG_LEN + 1];     /* or empty */
	uint8_t *own;                /* body, heap; or NULL */
	const struct object *object; /* its body is the answer; or NULL */
	uint64_t len;                /* of the body */
};

/* Whether the body of such a request is needed. */
bool s3_is_kept(const struct store *store, const struct http_head *head);

/* Takes the body over.  head's path is BUCKET/KEY, its query as it came. */
struct s3_answer s3_answer(struct store *store, const struct http_head *head,
                           struct body body);

void s3_answer_clear(struct s3_answer *answer);
