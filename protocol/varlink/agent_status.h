/* agent_status.h - the replies of the Status and Unlock methods
 *
 * Their calls have no parameters: agent_method_check_empty(),
 * agent_method_encode().
 */
#pragma once

#include "protocol/varlink/agent_method.h"

/* As frame_end(). */
must_check int status_reply_encode(const struct agent_status *status,
                                   struct buffer *out);

/* Appends the reply's parameters alone, as one JSON object. */
void status_put_object(const struct agent_status *status, struct buffer *out);

/* 0, -ENOMEM, -EBADMSG.  The caller does agent_status_clear(). */
must_check int status_reply_decode(const struct varlink_reply *reply,
                                   struct agent_status *ret_status);

/* continues: a notice, more replies follow (only if the call wants_more). */
must_check int unlock_reply_encode(enum agent_state state, bool continues,
                                   struct buffer *out);
must_check int unlock_reply_decode(const struct varlink_reply *reply,
                                   enum agent_state *ret_state);
