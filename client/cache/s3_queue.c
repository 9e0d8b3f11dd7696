/* Theory of Operation
 *
 * A request is in one of four places, first come first served in each:
 *
 *   ready    until one of in_flight_max slots is free and it has a URL;
 *   slot     until the transfer room has its result;
 *   waiting  for its time, after a failure that another try may mend;
 *   done     until s3_queue_next() hands its reply out.
 *
 * URLs are asked for when a slot is free and the first ready request has none:
 * then for all that are ready, up to PRESIGN_MAX, in one call to the agent.
 * No more is given to libcurl than it has connections, so that a URL is used
 * at once; one that grew old all the same is asked for again.
 *
 * What ends a request: an answer that another try cannot change, the last of
 * RETRY_TRIES_MAX tries, or an agent that gives no URL.
 */
#include "client/cache/s3_queue.h"

#include "client/cache/s3_trial.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#define PRESIGN_MAX       64U
#define CONNECTIONS_USUAL 32U
#define URL_MARGIN_S      30 /* left of a URL's life when it is used */
#define WAIT_AGAIN_MS     1000

struct request {
	struct request *next;
	struct s3_call call;
	struct agent_signed_request target;
	int64_t use_until; /* of the target, seconds since the epoch; 0: none */
	struct s3_trial trial;
	long long due_ms; /* while waiting */
	struct s3_reply reply;
};

struct list {
	struct request *head;
	struct request *tail;
};

struct s3_queue {
	struct agent *agent;
	const char *cache;
	struct transfer *transfer;
	struct list ready;
	struct list waiting;
	struct list done;
	struct request *slots[S3_QUEUE_IN_FLIGHT_MAX];
	unsigned in_flight_max;
	unsigned in_flight;
	size_t pending;

	/* One call to the agent. */
	struct request *batch[PRESIGN_MAX];
	struct s3_object_request asked[PRESIGN_MAX];
	struct agent_signed_request given[PRESIGN_MAX];
};

DEFINE_CLEANUP(struct s3_queue *, s3_queue_close)
#define cleanup_queue cleanup(s3_queue_close_at)

static void list_push(struct list *list, struct request *r)
{
	r->next = NULL;
	if (list->tail) {
		list->tail->next = r;
	} else {
		list->head = r;
	}
	list->tail = r;
}

static void list_push_front(struct list *list, struct request *r)
{
	r->next = list->head;
	list->head = r;
	if (!list->tail)
		list->tail = r;
}

static struct request *list_pop(struct list *list)
{
	struct request *r = list->head;

	if (!r)
		return NULL;
	list->head = r->next;
	if (!list->head)
		list->tail = NULL;
	r->next = NULL;
	return r;
}

static void request_free(struct request *r)
{
	if (!r)
		return;
	agent_signed_request_clear(&r->target);
	buffer_clear(&r->reply.result.response);
	free(r);
}

static void list_clear(struct list *list)
{
	struct request *r;

	while ((r = list_pop(list)))
		request_free(r);
}

int s3_queue_open(struct agent *agent, const char *cache, unsigned connections,
                  struct s3_queue **ret_queue)
{
	cleanup_queue struct s3_queue *q = calloc(1, sizeof(*q));
	struct transfer_options options = { .user_agent = "nixcache" };
	int rc;

	if (!q)
		return -ENOMEM;
	q->agent = agent;
	q->cache = cache;
	q->in_flight_max = connections ? connections : CONNECTIONS_USUAL;
	if (q->in_flight_max > S3_QUEUE_IN_FLIGHT_MAX)
		q->in_flight_max = S3_QUEUE_IN_FLIGHT_MAX;

	options.connections = q->in_flight_max;
	rc = transfer_open(&options, &q->transfer);
	if (rc < 0)
		return rc;
	*ret_queue = take_ptr(q);
	return 0;
}

void s3_queue_close(struct s3_queue *queue)
{
	if (!queue)
		return;
	/* First, for libcurl still reads the bodies. */
	transfer_close(queue->transfer);
	for (unsigned i = 0; i < S3_QUEUE_IN_FLIGHT_MAX; i++)
		request_free(queue->slots[i]);
	list_clear(&queue->ready);
	list_clear(&queue->waiting);
	list_clear(&queue->done);
	free(queue);
}

