/* call.h - the envelopes of varlink: a call, a reply */
#pragma once

#include "protocol/varlink/frame.h"

#define VARLINK_NAME_MAX 255 /* of a method or an error, with its interface */

struct json_tree;
struct json_value;

struct varlink_call {
	char method[VARLINK_NAME_MAX + 1];
	bool is_oneway; /* answer nothing, no error either */
	bool wants_more;
	bool wants_upgrade;
	struct json_tree *tree;              /* owned */
	const struct json_value *parameters; /* in it; NULL: none, as {} */
};

/* 0, or -ENOMEM, or -EBADMSG: the frame is no call (not strict JSON, an unknown
 * or missing member, a wrong type, oneway together with more), and the
 * connection must be closed without a reply. */
must_check int call_decode(struct bytes frame, struct varlink_call *ret_call);
void call_clear(struct varlink_call *call);

/* What the decoders of parameters (agent_sign.h, ...) say of a call. */
enum call_outcome {
	CALL_OK = 0,
	CALL_E_REFUSED = 1, /* *ret_error is the reply: InvalidParameter */
};

struct varlink_reply {
	char error[VARLINK_NAME_MAX + 1]; /* empty: none */
	bool continues;
	struct json_tree *tree;              /* owned */
	const struct json_value *parameters; /* in it; NULL: none, as {} */
};

/* 0, -ENOMEM, -EBADMSG.  Members that a later agent may add are ignored. */
must_check int reply_decode(struct bytes frame,
                            struct varlink_reply *ret_reply);
void reply_clear(struct varlink_reply *reply);

/* Appends the beginning of a message, up to the opening brace of its
 * parameters, whose members the caller appends (json_write.h).  Each returns
 * the mark for call_end(). */
size_t call_begin(struct buffer *out, const char *method, bool wants_more);
size_t call_begin_reply(struct buffer *out, bool continues);
size_t call_begin_error(struct buffer *out, const char *error);

/* Ends what one of them began.  As frame_end(). */
must_check int call_end(struct buffer *out, size_t mark);

/* For cleanup on a local struct. */
#define cleanup_call  __attribute__((__cleanup__(call_clear)))
#define cleanup_reply __attribute__((__cleanup__(reply_clear)))
