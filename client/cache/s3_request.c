#include "client/cache/s3_request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define URL_MARGIN_S      30 /* left of a URL's life when it is used */
#define URL_LIFE_LEAST_S  2  /* whatever the agent's limits: is used at once */
#define STATUS_PART       206
#define STATUS_NONE_THERE 416

static_assert(sizeof(((struct s3_request *)NULL)->etag) ==
                      sizeof(((struct transfer_result *)NULL)->etag),
              "one ETag");

struct s3_request *s3_request_new(const struct s3_call *call)
{
	struct s3_request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->call = *call;
	r->trial.operation = call->request.operation;
	r->reply.owner = call->owner;
	return r;
}

void s3_request_free(struct s3_request *request)
{
	if (!request)
		return;
	agent_signed_request_clear(&request->target);
	buffer_clear(&request->reply.result.response);
	free(request);
}

bool s3_request_has_url(const struct s3_request *request)
{
	return request->use_until > (int64_t)time(NULL);
}

void s3_request_take_url(struct s3_request *request,
                         struct agent_signed_request *given)
{
	int64_t now = (int64_t)time(NULL);

	s3_request_drop_url(request);
	request->target = *given;
	*given = (struct agent_signed_request){ .url = NULL };
	request->trial.expires_at = request->target.expires_at;
	request->use_until = request->target.expires_at - URL_MARGIN_S;
	if (request->use_until < now + URL_LIFE_LEAST_S)
		request->use_until = now + URL_LIFE_LEAST_S;
}

void s3_request_drop_url(struct s3_request *request)
{
	agent_signed_request_clear(&request->target);
	request->use_until = 0;
}

struct transfer_request s3_request_next_try(const struct s3_request *request)
{
	const struct s3_call *call = &request->call;
	struct transfer_request next = {
		.target = &request->target,
		.body = call->body,
		.body_len = call->body_len,
		.content_type = call->content_type,
		.use_new_connection = request->trial.retry.use_new_connection,
		.response_max = call->response_max,
		.sink = call->sink,
		.range_from = call->range_from + request->reply.streamed,
		.etag = request->etag[0] ? request->etag : NULL,
	};

	if (call->range_len > 0) {
		/* A try that brought the rest has succeeded. */
		assert(call->range_len > request->reply.streamed);
		next.range_len = call->range_len - request->reply.streamed;
	}
	return next;
}

/* A body of unknown length that broke when all of it was there: the server
 * finds nothing behind it. */
static bool had_all(const struct s3_request *r,
                    const struct transfer_result *result)
{
	return result->outcome == TRANSFER_DONE &&
	       result->http_status == STATUS_NONE_THERE &&
	       r->reply.streamed > 0 &&
	       result->object_size == r->call.range_from + r->reply.streamed;
}

void s3_request_note_progress(struct s3_request *request,
                              struct transfer_result *result)
{
	if (had_all(request, result))
		result->http_status = STATUS_PART;
	if (result->streamed == 0)
		return;
	if (request->reply.streamed == 0)
		memcpy(request->etag, result->etag, sizeof(request->etag));
	request->reply.streamed += result->streamed;
	request->trial.retry.tries = 0;
	request->trial.retry.failures = 0;
	request->trial.retry.since_ms = request->begun_ms;
}

bool s3_request_is_due(const struct s3_request *request, long long now_ms)
{
	return request->due_ms <= now_ms ||
	       (request->call.sink && conduit_is_abandoned(request->call.sink));
}

void s3_requests_push(struct s3_requests *list, struct s3_request *request)
{
	request->next = NULL;
	if (list->tail) {
		list->tail->next = request;
	} else {
		list->head = request;
	}
	list->tail = request;
}

void s3_requests_push_front(struct s3_requests *list,
                            struct s3_request *request)
{
	request->next = list->head;
	list->head = request;
	if (!list->tail)
		list->tail = request;
}

struct s3_request *s3_requests_pop(struct s3_requests *list)
{
	struct s3_request *r = list->head;

	if (!r)
		return NULL;
	list->head = r->next;
	if (!list->head)
		list->tail = NULL;
	r->next = NULL;
	return r;
}

void s3_requests_remove(struct s3_requests *list,
                        const struct s3_request *unwanted)
{
	struct s3_requests kept = { .head = NULL };
	struct s3_request *r;

	while ((r = s3_requests_pop(list))) {
		if (r != unwanted)
			s3_requests_push(&kept, r);
	}
	*list = kept;
}

void s3_requests_clear(struct s3_requests *list)
{
	struct s3_request *r;

	while ((r = s3_requests_pop(list)))
		s3_request_free(r);
}
