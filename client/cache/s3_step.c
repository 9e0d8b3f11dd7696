/* Theory of Operation
 *
 * A step is one request, and takes a second one, HEAD, where the answer to a
 * further try does not tell whether an earlier one, whose answer was lost, had
 * done the work:
 *
 *   CACHE_COMPLETE  there is no such upload: it may be complete already.  The
 *                   object is there: it was.
 *   CACHE_PUT       only_if_absent, and the object is there: it may be ours.
 *                   Its ETag is the MD5 of our bytes: then it is, or somebody
 *                   else's that is the same.  Otherwise, or if that cannot be
 *                   seen (encrypted objects have other ETags), CACHE_EXISTS:
 *                   never is another's object taken for ours.
 */
#include "client/cache/s3_step.h"

#include "client/cache/names.h"
#include "client/cache/s3_outcome.h"
#include "client/cache/s3_xml.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/digest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_BODY_MAX (256UL * 1024)
#define COMPLETION_MAX (4UL * 1024 * 1024)

static_assert(DIGEST_MD5_LEN == S3_MD5_LEN, "one MD5");

DEFINE_CLEANUP(struct s3_step *, s3_step_free)
#define cleanup_step cleanup(s3_step_free_at)

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
	case CACHE_FIND_UPLOAD:
		return S3_LIST_PARTS;
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
static int bind_body(struct s3_step *s, struct s3_call *call)
{
	struct bytes body = { s->step.body, s->step.body_len };
	int rc = 0;

	if (s->step.md5) {
		memcpy(s->md5, s->step.md5, S3_MD5_LEN);
	} else {
		rc = digest_md5(body, s->md5);
	}
	call->body = body.data;
	call->body_len = body.len;
	call->request.has_content_length = true;
	call->request.content_length = body.len;
	call->request.has_content_md5 = true;
	memcpy(call->request.content_md5, s->md5, S3_MD5_LEN);
	return rc;
}

static void make_list_call(const struct cache_step *step, struct s3_call *call)
{
	call->request.key = (struct bytes){ .data = NULL };
	call->request.prefix = bytes_of_text(step->key);
	call->request.max_keys = S3_MAX_KEYS_MAX;
	if (step->page_size > 0 && step->page_size < S3_MAX_KEYS_MAX)
		call->request.max_keys = step->page_size;
	if (step->token) {
		call->request.continuation_token = bytes_of_text(step->token);
	} else if (step->after) {
		call->request.start_after = bytes_of_text(step->after);
	}
	call->response_max = S3_XML_BODY_MAX;
}

static int make_call(struct s3_step *s, struct s3_call *call)
{
	const struct cache_step *step = &s->step;
	int rc = 0;

	switch (step->type) {
	case CACHE_CHECK:
	case CACHE_ABORT:
	case CACHE_DELETE:
		break;
	case CACHE_GET:
		call->response_max = TRANSFER_RESPONSE_MAX;
		break;
	case CACHE_FETCH:
		call->sink = step->sink;
		call->range_from = step->offset;
		call->range_len = step->length;
		break;
	case CACHE_LIST:
		make_list_call(step, call);
		break;
	case CACHE_FIND_UPLOAD:
		call->request.max_keys = 1;
		break;
	case CACHE_BEGIN:
		call->content_type = names_content_type(step->key);
		break;
	case CACHE_PUT:
		call->content_type = names_content_type(step->key);
		call->request.if_none_match = step->only_if_absent;
		rc = bind_body(s, call);
		break;
	case CACHE_PART:
		call->request.part_number = step->part_number;
		rc = bind_body(s, call);
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

int s3_step_new(const struct cache_step *step, struct s3_step **ret_step,
                struct s3_call *ret_call)
{
	cleanup_step struct s3_step *s = calloc(1, sizeof(*s));
	struct s3_call call = {
		.request = { .operation = operation_of(step->type),
		             .key = bytes_of_text(step->key) },
		.response_max = ERROR_BODY_MAX,
		.owner = s,
	};
	int rc;

	if (!s)
		return -ENOMEM;
	s->step = *step;
	if (step->upload_id)
		call.request.upload_id = bytes_of_text(step->upload_id);
	if (step->type == CACHE_FETCH)
		s->step.sink = conduit_share(step->sink);
	rc = make_call(s, &call);
	if (rc < 0)
		return rc;
	*ret_call = call;
	*ret_step = take_ptr(s);
	return 0;
}

void s3_step_free(struct s3_step *step)
{
	if (step->step.type == CACHE_FETCH && step->step.sink)
		conduit_release(step->step.sink);
	buffer_clear(&step->body);
	free(step);
}

static bool is_in_doubt(const struct s3_step *s, const struct s3_reply *reply)
{
	if (s->is_verifying || reply->is_refused || reply->tries < 2)
		return false;
	if (s->step.type == CACHE_COMPLETE)
		return s3_outcome_is_missing(s, &reply->result);
	return s3_outcome_is_there_already(s, &reply->result);
}

bool s3_step_verify(struct s3_step *step, const struct s3_reply *reply,
                    struct s3_call *ret_call)
{
	if (!is_in_doubt(step, reply))
		return false;
	step->is_verifying = true;
	*ret_call = (struct s3_call){
		.request = { .operation = S3_HEAD_OBJECT,
		             .key = bytes_of_text(step->step.key) },
		.response_max = ERROR_BODY_MAX,
		.owner = step,
	};
	return true;
}
