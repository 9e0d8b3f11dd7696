/* Theory of Operation
 *
 * A step becomes one S3 request, and the request's last answer the step's
 * result; retries are s3_queue's.  One step may take a second request: a
 * CompleteMultipartUpload whose answer was lost, and which is told on the next
 * try that there is no such upload, asks whether the object is there now.
 *
 * What "not there" looks like: 404, unless it is the bucket; and 403, which
 * servers say instead to a key that may not list.
 */
#include "client/cache/cache_s3.h"

#include "client/cache/names.h"
#include "client/cache/s3_error.h"
#include "client/cache/s3_queue.h"
#include "client/cache/s3_xml.h"
#include "client/cache/uploads.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/digest.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_BODY_MAX (256UL * 1024)
#define COMPLETION_MAX (4UL * 1024 * 1024)

static_assert(DIGEST_MD5_LEN == S3_MD5_LEN, "one MD5");
static_assert(sizeof(((struct cache_result *)NULL)->text) >=
                      sizeof(((struct transfer_result *)NULL)->etag),
              "an ETag fits");

struct s3_step {
	struct s3_step *next;
	struct s3_step *previous;
	struct cache_step step;
	struct buffer body; /* CACHE_COMPLETE */
	bool is_verifying;
};

struct cache_s3 {
	const struct agent_cache *cache;
	char prefix[STORE_URI_PART_MAX + 1];
	struct s3_queue *queue;
	struct s3_step *steps;
};

DEFINE_CLEANUP(struct cache_s3 *, cache_s3_close)
#define cleanup_bucket cleanup(cache_s3_close_at)

static void step_free(struct s3_step *s)
{
	buffer_clear(&s->body);
	free(s);
}

DEFINE_CLEANUP(struct s3_step *, step_free)
#define cleanup_step cleanup(step_free_at)

int cache_s3_open(const struct agent_cache *cache, struct agent *agent,
                  const struct store_uri *uri, unsigned connections,
                  struct cache_s3 **ret_s3)
{
	cleanup_bucket struct cache_s3 *s3 = calloc(1, sizeof(*s3));
	int rc;

	if (!s3)
		return -ENOMEM;
	s3->cache = cache;
	memcpy(s3->prefix, uri->prefix, sizeof(s3->prefix));
	rc = s3_queue_open(agent, cache->name, connections, &s3->queue);
	if (rc < 0)
		return rc;
	*ret_s3 = take_ptr(s3);
	return 0;
}

void cache_s3_close(struct cache_s3 *s3)
{
	struct s3_step *next;

	if (!s3)
		return;
	/* First: it reads the bodies. */
	s3_queue_close(s3->queue);
	for (struct s3_step *s = s3->steps; s; s = next) {
		next = s->next;
		step_free(s);
	}
	free(s3);
}

static void link_step(struct cache_s3 *s3, struct s3_step *s)
{
	s->next = s3->steps;
	if (s->next)
		s->next->previous = s;
	s3->steps = s;
}

static void unlink_step(struct cache_s3 *s3, struct s3_step *s)
{
	if (s->next)
		s->next->previous = s->previous;
	if (s->previous) {
		s->previous->next = s->next;
	} else {
		s3->steps = s->next;
	}
}

static void append_xml_text(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<') {
			buffer_append_text(out, "&lt;");
		} else if (*text == '>') {
			buffer_append_text(out, "&gt;");
		} else if (*text == '&') {
			buffer_append_text(out, "&amp;");
		} else {
			buffer_append_char(out, *text);
		}
	}
}

static int make_completion(const struct strings *etags, struct buffer *out)
{
	buffer_init(out, COMPLETION_MAX);
	buffer_append_text(out, "<CompleteMultipartUpload xmlns=\"http://s3."
	                        "amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < etags->count; i++) {
		buffer_append_text(out, "<Part><PartNumber>");
		buffer_append_u64(out, i + 1);
		buffer_append_text(out, "</PartNumber><ETag>");
		append_xml_text(out, etags->items[i]);
		buffer_append_text(out, "</ETag></Part>");
	}
	buffer_append_text(out, "</CompleteMultipartUpload>");
	return buffer_end(out);
}

