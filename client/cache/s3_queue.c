/* Theory of Operation
 *
 * A request is in one of four places, first come first served in each:
 *
 *   ready    until one of in_flight_max slots is free, the pace (s3_pace.h)
 *            allows one more, and it has a URL;
 *   slot     until the transfer room has its result;
 *   waiting  for its time, after a failure that another try may mend;
 *   done     until s3_queue_next() hands its reply out.
 *
 * URLs are asked for when a slot is free and the first ready request has none:
 * then for all that are ready, up to PRESIGN_MAX, in one call to the agent.
 * No more is given to libcurl than it has connections, so that a URL is used
 * at once; one that grew old all the same is asked for again.  Downloads into a
 * sink may hold their slots for long: for those no URL is asked before there is
 * a slot.  With the same call the agent learns how the server does, and says what
 * it leaves to this client; see s3_pace.h.
 *
 * A download that broke in the middle goes on where it broke, and only tries
 * that brought nothing are counted.
 *
 * Against the pace count only requests that are young: a server that has too
 * much to do says so at once.  So neither a large part nor a download whose
 * reader has to wait for another one can hold the last place there is.
 *
 * What ends a request: an answer that another try cannot change, the last of
 * RETRY_FAILURES_MAX failures, a server that has been too busy for all for too
 * long (retry.h), an agent that gives no URL, or a sink that nobody reads any
 * more.
 */
#include "client/cache/s3_queue.h"

#include "client/cache/s3_pace.h"
#include "client/cache/s3_request.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define PRESIGN_MAX       64U
#define PRESIGN_PRESSED   8U /* at least, under pressure */
#define CONNECTIONS_USUAL 32U
#define WAIT_AGAIN_MS     1000
#define YOUNG_MS          2000

struct s3_queue {
	struct agent *agent;
	const char *cache;
	struct transfer *transfer;
	struct s3_requests ready;
	struct s3_requests waiting;
	struct s3_requests done;
	struct s3_request *slots[S3_QUEUE_IN_FLIGHT_MAX];
	unsigned in_flight_max;
	unsigned in_flight;
	struct s3_pace pace;
	size_t pending;

	/* One call to the agent. */
	struct s3_request *batch[PRESIGN_MAX];
	struct s3_object_request asked[PRESIGN_MAX];
	struct agent_signed_request given[PRESIGN_MAX];
};

DEFINE_CLEANUP(struct s3_queue *, s3_queue_close)
#define cleanup_queue cleanup(s3_queue_close_at)

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

	s3_pace_init(&q->pace, q->in_flight_max);

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
		s3_request_free(queue->slots[i]);
	s3_requests_clear(&queue->ready);
	s3_requests_clear(&queue->waiting);
	s3_requests_clear(&queue->done);
	free(queue);
}

int s3_queue_submit(struct s3_queue *queue, const struct s3_call *call)
{
	struct s3_request *r = s3_request_new(call);

	if (!r)
		return -ENOMEM;
	s3_requests_push(&queue->ready, r);
	queue->pending++;
	return 0;
}

size_t s3_queue_pending(const struct s3_queue *queue)
{
	return queue->pending;
}

static void finish(struct s3_queue *q, struct s3_request *r)
{
	s3_request_drop_url(r);
	s3_requests_push(&q->done, r);
}

static void refuse(struct s3_queue *q, struct s3_request *r,
                   const struct agent_error *error)
{
	r->reply.is_refused = true;
	r->reply.refusal = *error;
	finish(q, r);
}

/* What of the pace is taken, or about to be. */
struct taken {
	unsigned young;
	long long oldest_ms; /* the oldest of these began then */
};

static struct taken count_young(const struct s3_queue *q, long long now_ms)
{
	struct taken taken = { .oldest_ms = now_ms };

	for (unsigned i = 0; i < q->in_flight_max; i++) {
		const struct s3_request *r = q->slots[i];

		if (!r || r->begun_ms <= now_ms - YOUNG_MS)
			continue;
		taken.young++;
		if (r->begun_ms < taken.oldest_ms)
			taken.oldest_ms = r->begun_ms;
	}
	return taken;
}

