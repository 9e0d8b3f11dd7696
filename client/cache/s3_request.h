/* s3_request.h - one S3 request on its way, and lists of them
 *
 * Private to this folder.
 */
#pragma once

#include "client/cache/s3_queue.h"
#include "client/cache/s3_trial.h"

struct s3_request {
	struct s3_request *next;
	struct s3_call call;
	struct agent_signed_request target;
	int64_t use_until; /* of the target, seconds since the epoch; 0: none */
	struct s3_trial trial;
	long long begun_ms; /* of the latest try, on clock_boot_ms() */
	unsigned under_way; /* then, with it; only what counted */
	long long due_ms;   /* while waiting */
	char etag[160];     /* of what the sink has so far; empty: not known */
	struct s3_reply reply;
};

/* NULL when out of memory. */
struct s3_request *s3_request_new(const struct s3_call *call);
void s3_request_free(struct s3_request *request);

/* Its URL; given is taken over. */
bool s3_request_has_url(const struct s3_request *request);
void s3_request_take_url(struct s3_request *request,
                         struct agent_signed_request *given);
void s3_request_drop_url(struct s3_request *request);

/* What is to be sent now: all of it, or what the sink does not have yet. */
struct transfer_request s3_request_next_try(const struct s3_request *request);

/* After a try: notes what it brought for the sink. */
void s3_request_note_progress(struct s3_request *request,
                              struct transfer_result *result);

/* Waiting is over, at that time or because nobody waits for it any more. */
bool s3_request_is_due(const struct s3_request *request, long long now_ms);

struct s3_requests {
	struct s3_request *head;
	struct s3_request *tail;
};

void s3_requests_push(struct s3_requests *list, struct s3_request *request);
void s3_requests_push_front(struct s3_requests *list,
                            struct s3_request *request);
/* NULL if there is none. */
struct s3_request *s3_requests_pop(struct s3_requests *list);
void s3_requests_remove(struct s3_requests *list,
                        const struct s3_request *unwanted);
void s3_requests_clear(struct s3_requests *list);
