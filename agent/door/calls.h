/* calls.h - the same thing done to every call in one state */
#pragma once

#include "agent/door/state.h"
#include "protocol/varlink/error_reply.h"

/* Sends what there is to send; closes the connection if rc or that failed. */
void calls_end_if_failed(struct door *door, struct connection *c, int rc);

/* Every call in that state ends with the error. */
void calls_fail_all(struct door *door, enum work_state state,
                    const struct error_reply *error);

/* Every call in that state is tried again. */
void calls_continue_all(struct door *door, enum work_state state);
