#include "agent/door/clients.h"

#include "agent/door/calls.h"
#include "agent/door/dispatch.h"
#include "agent/door/errands.h"
#include "agent/door/places.h"
#include "agent/door/share.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_MAX 16 /* in one turn */

static bool is_welcome(const struct door *door, size_t listener, int fd,
                       const struct peer *peer)
{
	return peer_may_connect(fd, peer, door->sections[listener]) &&
	       places_may_have(door, peer, listener);
}

static void let_in(struct door *door, struct connection *c, size_t listener,
                   int owned_fd, const struct peer *peer)
{
	connection_open(c, owned_fd, peer);
	c->id = ++door->last_connection;
	share_join(door, c);
	c->listener = listener;
	c->scope = (struct scope){
		.socket = door->grants[listener],
		.socket_use = &door->uses[listener],
		.name = door->start->listeners[listener].scope,
	};
	c->peer.is_known = !audit_is_kept(door->audit) &&
	                   !approvals_are_wanted(door->config);
	/* Without an answer the peer stays unknown, and its calls wait. */
	if (!c->peer.is_known && errands_ask_peer(door, c) < 0)
		clients_close(door, c);
}

void clients_close(struct door *door, struct connection *c)
{
	witness_memory_free(door->witness, c->attested);
	c->attested = NULL;
	approval_forget(door->approvals, c->work.id, clock_boot_ms());
	connection_close(c);
}

/* The place of who comes: a free one, or that of who must go. */
static struct connection *make_room(struct door *door, const struct peer *peer)
{
	struct connection *c = places_find_free(door);
	const long long now_ms = clock_boot_ms();

	if (c)
		return c;
	c = places_find_victim(door, now_ms);
	if (!c || !places_is_worth(door, c, peer, now_ms))
		return NULL;
	clients_close(door, c);
	return c;
}

void clients_accept(struct door *door, size_t listener)
{
	for (unsigned i = 0; i < ACCEPT_MAX; i++) {
		struct connection *c;
		struct peer peer;
		int fd;

		if (!places_find_free(door) &&
		    !places_find_victim(door, clock_boot_ms()))
			return; /* the rest waits in the backlog */
		/* cppcheck-suppress nullPointer ; accept(2) allows it */
		fd = accept4(door->start->listeners[listener].fd, NULL, NULL,
		             SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		if (peer_read(fd, &peer) < 0) {
			(void)close(fd);
		} else if (is_welcome(door, listener, fd, &peer) &&
		           (c = make_room(door, &peer))) {
			let_in(door, c, listener, fd, &peer);
		} else {
			peer_clear(&peer);
			(void)close(fd);
		}
	}
}

/* Messages that have come whole, one after the other, until there is none or
 * it is somebody else's turn. */
static int take_messages(struct door *door, struct connection *c,
                         long long end_ns)
{
	struct bytes frame;
	int rc = 0;

	while (c->work.state == WORK_NONE && !c->is_ending) {
		rc = frame_next(&c->in, &frame);
		c->has_more = rc == 1;
		if (rc != 1)
			break;
		c->has_spoken = true;
		c->is_receiving = false;
		c->deadline_ms = 0;
		rc = dispatch_message(door, c, frame);
		c->has_more = frame_is_partial(&c->in);
		if (rc < 0 || !c->has_more || share_clock_ns() >= end_ns)
			break;
	}
	if (rc < 0 || c->has_more)
		return rc < 0 ? rc : 0;
	/* The first byte ends the longer time that a client has to come to it;
	 * the end of a reply may have ended this time too. */
	if (c->work.state == WORK_NONE && frame_is_partial(&c->in) &&
	    (!c->is_receiving || c->deadline_ms == 0)) {
		c->is_receiving = true;
		c->deadline_ms = clock_boot_ms() + CONNECTION_MESSAGE_MS;
	}
	return 0;
}

bool clients_is_waiting(const struct connection *c)
{
	return c->fd >= 0 && c->work.state == WORK_NONE && !c->is_ending &&
	       !connection_has_output(c) && frame_is_partial(&c->in) &&
	       (c->has_more || c->deadline_ms == 0);
}

void clients_step(struct door *door, struct connection *c, short events,
                  long long now_ms, long long now_ns)
{
	int rc = 0;

	if (connection_is_late(c, now_ms)) {
		rc = -ETIMEDOUT;
	} else if (events & POLLIN) {
		rc = connection_receive(c);
	} else if (events & (POLLHUP | POLLERR)) {
		rc = -ECONNRESET;
	}
	/* A client that has shut its writing side down still gets the answer. */
	if (rc == -ECONNRESET && c->work.state != WORK_NONE &&
	    !(events & (POLLHUP | POLLERR))) {
		c->is_ending = true;
		rc = 0;
	}
	if (rc == 0)
		rc = take_messages(door, c, now_ns + SHARE_TURN_NS / 2);
	calls_end_if_failed(door, c, rc);
}