static enum s3_operation operation_of(enum cache_step_type type)
{
	switch (type) {
	case CACHE_CHECK:
		return S3_HEAD_OBJECT;
	case CACHE_GET:
	case CACHE_FETCH:
		return S3_GET_OBJECT;
	case CACHE_LIST:
		return S3_LIST_OBJECTS_V2;
	case CACHE_DELETE:
		return S3_DELETE_OBJECT;
	case CACHE_PUT:
		return S3_PUT_OBJECT;
	case CACHE_BEGIN:
		return S3_CREATE_MULTIPART_UPLOAD;
	case CACHE_PART:
		return S3_UPLOAD_PART;
	case CACHE_COMPLETE:
		return S3_COMPLETE_MULTIPART_UPLOAD;
	case CACHE_ABORT:
		return S3_ABORT_MULTIPART_UPLOAD;
	}
	return S3_OPERATION_COUNT;
}

/* What binds the URL to these very bytes. */
static int bind_body(const struct cache_step *step, struct s3_call *call)
{
	struct bytes body = { step->body, step->body_len };

	call->body = step->body;
	call->body_len = step->body_len;
	call->request.has_content_length = true;
	call->request.content_length = step->body_len;
	call->request.has_content_md5 = true;
	if (!step->md5)
		return digest_md5(body, call->request.content_md5);
	memcpy(call->request.content_md5, step->md5, S3_MD5_LEN);
	return 0;
}

static int make_call(struct s3_step *s, struct s3_call *call)
{
	const struct cache_step *step = &s->step;
	int rc = 0;

	*call = (struct s3_call){
		.request = { .operation = operation_of(step->type),
		             .key = bytes_of_text(step->key) },
		.response_max = ERROR_BODY_MAX,
		.owner = s,
	};
	if (step->upload_id)
		call->request.upload_id = bytes_of_text(step->upload_id);
	switch (step->type) {
	case CACHE_CHECK:
	case CACHE_ABORT:
	case CACHE_FETCH:
	case CACHE_LIST:
	case CACHE_DELETE:
		break;
	case CACHE_GET:
		call->response_max = TRANSFER_RESPONSE_MAX;
		break;
	case CACHE_BEGIN:
		call->content_type = names_content_type(step->key);
		break;
	case CACHE_PUT:
		call->content_type = names_content_type(step->key);
		rc = bind_body(step, call);
		break;
	case CACHE_PART:
		call->request.part_number = step->part_number;
		rc = bind_body(step, call);
		break;
	case CACHE_COMPLETE:
		call->content_type = "application/xml";
		rc = make_completion(step->etags, &s->body);
		call->body = s->body.data;
		call->body_len = s->body.len;
		break;
	}
	return rc;
}

int cache_s3_submit(struct cache_s3 *s3, const struct cache_step *step)
{
	cleanup_step struct s3_step *s = calloc(1, sizeof(*s));
	struct s3_call call;
	int rc;

	if (!s)
		return -ENOMEM;
	s->step = *step;
	rc = make_call(s, &call);
	if (rc < 0)
		return rc;
	rc = s3_queue_submit(s3->queue, &call);
	if (rc < 0)
		return rc;
	link_step(s3, take_ptr(s));
	return 0;
}

size_t cache_s3_pending(const struct cache_s3 *s3)
{
	return s3_queue_pending(s3->queue);
}

int cache_s3_wait(struct cache_s3 *s3, struct pollfd *extra,
                  unsigned extra_count, int timeout_ms)
{
	return s3_queue_wait(s3->queue, extra, extra_count, timeout_ms);
}

uint64_t cache_s3_bytes_sent(const struct cache_s3 *s3)
{
	return s3_queue_bytes_sent(s3->queue);
}

/* AccessDenied is also how limits of the account are said. */
static bool is_hidden(const struct transfer_result *answer)
{
	struct s3_error error;

	s3_error_parse(buffer_bytes(&answer->response), &error);
	return strcmp(error.code, "AccessDenied") == 0 &&
	       !strcasestr(error.message, "exceeded") &&
	       !strcasestr(error.message, "not signed");
}

static bool is_missing(const struct s3_step *s,
                       const struct transfer_result *answer)
{
	bool is_refused = answer->outcome == TRANSFER_DONE &&
	                  answer->http_status == 403;

	if (s->is_verifying)
		return is_refused || s3_error_is_missing(answer);
	switch (s->step.type) {
	case CACHE_CHECK:
		return is_refused || s3_error_is_missing(answer);
	case CACHE_GET:
		return (is_refused && is_hidden(answer)) ||
		       s3_error_is_missing(answer);
	case CACHE_PART:
	case CACHE_COMPLETE:
	case CACHE_ABORT:
		return s3_error_is_missing(answer);
	case CACHE_PUT:
	case CACHE_BEGIN:
	case CACHE_FETCH:
	case CACHE_LIST:
	case CACHE_DELETE:
		return false;
	}
	return false;
}

