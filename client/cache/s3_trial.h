/* s3_trial.h - decides, after each try of an S3 request, what comes next
 *
 * Private to this folder.
 */
#pragma once

#include "client/transfer/retry.h"
#include "protocol/s3/operation.h"

enum s3_verdict {
	S3_VERDICT_FINAL, /* done, or no other try would change it */
	S3_VERDICT_RENEW, /* the URL is too old: at once with another */
	S3_VERDICT_RETRY, /* after retry.wait_ms */
};

struct s3_trial {
	enum s3_operation operation;
	int64_t expires_at; /* of the URL that was used */
	unsigned renewals;
	bool is_expired; /* also the last renewal was too old for the server */
	struct retry retry;
};

/* A CompleteMultipartUpload that failed in spite of its status 200 is given
 * the outcome and status that it should have had. */
enum s3_verdict s3_trial_judge(struct s3_trial *trial,
                               struct transfer_result *result,
                               const struct retry_times *times);