int s3_queue_submit(struct s3_queue *queue, const struct s3_call *call)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->call = *call;
	r->trial.operation = call->request.operation;
	r->reply.owner = call->owner;
	list_push(&queue->ready, r);
	queue->pending++;
	return 0;
}

size_t s3_queue_pending(const struct s3_queue *queue)
{
	return queue->pending;
}

static void drop_url(struct request *r)
{
	agent_signed_request_clear(&r->target);
	r->use_until = 0;
}

static void finish(struct s3_queue *q, struct request *r)
{
	drop_url(r);
	list_push(&q->done, r);
}

static bool has_url(const struct request *r)
{
	return r->use_until > (int64_t)time(NULL);
}

static void refuse(struct s3_queue *q, struct request *r,
                   const struct agent_error *error)
{
	r->reply.is_refused = true;
	r->reply.refusal = *error;
	finish(q, r);
}

static void accept_url(struct request *r, struct agent_signed_request *given)
{
	int64_t now = (int64_t)time(NULL);

	drop_url(r);
	r->target = *given;
	*given = (struct agent_signed_request){ .url = NULL };
	r->trial.expires_at = r->target.expires_at;
	r->use_until = r->target.expires_at - URL_MARGIN_S;
	/* Whatever the agent's limits are: long enough to be used at once. */
	if (r->use_until < now + 2)
		r->use_until = now + 2;
}

/* Takes the ready requests without a URL out of their list. */
static size_t gather(struct s3_queue *q)
{
	struct list kept = { .head = NULL };
	struct request *r;
	size_t count = 0;

	while ((r = list_pop(&q->ready))) {
		if (count < PRESIGN_MAX && !has_url(r))
			q->batch[count++] = r;
		list_push(&kept, r);
	}
	q->ready = kept;
	return count;
}

static void remove_ready(struct s3_queue *q, const struct request *unwanted)
{
	struct list kept = { .head = NULL };
	struct request *r;

	while ((r = list_pop(&q->ready))) {
		if (r != unwanted)
			list_push(&kept, r);
	}
	q->ready = kept;
}

static int ask(struct s3_queue *q, size_t first, size_t count,
               struct agent_error *error)
{
	int rc;

	for (size_t i = 0; i < count; i++)
		q->asked[i] = q->batch[first + i]->call.request;
	rc = agent_presign(q->agent, q->cache, q->asked, count, q->given,
	                   error);
	if (rc != AGENT_OK)
		return rc;
	for (size_t i = 0; i < count; i++)
		accept_url(q->batch[first + i], &q->given[i]);
	return 0;
}

/* All are answered or none: one by one, to see which it is that the agent
 * does not like. */
static int ask_each(struct s3_queue *q, size_t count, struct agent_error *error)
{
	for (size_t i = 0; i < count; i++) {
		int rc = ask(q, i, 1, error);

		if (rc == AGENT_OK)
			continue;
		if (rc != AGENT_E_POLICY && rc != AGENT_E_REFUSED)
			return rc;
		remove_ready(q, q->batch[i]);
		refuse(q, q->batch[i], error);
	}
	return AGENT_OK;
}

/* No agent, no unlocking: asking again for the next sixty would only have a
 * person asked again. */
static void refuse_all(struct s3_queue *q, const struct agent_error *error)
{
	struct request *r;

	while ((r = list_pop(&q->ready)))
		refuse(q, r, error);
}

static int presign_ready(struct s3_queue *q)
{
	struct agent_error error = { .exit_status = 1 };
	size_t count = gather(q);
	int rc;

	rc = ask(q, 0, count, &error);
	if (rc == AGENT_E_POLICY || rc == AGENT_E_REFUSED)
		rc = ask_each(q, count, &error);
	if (rc == AGENT_OK)
		return 0;
	if (rc < 0)
		return rc;
	refuse_all(q, &error);
	return 0;
}

static unsigned free_slot(const struct s3_queue *q)
{
	unsigned i = 0;

	while (i < q->in_flight_max && q->slots[i])
		i++;
	assert(i < q->in_flight_max);
	return i;
}

