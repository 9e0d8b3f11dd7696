/* status.h - the reply to Status, from what the door knows */
#pragma once

#include "agent/door/state.h"

/* Appends the reply.  0 or -errno. */
must_check int status_write(const struct door *door, const struct connection *c,
                            struct buffer *out);
