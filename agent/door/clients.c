#include "agent/door/clients.h"

#include "agent/door/calls.h"
#include "agent/door/dispatch.h"
#include "agent/door/errands.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of those that are open: how many are like the one that would come in. */
struct company {
	unsigned process;   /* of the same process */
	unsigned user;      /* of the same user */
	unsigned strangers; /* of any user that is neither ours nor root */
	unsigned listener;  /* of the same socket */
};

static bool is_stranger(const struct peer *peer)
{
	return peer->uid != geteuid() && peer->uid != 0;
}

static struct company company_of(const struct door *door,
                                 const struct peer *peer, size_t listener)
{
	struct company company = { 0 };

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = &door->connections[i];

		if (c->fd < 0)
			continue;
		company.process += c->peer.pid == peer->pid ? 1 : 0;
		company.user += c->peer.uid == peer->uid ? 1 : 0;
		company.strangers += is_stranger(&c->peer) ? 1 : 0;
		company.listener += c->listener == listener ? 1 : 0;
	}
	return company;
}

/* What is kept back, so that nobody can take it all: for our own user from
 * strangers, for one stranger from another, and for each socket from the
 * others. */
static bool has_place(const struct door *door, const struct peer *peer,
                      size_t listener)
{
	struct company company = company_of(door, peer, listener);

	if (company.process >= CONNECTIONS_PER_PEER_MAX)
		return false;
	if (is_stranger(peer) &&
	    (company.user >= CONNECTIONS_PER_STRANGER_MAX ||
	     company.strangers >= CONNECTIONS_STRANGERS_MAX))
		return false;
	return door->start->listener_count == 1 ||
	       company.listener < CONNECTIONS_PER_LISTENER_MAX;
}

static struct connection *free_connection(struct door *door)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (door->connections[i].fd < 0)
			return &door->connections[i];
	}
	return NULL;
}

static bool is_welcome(const struct door *door, size_t listener, int fd,
                       const struct peer *peer)
{
	return peer_may_connect(fd, peer, door->sections[listener]) &&
	       has_place(door, peer, listener);
}

static void let_in(struct door *door, struct connection *c, size_t listener,
                   int owned_fd, const struct peer *peer)
{
	connection_open(c, owned_fd, peer);
	c->id = ++door->last_connection;
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

void clients_accept(struct door *door, size_t listener)
{
	for (;;) {
		struct connection *c = free_connection(door);
		struct peer peer;
		int fd;

		if (!c) /* the rest waits in the backlog */
			return;
		/* cppcheck-suppress nullPointer ; accept(2) allows it */
		fd = accept4(door->start->listeners[listener].fd, NULL, NULL,
		             SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		if (peer_read(fd, &peer) < 0) {
			(void)close(fd);
		} else if (is_welcome(door, listener, fd, &peer)) {
			let_in(door, c, listener, fd, &peer);
		} else {
			peer_clear(&peer);
			(void)close(fd);
		}
	}
}

/* Messages that have come whole, one after the other. */
static int take_messages(struct door *door, struct connection *c)
{
	struct bytes frame;
	int rc = 0;

	while (c->work.state == WORK_NONE && !c->is_ending &&
	       (rc = frame_next(&c->in, &frame)) == 1) {
		c->has_spoken = true;
		c->is_receiving = false;
		c->deadline_ms = 0;
		rc = dispatch_message(door, c, frame);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	/* The first byte ends the longer time that a client has to come to it;
	 * the end of a reply may have ended this time too. */
	if (c->work.state == WORK_NONE && frame_is_partial(&c->in) &&
	    (!c->is_receiving || c->deadline_ms == 0)) {
		c->is_receiving = true;
		c->deadline_ms = clock_boot_ms() + CONNECTION_MESSAGE_MS;
	}
	return 0;
}

void clients_take_waiting(struct door *door)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->work.state == WORK_NONE &&
		    frame_is_partial(&c->in) && !connection_has_output(c))
			calls_end_if_failed(door, c, take_messages(door, c));
	}
}

void clients_step(struct door *door, struct connection *c, short events,
                  long long now_ms)
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
		rc = take_messages(door, c);
	calls_end_if_failed(door, c, rc);
}
