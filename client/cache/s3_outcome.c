#include "client/cache/s3_outcome.h"

#include "client/cache/s3_error.h"
#include "client/cache/s3_listing.h"
#include "client/cache/s3_xml.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SUBJECT_MAX 640

static_assert(sizeof(((struct cache_result *)NULL)->text) >=
                      sizeof(((struct transfer_result *)NULL)->etag),
              "an ETag fits");
static_assert(sizeof(((struct cache_result *)NULL)->encoding) ==
                      sizeof(((struct transfer_result *)NULL)->encoding),
              "one encoding");

/* AccessDenied is also how limits of the account are said. */
static bool is_hidden(const struct transfer_result *answer)
{
	struct s3_error error;

	s3_error_parse(buffer_bytes(&answer->response), &error);
	return strcmp(error.code, "AccessDenied") == 0 &&
	       !strcasestr(error.message, "exceeded") &&
	       !strcasestr(error.message, "not signed");
}

bool s3_outcome_is_missing(const struct s3_step *step,
                           const struct transfer_result *answer)
{
	bool is_refused = answer->outcome == TRANSFER_DONE &&
	                  answer->http_status == 403;

	if (step->is_verifying)
		return is_refused || s3_error_is_missing(answer);
	switch (step->step.type) {
	case CACHE_CHECK:
		return is_refused || s3_error_is_missing(answer);
	case CACHE_GET:
	case CACHE_FETCH:
		return (is_refused && is_hidden(answer)) ||
		       s3_error_is_missing(answer);
	case CACHE_FIND_UPLOAD:
	case CACHE_PART:
	case CACHE_COMPLETE:
	case CACHE_ABORT:
	case CACHE_DELETE:
		return s3_error_is_missing(answer);
	case CACHE_PUT:
	case CACHE_BEGIN:
	case CACHE_LIST:
		return false;
	}
	return false;
}

/* 409 is that of a server where another is just being written (AWS, Conditional
 * writes). */
bool s3_outcome_is_there_already(const struct s3_step *step,
                                 const struct transfer_result *answer)
{
	return step->step.type == CACHE_PUT && step->step.only_if_absent &&
	       answer->outcome == TRANSFER_DONE &&
	       (answer->http_status == 412 || answer->http_status == 409);
}

/* What a sentence is about. */
static const char *subject_of(const struct s3_step *s, char out[SUBJECT_MAX])
{
	if (s->step.type != CACHE_LIST)
		return s->step.key;
	(void)snprintf(out, SUBJECT_MAX, "list of objects%s%s",
	               s->step.key[0] ? " in " : "", s->step.key);
	return out;
}

static void fail(struct cache_result *result, const struct s3_step *s,
                 const char *reason)
{
	char subject[SUBJECT_MAX];

	result->outcome = CACHE_FAILED;
	result->exit_status = EXIT_FAILED;
	(void)snprintf(result->error, sizeof(result->error), "%s: %s",
	               subject_of(s, subject), reason);
}

static void take_upload_id(struct cache_result *result, const struct s3_step *s,
                           const struct transfer_result *answer)
{
	cleanup_xml struct s3_xml xml = { .count = 0 };
	const char *id = NULL;

	if (s3_xml_parse(buffer_bytes(&answer->response), &xml) == 0)
		id = s3_xml_find(&xml, 0, "UploadId");
	if (!id || !id[0] || strlen(id) > S3_UPLOAD_ID_MAX) {
		fail(result, s,
		     "the server began an upload but gave it no "
		     "usable name");
	} else {
		memcpy(result->text, id, strlen(id) + 1);
	}
}

static void take_listing(struct cache_result *result, const struct s3_step *s,
                         const char *prefix,
                         const struct transfer_result *answer)
{
	const struct s3_listing_request request = {
		.prefix = prefix,
		.key = s->step.key,
		.after = s->step.after,
		.token = s->step.token,
	};
	int rc = s3_listing_parse(buffer_bytes(&answer->response), &request,
	                          &result->listing);

	if (rc == -EBADMSG) {
		fail(result, s,
		     "the server's list makes no sense: check that endpoint= "
		     "is an S3 server");
	} else if (rc < 0) {
		fail(result, s, strerror(-rc));
	}
}