static void fail(struct cache_result *result, const struct s3_step *s,
                 const char *reason)
{
	result->outcome = CACHE_FAILED;
	result->exit_status = 1;
	(void)snprintf(result->error, sizeof(result->error), "%s: %s",
	               s->step.key, reason);
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

static void take_success(struct cache_result *result, const struct s3_step *s,
                         struct transfer_result *answer)
{
	static_assert(sizeof(result->text) >= sizeof(answer->etag),
	              "an etag fits");

	switch (s->step.type) {
	case CACHE_CHECK:
		result->size = answer->content_length;
		break;
	case CACHE_GET:
		result->response = answer->response;
		buffer_init(&answer->response, 0);
		break;
	case CACHE_BEGIN:
		take_upload_id(result, s, answer);
		break;
	case CACHE_PART:
		memcpy(result->text, answer->etag, sizeof(answer->etag));
		if (!answer->etag[0]) {
			fail(result, s,
			     "the server took a part but gave no "
			     "ETag for it");
		}
		break;
	case CACHE_PUT:
	case CACHE_COMPLETE:
	case CACHE_ABORT:
	case CACHE_FETCH:
	case CACHE_LIST:
	case CACHE_DELETE:
		break;
	}
}

static void translate(const struct cache_s3 *s3, const struct s3_step *s,
                      struct s3_reply *reply, struct cache_result *result)
{
	struct transfer_result *answer = &reply->result;

	if (reply->is_refused) {
		result->outcome = CACHE_FAILED;
		result->exit_status = reply->refusal.exit_status;
		(void)snprintf(result->error, sizeof(result->error), "%s",
		               reply->refusal.text);
	} else if (answer->outcome == TRANSFER_DONE &&
	           answer->http_status >= 200 && answer->http_status < 300) {
		take_success(result, s, answer);
	} else if (!reply->is_expired && is_missing(s, answer)) {
		/* An upload that is gone is as good as aborted. */
		result->outcome = s->step.type == CACHE_ABORT ? CACHE_OK
		                                              : CACHE_MISSING;
	} else {
		result->outcome = CACHE_FAILED;
		result->exit_status = 1;
		s3_error_explain(answer, s3->cache, s->step.key, result->error,
		                 sizeof(result->error));
	}
}

/* The upload is gone and this is not the first try: an earlier one may have
 * completed it and its answer got lost. */
static bool needs_verifying(const struct s3_step *s,
                            const struct s3_reply *reply)
{
	return s->step.type == CACHE_COMPLETE && !s->is_verifying &&
	       !reply->is_refused && reply->tries > 1 &&
	       is_missing(s, &reply->result);
}

static int verify(struct cache_s3 *s3, struct s3_step *s)
{
	struct s3_call call = {
		.request = { .operation = S3_HEAD_OBJECT,
		             .key = bytes_of_text(s->step.key) },
		.response_max = ERROR_BODY_MAX,
		.owner = s,
	};

	s->is_verifying = true;
	return s3_queue_submit(s3->queue, &call);
}

int cache_s3_next(struct cache_s3 *s3, struct cache_result *ret_result)
{
	struct cache_result result = { .outcome = CACHE_OK };
	struct s3_reply reply;
	struct s3_step *s;
	int rc;

	while ((rc = s3_queue_next(s3->queue, &reply)) == 1) {
		s = reply.owner;
		if (!needs_verifying(s, &reply))
			break;
		buffer_clear(&reply.result.response);
		rc = verify(s3, s);
		if (rc < 0)
			return rc;
	}
	if (rc != 1)
		return rc;

	result.type = s->step.type;
	result.tag = s->step.tag;
	translate(s3, s, &reply, &result);
	buffer_clear(&reply.result.response);
	unlink_step(s3, s);
	step_free(s);
	*ret_result = result;
	return 1;
}

int cache_s3_end_stale_uploads(struct cache_s3 *s3,
                               const struct strings *sorted_keys,
                               size_t *ret_count, char *why, size_t why_size)
{
	struct uploads_search search = {
		.queue = s3->queue,
		.cache = s3->cache,
		.prefix = s3->prefix,
		.sorted_keys = sorted_keys,
	};

	return uploads_end_stale(&search, ret_count, why, why_size);
}
