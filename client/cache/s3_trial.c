#include "client/cache/s3_trial.h"

#include "client/cache/s3_error.h"
#include "client/cache/s3_xml.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define RENEWALS_MAX 5U

static bool code_is(const struct s3_error *error, const char *const *codes,
                    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(error->code, codes[i]) == 0)
			return true;
	}
	return false;
}

/* The server answers 200 before it has put the parts together, and says in the
 * body how that ended (AWS, CompleteMultipartUpload). */
static void read_completion(struct transfer_result *result,
                            const struct s3_error *error)
{
	static const char *const busy[] = { "SlowDown", "ServiceUnavailable" };
	cleanup_xml struct s3_xml xml = { .count = 0 };

	if (result->outcome != TRANSFER_DONE || result->http_status != 200)
		return;
	if (strcmp(error->code, "NoSuchUpload") == 0) {
		result->http_status = 404;
	} else if (code_is(error, busy, 2)) {
		result->http_status = 503;
	} else if (strcmp(error->code, "InternalError") == 0) {
		result->http_status = 500;
	} else if (error->code[0]) {
		result->http_status = 400;
	} else if (s3_xml_parse(buffer_bytes(&result->response), &xml) < 0 ||
	           strcmp(s3_xml_name(&xml, 0),
	                  "CompleteMultipartUploadResult") != 0) {
		result->outcome = TRANSFER_BROKEN;
		(void)snprintf(result->detail, sizeof(result->detail),
		               "the answer is not what it should be");
	}
}

/* Refusals that are about this one try: said with 400 and 409. */
static bool is_passing(const struct transfer_result *result,
                       const struct s3_error *error)
{
	static const char *const codes[] = {
		"RequestTimeout",
		"IncompleteBody",
		"BadDigest",
		"OperationAborted",
		"ConcurrentModification",
		"ConditionalRequestConflict",
	};

	return result->outcome == TRANSFER_DONE && result->http_status >= 400 &&
	       result->http_status < 500 &&
	       code_is(error, codes, sizeof(codes) / sizeof(codes[0]));
}

/* HEAD has no body, and Ceph 16 no message: then only the clock can tell. */
static bool url_is_expired(const struct s3_trial *trial,
                           const struct transfer_result *result,
                           const struct s3_error *error)
{
	if (result->outcome != TRANSFER_DONE ||
	    (result->http_status != 403 && result->http_status != 400))
		return false;
	return strcmp(error->code, "ExpiredToken") == 0 ||
	       strcasestr(error->message, "request has expired") != NULL ||
	       (result->http_status == 403 &&
	        trial->expires_at <= (int64_t)time(NULL));
}

static uint64_t random_number(void)
{
	uint64_t number = 0;

	/* 0 is a number too: then there is no jitter. */
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return 0;
	return number;
}

static bool wants_retry(struct s3_trial *trial,
                        const struct transfer_result *result,
                        const struct s3_error *error,
                        const struct retry_times *times)
{
	const struct transfer_result seen = { .outcome = TRANSFER_BROKEN };

	return retry_next(&trial->retry,
	                  is_passing(result, error) ? &seen : result, times,
	                  random_number());
}

enum s3_verdict s3_trial_judge(struct s3_trial *trial,
                               struct transfer_result *result,
                               const struct retry_times *times)
{
	bool is_completion = trial->operation == S3_COMPLETE_MULTIPART_UPLOAD;
	struct s3_error error = { .code = "" };

	if (is_completion || result->http_status >= 300)
		s3_error_parse(buffer_bytes(&result->response), &error);
	if (is_completion)
		read_completion(result, &error);

	trial->is_expired = url_is_expired(trial, result, &error);
	if (trial->is_expired && trial->renewals < RENEWALS_MAX) {
		trial->renewals++;
		return S3_VERDICT_RENEW;
	}
	return wants_retry(trial, result, &error, times) ? S3_VERDICT_RETRY
	                                                 : S3_VERDICT_FINAL;
}