/* How many may begin now; with none, *ret_when_ms is when one may, unless an
 * answer comes first. */
static unsigned count_room(const struct s3_queue *q, long long now_ms,
                           long long *ret_when_ms)
{
	const unsigned slots = q->in_flight_max - q->in_flight;
	const unsigned window = s3_pace_window(&q->pace, now_ms);
	const struct taken taken = count_young(q, now_ms);
	const long long resume_ms = s3_pace_resume_ms(&q->pace);
	unsigned room = window > taken.young ? window - taken.young : 0;

	*ret_when_ms = LLONG_MAX;
	if (slots == 0)
		return 0;
	*ret_when_ms = room > 0 ? now_ms : taken.oldest_ms + YOUNG_MS;
	if (resume_ms > *ret_when_ms)
		*ret_when_ms = resume_ms;
	if (*ret_when_ms > now_ms)
		return 0;
	return room < slots ? room : slots;
}

/* Under pressure as many as may be under way: with each call the agent learns
 * how the server does, and says what it has learnt of others. */
static size_t batch_max(const struct s3_queue *q)
{
	const long long now_ms = clock_boot_ms();
	unsigned window = s3_pace_window(&q->pace, now_ms);

	if (!s3_pace_is_pressed(&q->pace, now_ms) || window > PRESIGN_MAX)
		return PRESIGN_MAX;
	return window > PRESIGN_PRESSED ? window : PRESIGN_PRESSED;
}

/* Fills the batch with the ready requests that need a URL now. */
static size_t gather(struct s3_queue *q, unsigned room)
{
	struct s3_requests kept = { .head = NULL };
	const size_t max = batch_max(q);
	struct s3_request *r;
	size_t count = 0;

	for (unsigned i = 0; (r = s3_requests_pop(&q->ready)); i++) {
		if (count < max && !s3_request_has_url(r) &&
		    (!r->call.sink || i < room))
			q->batch[count++] = r;
		s3_requests_push(&kept, r);
	}
	q->ready = kept;
	return count;
}

static int ask(struct s3_queue *q, size_t first, size_t count,
               struct agent_error *error)
{
	const long long now_ms = clock_boot_ms();
	const struct presign_order order = {
		.cache = q->cache,
		.requests = q->asked,
		.count = count,
		.pressure = s3_pace_report(&q->pace, now_ms),
	};
	struct agent_pace pace;
	int rc;

	for (size_t i = 0; i < count; i++)
		q->asked[i] = q->batch[first + i]->call.request;
	rc = agent_presign(q->agent, &order, q->given, &pace, error);
	if (rc != AGENT_OK)
		return rc;
	s3_pace_take_share(&q->pace, &pace, now_ms);
	for (size_t i = 0; i < count; i++)
		s3_request_take_url(q->batch[first + i], &q->given[i]);
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
		s3_requests_remove(&q->ready, q->batch[i]);
		refuse(q, q->batch[i], error);
	}
	return AGENT_OK;
}

/* No agent, no unlocking: asking again for the next sixty would only have a
 * person asked again. */
static void refuse_all(struct s3_queue *q, const struct agent_error *error)
{
	struct s3_request *r;

	while ((r = s3_requests_pop(&q->ready)))
		refuse(q, r, error);
}

static int presign_ready(struct s3_queue *q, unsigned room)
{
	struct agent_error error = { .exit_status = 1 };
	size_t count = gather(q, room);
	int rc;

	if (count == 0)
		return 0;
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
	struct s3_request *r = q->ready.head;
	unsigned slot = free_slot(q);
	struct transfer_request request = s3_request_next_try(r);
	int rc;

	request.tag = slot;
	rc = transfer_submit(q->transfer, &request);
	if (rc < 0)
		return rc;
	(void)s3_requests_pop(&q->ready);
	r->begun_ms = clock_boot_ms();
	if (r->trial.retry.tries == 0)
		r->trial.retry.since_ms = r->begun_ms;
	q->slots[slot] = r;
	q->in_flight++;
	r->under_way = count_young(q, r->begun_ms).young;
	return 0;
}