static void take_part(struct cache_result *result, const struct s3_step *s,
                      const struct transfer_result *answer)
{
	memcpy(result->text, answer->etag, sizeof(answer->etag));
	if (!answer->etag[0]) {
		fail(result, s,
		     "the server took a part but gave no ETag for it");
	}
}

static void take_success(struct cache_result *result, const struct s3_step *s,
                         const char *prefix, struct transfer_result *answer)
{
	switch (s->step.type) {
	case CACHE_CHECK:
		result->size = answer->content_length;
		break;
	case CACHE_GET:
		result->size = answer->response.len;
		result->response = answer->response;
		buffer_init(&answer->response, 0);
		break;
	case CACHE_FETCH:
		result->size = answer->object_size;
		break;
	case CACHE_LIST:
		take_listing(result, s, prefix, answer);
		break;
	case CACHE_BEGIN:
		take_upload_id(result, s, answer);
		break;
	case CACHE_PART:
		take_part(result, s, answer);
		break;
	case CACHE_PUT:
	case CACHE_FIND_UPLOAD:
	case CACHE_COMPLETE:
	case CACHE_ABORT:
	case CACHE_DELETE:
		break;
	}
}

static bool is_success(const struct s3_step *s,
                       const struct transfer_result *answer)
{
	if (answer->outcome != TRANSFER_DONE)
		return false;
	/* Only these have gone into the sink. */
	if (s->step.type == CACHE_FETCH)
		return answer->http_status == 200 || answer->http_status == 206;
	return answer->http_status >= 200 && answer->http_status < 300;
}

/* Whether what is there is what a CACHE_PUT has put. */
static bool is_ours(const struct s3_step *s,
                    const struct transfer_result *answer)
{
	char md5[2 * S3_MD5_LEN + 1], etag[sizeof(md5) + 2];

	text_hex(s->md5, S3_MD5_LEN, md5);
	(void)snprintf(etag, sizeof(etag), "\"%s\"", md5);
	return is_success(s, answer) && strcasecmp(answer->etag, etag) == 0;
}

static void read_answer(const struct s3_step *s,
                        const struct agent_cache *cache, const char *prefix,
                        struct s3_reply *reply, struct cache_result *result)
{
	struct transfer_result *answer = &reply->result;
	char subject[SUBJECT_MAX];

	if (s->is_verifying && s->step.type == CACHE_PUT) {
		result->outcome = is_ours(s, answer) ? CACHE_OK : CACHE_EXISTS;
	} else if (is_success(s, answer)) {
		take_success(result, s, prefix, answer);
	} else if (s3_outcome_is_there_already(s, answer)) {
		result->outcome = CACHE_EXISTS;
	} else if (!reply->is_expired && s3_outcome_is_missing(s, answer)) {
		/* An upload that is gone is as good as aborted. */
		result->outcome = s->step.type == CACHE_ABORT ||
		                                  s->step.type == CACHE_DELETE
		                          ? CACHE_OK
		                          : CACHE_MISSING;
	} else {
		result->outcome = CACHE_FAILED;
		result->exit_status = EXIT_FAILED;
		s3_error_explain(answer, cache, subject_of(s, subject),
		                 result->error, sizeof(result->error));
	}
}

void s3_outcome_read(const struct s3_step *step,
                     const struct agent_cache *cache, const char *prefix,
                     struct s3_reply *reply, struct cache_result *result)
{
	if (reply->is_refused) {
		result->outcome = CACHE_FAILED;
		result->exit_status = reply->refusal.exit_status;
		(void)snprintf(result->error, sizeof(result->error), "%s",
		               reply->refusal.text);
		return;
	}
	result->server_time = reply->result.server_time;
	memcpy(result->encoding, reply->result.encoding,
	       sizeof(result->encoding));
	read_answer(step, cache, prefix, reply, result);
}
