/* clients.h - lets clients in, and takes their messages */
#pragma once

#include "agent/door/state.h"

/* All that wait at the listener, up to the limits. */
void clients_accept(struct door *door, size_t listener);

/* With all that other rooms keep for it. */
void clients_close(struct door *door, struct connection *c);

/* Messages that came behind one whose answer has gone out since: no event tells
 * of them. */
void clients_take_waiting(struct door *door);

/* One client, after poll(2) said what there is; may close it. */
void clients_step(struct door *door, struct connection *c, short events,
                  long long now_ms);
