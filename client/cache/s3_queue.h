/* s3_queue.h - S3 requests on their way: presigned, sent, tried again
 *
 * Private to this folder.  Knows S3's manner of failing, but neither steps nor
 * what an answer is for.
 */
#pragma once

#include "client/agent_call.h"
#include "client/transfer/transfer.h"

#define S3_QUEUE_IN_FLIGHT_MAX 64U

/* Whatever a call points to must live until its reply. */
struct s3_call {
	struct s3_object_request request;
	const uint8_t *body;
	size_t body_len;
	const char *content_type; /* NULL: none */
	size_t response_max;
	/* As in transfer.h; what broke in the middle is taken up there. */
	struct conduit *sink; /* not ended here */
	uint64_t range_from;
	uint64_t range_len;
	void *owner; /* the caller's, comes back */
};

struct s3_reply {
	void *owner;
	bool is_refused; /* by the agent: refusal says why, there is no result */
	struct agent_error refusal;
	unsigned tries;    /* since the last that brought bytes for the sink */
	bool is_expired;   /* the server finds every URL too old */
	uint64_t streamed; /* by all tries */
	struct transfer_result result; /* response is owned by the taker */
};

struct s3_queue;

/* agent and cache (its name) are borrowed; connections 0: 32. */
must_check int s3_queue_open(struct agent *agent, const char *cache,
                             unsigned connections, struct s3_queue **ret_queue);
void s3_queue_close(struct s3_queue *queue);

/* 0 or -ENOMEM. */
must_check int s3_queue_submit(struct s3_queue *queue,
                               const struct s3_call *call);
size_t s3_queue_pending(const struct s3_queue *queue);
must_check int s3_queue_wait(struct s3_queue *queue, struct pollfd *extra,
                             unsigned extra_count, int timeout_ms);

/* 1: *ret_reply is filled in; 0: none is ready. */
must_check int s3_queue_next(struct s3_queue *queue,
                             struct s3_reply *ret_reply);
uint64_t s3_queue_bytes_sent(const struct s3_queue *queue);

/* One call from start to end, nothing else going on. */
must_check int s3_queue_run(struct s3_queue *queue, const struct s3_call *call,
                            struct s3_reply *ret_reply);
