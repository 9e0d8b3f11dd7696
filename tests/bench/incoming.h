/* incoming.h - the body of a request, on its way from a client */
#pragma once

#include "tests/bench/object_table.h"

#include <stdatomic.h>

struct incoming {
	int socket;
	struct bytes early;     /* came with the head of the request */
	uint64_t len;           /* of what is still to come, early included */
	atomic_ullong *counter; /* of all bytes ever taken; borrowed */
};

/* Reads all of it: into memory, or, unless it is to be kept, to nowhere, which
 * costs not even a copy.  The caller owns ret_body->bytes (heap; NULL if not
 * kept).  0, -errno, -EPIPE if the client has gone. */
must_check int incoming_take(struct incoming *in, bool is_kept,
                             struct body *ret_body);
