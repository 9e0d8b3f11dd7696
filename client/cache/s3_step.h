/* s3_step.h - a step of cache.h and the S3 requests that it takes
 *
 * Private to this folder.
 */
#pragma once

#include "client/cache/s3_queue.h"

#include "client/cache/cache.h"

struct s3_step {
	struct s3_step *next;
	struct s3_step *previous;
	struct cache_step step;  /* its sink is shared */
	struct buffer body;      /* CACHE_COMPLETE */
	uint8_t md5[S3_MD5_LEN]; /* CACHE_PUT, CACHE_PART */
	bool is_verifying; /* the second request, which looks what is there */
};

/* Makes the first request of a step.  0 or -errno. */
must_check int s3_step_new(const struct cache_step *step,
                           struct s3_step **ret_step, struct s3_call *ret_call);
/* Its sink must have been ended. */
void s3_step_free(struct s3_step *step);

/* True if the answer leaves open what an earlier try has done: then the call
 * to look is made. */
must_check bool s3_step_verify(struct s3_step *step,
                               const struct s3_reply *reply,
                               struct s3_call *ret_call);