static void wake_waiting(struct s3_queue *q)
{
	struct s3_requests still = { .head = NULL };
	long long now = clock_boot_ms();
	struct s3_request *r;

	while ((r = s3_requests_pop(&q->waiting))) {
		s3_requests_push(s3_request_is_due(r, now) ? &q->ready : &still,
		                 r);
	}
	q->waiting = still;
}

static int start_ready(struct s3_queue *q)
{
	long long when_ms;
	unsigned room;

	wake_waiting(q);
	/* Also in a pause: the others are to pause as well. */
	if (s3_pace_has_news(&q->pace)) {
		int rc = presign_ready(q, 0);

		if (rc < 0)
			return rc;
	}
	while (q->ready.head &&
	       (room = count_room(q, clock_boot_ms(), &when_ms)) > 0) {
		int rc = s3_request_has_url(q->ready.head)
		                 ? send_first(q)
		                 : presign_ready(q, room);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Judges a try, and what it says of all others. */
static enum s3_verdict weigh(struct s3_queue *q, struct s3_request *r,
                             struct transfer_result *result)
{
	const struct retry_times times = { .now_ms = clock_boot_ms(),
		                           .success_ms = q->pace.success_ms };
	const struct s3_answer answer = {
		.begun_ms = r->begun_ms,
		.now_ms = times.now_ms,
		.under_way = r->under_way,
		.result = result,
	};
	enum s3_verdict verdict = s3_trial_judge(&r->trial, result, &times);

	s3_pace_note(&q->pace, &answer);
	return verdict;
}

/* Ends a try; the result's response is taken or cleared. */
static void judge(struct s3_queue *q, struct s3_request *r,
                  struct transfer_result *result)
{
	if (r->call.sink)
		s3_request_note_progress(r, result);
	switch (weigh(q, r, result)) {
	case S3_VERDICT_FINAL:
		r->reply.tries = r->trial.retry.tries;
		r->reply.is_expired = r->trial.is_expired;
		r->reply.result = *result;
		finish(q, r);
		return;
	case S3_VERDICT_RENEW:
		s3_request_drop_url(r);
		s3_requests_push_front(&q->ready, r);
		break;
	case S3_VERDICT_RETRY:
		r->due_ms = clock_boot_ms() + r->trial.retry.wait_ms;
		s3_requests_push(&q->waiting, r);
		break;
	}
	buffer_clear(&result->response);
}

static int collect(struct s3_queue *q)
{
	struct transfer_result result;
	int rc;

	while ((rc = transfer_next(q->transfer, &result)) == 1) {
		struct s3_request *r = q->slots[result.tag];

		q->slots[result.tag] = NULL;
		q->in_flight--;
		judge(q, r, &result);
	}
	return rc;
}

static int bounded(int timeout_ms, long long now_ms, long long when_ms)
{
	long long left = when_ms > now_ms ? when_ms - now_ms : 0;

	if (timeout_ms >= 0 && left >= timeout_ms)
		return timeout_ms;
	return left < INT_MAX ? (int)left : INT_MAX;
}

/* The time until the first waiting request is due, or a ready one may begin, if
 * that is sooner. */
static int bounded_wait_ms(const struct s3_queue *q, int timeout_ms)
{
	long long now_ms = clock_boot_ms(), when_ms;

	if (q->done.head)
		return 0;
	for (const struct s3_request *r = q->waiting.head; r; r = r->next)
		timeout_ms = bounded(timeout_ms, now_ms, r->due_ms);
	if (q->ready.head) {
		(void)count_room(q, now_ms, &when_ms);
		timeout_ms = bounded(timeout_ms, now_ms, when_ms);
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
	struct s3_request *r = s3_requests_pop(&queue->done);

	if (!r)
		return 0;
	*ret_reply = r->reply;
	buffer_init(&r->reply.result.response, 0);
	s3_request_free(r);
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
