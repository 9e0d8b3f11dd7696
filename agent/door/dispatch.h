/* dispatch.h - one call: decided, begun, and in the end answered */
#pragma once

#include "agent/door/state.h"

/* A whole message has come.  0, or -errno: close the connection. */
must_check int dispatch_message(struct door *door, struct connection *c,
                                struct bytes frame);

/* Goes on with a call whose time may have come: the secrets are there, or the
 * vault's queue has room.  As dispatch_message(). */
must_check int dispatch_continue(struct door *door, struct connection *c);

/* Ends the connection's call with an error reply. */
must_check int dispatch_fail(struct connection *c,
                             const struct error_reply *error);

/* Answers Unlock or Lock. */
must_check int dispatch_unlocked(struct connection *c);
must_check int dispatch_locked(struct connection *c);

/* A frame of the vault that answers c's call. */
must_check int dispatch_answer(struct door *door, struct connection *c,
                               const struct wire_frame *frame);

/* Begins a fetch unless one is under way.  0 or -errno. */
must_check int dispatch_begin_unlock(struct door *door);
