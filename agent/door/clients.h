/* clients.h - lets clients in, and takes their messages */
#pragma once

#include "agent/door/state.h"

/* Those that wait at the listener, up to the limits; who makes room for them is
 * in places.h. */
void clients_accept(struct door *door, size_t listener);

/* With all that other rooms keep for it. */
void clients_close(struct door *door, struct connection *c);

/* Messages came behind one whose answer has gone out since, or it was somebody
 * else's turn: no event tells of them. */
bool clients_is_waiting(const struct connection *c);

/* One client, after poll(2) said what there is, or when it is waiting; may
 * close it.  now_ns: of share_clock_ns(). */
void clients_step(struct door *door, struct connection *c, short events,
                  long long now_ms, long long now_ns);
