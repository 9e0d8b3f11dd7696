/* agent_presign.h - the Presign method: calls and replies as C values */
#pragma once

#include "protocol/varlink/agent_method.h"

struct presign_call {
	char cache[AGENT_CACHE_NAME_MAX + 1];
	struct s3_object_request *requests; /* owned; 1..AGENT_BATCH_MAX */
	size_t count;
	struct agent_pressure pressure;
	struct json_tree *texts; /* owned: what the requests borrow from */
};

/* CALL_OK, CALL_E_REFUSED, -ENOMEM.  Checks types and that numbers fit, not
 * which field goes with which operation: s3_object_request_check() does.
 * Borrows nothing from the call. */
must_check int presign_call_decode(const struct varlink_call *call,
                                   struct presign_call *ret_presign,
                                   struct error_reply *ret_error);
void presign_call_clear(struct presign_call *presign);

/* Appends a whole call; count is at most AGENT_BATCH_MAX.  Without pressure (all
 * 0) it is a call that every agent understands.  As frame_end(). */
must_check int presign_call_encode(const char *cache,
                                   const struct s3_object_request *requests,
                                   size_t count,
                                   const struct agent_pressure *pressure,
                                   struct buffer *out);

/* What one response says; all borrowed. */
struct presign_header {
	const char *name;
	struct bytes value;
};
struct presign_response {
	const char *method;
	struct bytes url;
	struct presign_header headers[AGENT_HEADERS_MAX];
	size_t header_count;
	int64_t expires_at;
};

/* A reply, response after response in the order of the call: begin returns the
 * mark for end, which is as frame_end(): -EMSGSIZE if the URLs of one call are
 * too long together; pace: in_flight 0 is none.  Bearer tokens, so the owner of out wipes it. */
size_t presign_reply_begin(struct buffer *out);
void presign_reply_add(struct buffer *out,
                       const struct presign_response *response);
must_check int presign_reply_end(struct buffer *out, size_t mark,
                                 const struct agent_pace *pace);

/* The whole, likewise. */
must_check int
presign_reply_encode(const struct agent_signed_request *responses, size_t count,
                     const struct agent_pace *pace, struct buffer *out);

/* 0, -ENOMEM, or -EBADMSG if there are not exactly count well-formed responses.
 * Fills ret_responses, and ret_pace, whose in_flight is 0 if there is none; on
 * failure none needs clearing. */
must_check int presign_reply_decode(const struct varlink_reply *reply,
                                    size_t count,
                                    struct agent_signed_request *ret_responses,
                                    struct agent_pace *ret_pace);

/* For cleanup(presign_call_clear) on a local struct presign_call. */
#define cleanup_presign_call __attribute__((__cleanup__(presign_call_clear)))