static int send_first(struct s3_queue *q)
{
	struct request *r = q->ready.head;
	unsigned slot = free_slot(q);
	struct transfer_request request = {
		.target = &r->target,
		.body = r->call.body,
		.body_len = r->call.body_len,
		.content_type = r->call.content_type,
		.use_new_connection = r->trial.retry.use_new_connection,
		.response_max = r->call.response_max,
		.tag = slot,
	};
	int rc;

	rc = transfer_submit(q->transfer, &request);
	if (rc < 0)
		return rc;
	(void)list_pop(&q->ready);
	q->slots[slot] = r;
	q->in_flight++;
	return 0;
}

static void wake_waiting(struct s3_queue *q)
{
	struct list still = { .head = NULL };
	long long now = clock_boot_ms();
	struct request *r;

	while ((r = list_pop(&q->waiting)))
		list_push(r->due_ms <= now ? &q->ready : &still, r);
	q->waiting = still;
}

static int start_ready(struct s3_queue *q)
{
	wake_waiting(q);
	while (q->ready.head && q->in_flight < q->in_flight_max) {
		int rc = has_url(q->ready.head) ? send_first(q)
		                                : presign_ready(q);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Ends a try; the result's response is taken or cleared. */
static void judge(struct s3_queue *q, struct request *r,
                  struct transfer_result *result)
{
	switch (s3_trial_judge(&r->trial, result)) {
	case S3_VERDICT_FINAL:
		r->reply.tries = r->trial.retry.tries;
		r->reply.is_expired = r->trial.is_expired;
		r->reply.result = *result;
		finish(q, r);
		return;
	case S3_VERDICT_RENEW:
		drop_url(r);
		list_push_front(&q->ready, r);
		break;
	case S3_VERDICT_RETRY:
		r->due_ms = clock_boot_ms() + r->trial.retry.wait_ms;
		list_push(&q->waiting, r);
		break;
	}
	buffer_clear(&result->response);
}

static int collect(struct s3_queue *q)
{
	struct transfer_result result;
	int rc;

	while ((rc = transfer_next(q->transfer, &result)) == 1) {
		struct request *r = q->slots[result.tag];

		q->slots[result.tag] = NULL;
		q->in_flight--;
		judge(q, r, &result);
	}
	return rc;
}

/* The time until the first waiting request is due, if that is sooner. */
static int bounded_wait_ms(const struct s3_queue *q, int timeout_ms)
{
	long long now = clock_boot_ms();

	if (q->done.head)
		return 0;
	for (const struct request *r = q->waiting.head; r; r = r->next) {
		long long left = r->due_ms > now ? r->due_ms - now : 0;

		if (timeout_ms < 0 || left < timeout_ms)
			timeout_ms = left < INT_MAX ? (int)left : INT_MAX;
	}
	return timeout_ms;
}

int s3_queue_wait(struct s3_queue *queue, struct pollfd *extra,
                  unsigned extra_count, int timeout_ms)
{
	int rc;

	rc = start_ready(queue);
	if (rc < 0)
		return rc;
	rc = transfer_wait(queue->transfer, extra, extra_count,
	                   bounded_wait_ms(queue, timeout_ms));
	if (rc < 0)
		return rc;
	rc = collect(queue);
	if (rc < 0)
		return rc;
	return start_ready(queue);
}

int s3_queue_next(struct s3_queue *queue, struct s3_reply *ret_reply)
{
	struct request *r = list_pop(&queue->done);

	if (!r)
		return 0;
	*ret_reply = r->reply;
	buffer_init(&r->reply.result.response, 0);
	request_free(r);
	queue->pending--;
	return 1;
}

uint64_t s3_queue_bytes_sent(const struct s3_queue *queue)
{
	return transfer_bytes_sent(queue->transfer);
}

int s3_queue_run(struct s3_queue *queue, const struct s3_call *call,
                 struct s3_reply *ret_reply)
{
	int rc;

	assert(queue->pending == 0);
	rc = s3_queue_submit(queue, call);
	while (rc == 0) {
		rc = s3_queue_next(queue, ret_reply);
		if (rc == 1)
			return 0;
		if (rc == 0)
			rc = s3_queue_wait(queue, NULL, 0, WAIT_AGAIN_MS);
	}
	return rc;
}
