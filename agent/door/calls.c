#include "agent/door/calls.h"

#include "agent/door/clients.h"
#include "agent/door/dispatch.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <string.h>

void calls_end_if_failed(struct door *door, struct connection *c, int rc)
{
	if (rc == 0)
		rc = connection_flush(c);
	if (rc >= 0)
		return;
	if (rc != -ECONNRESET && rc != -EPIPE) {
		log_debug("pid %d: connection ended: %s", (int)c->peer.pid,
		          strerror(-rc));
	}
	clients_close(door, c);
}

void calls_fail_all(struct door *door, enum work_state state,
                    const struct error_reply *error)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->work.state == state)
			calls_end_if_failed(door, c, dispatch_fail(c, error));
	}
}

void calls_continue_all(struct door *door, enum work_state state)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->work.state == state) {
			calls_end_if_failed(door, c,
			                    dispatch_continue(door, c));
		}
	}
}
