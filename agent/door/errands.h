/* errands.h - what the door has the launcher do, and where the answers go */
#pragma once

#include "agent/door/state.h"

/* Asks who the peer is; the answer sets peer.is_known. */
must_check int errands_ask_peer(struct door *door, const struct connection *c);

/* Sends whatever the rooms want done.  0 or -errno. */
must_check int errands_send(struct door *door);

/* An answer has come; its descriptor is taken over. */
void errands_take(struct door *door, const struct errand *answer);
