/* Theory of operation
 *
 * One poll loop over: the launcher's packets, the vault's frames, the
 * listeners, the clients.  Each client has at most one call under way; its
 * state says what it waits for:
 *
 *   NEEDS_UNLOCK  ends with the vault's LOADED, a failed fetch, a lock
 *   NEEDS_ROOM    ends when the vault's queue has been sent
 *   AT_VAULT      ends with the vault's answers, or its death
 *   NEEDS_LOCK    ends when the launcher hands over a fresh vault
 *
 * The first call that needs a secret asks the launcher to fetch; all others
 * wait for the same fetch.  What the pipe brought is taken by the vault on
 * COMMIT, which is sent when the launcher says that the sources ended well.
 */
#include "agent/door/door.h"

#include "agent/door/dispatch.h"
#include "agent/door/submit.h"
#include "agent/seal/seal.h"
#include "protocol/base/cursor.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENERS_MAX 8
#define IDLE_CHECK_MS 30000 /* suspended time counts, and poll does not see it */
#define COMMIT_TAG    UINT64_MAX

enum door_slot {
	SLOT_LAUNCHER,
	SLOT_VAULT,
	SLOT_LISTENERS,
	SLOT_CONNECTIONS = SLOT_LISTENERS + LISTENERS_MAX,
	SLOT_COUNT = SLOT_CONNECTIONS + CONNECTIONS_MAX,
};

static void close_if_failed(struct connection *c, int rc)
{
	if (rc == 0)
		rc = connection_flush(c);
	if (rc >= 0)
		return;
	if (rc != -ECONNRESET && rc != -EPIPE)
		log_debug("pid %d: connection ended: %s", (int)c->peer.pid,
		          strerror(-rc));
	connection_close(c);
}

/* Every call in that state ends with the error. */
static void fail_all(struct door *door, enum work_state state,
                     const struct error_reply *error)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->work.state == state)
			close_if_failed(c, dispatch_fail(c, error));
	}
}

static void continue_all(struct door *door, enum work_state state)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->work.state == state)
			close_if_failed(c, dispatch_continue(door, c));
	}
}

static void forget_vault(struct door *door, const char *reason)
{
	const struct error_reply gone =
		error_reply_make(ERROR_VAULT_FAILED, reason);

	vault_link_detach(&door->vault);
	custody_locked(&door->custody);
	fail_all(door, WORK_AT_VAULT, &gone);
	fail_all(door, WORK_NEEDS_ROOM, &gone);
}

static void take_vault(struct door *door, int fd)
{
	const struct error_reply locked = error_reply_make(
		ERROR_LOCKED, "the agent was locked meanwhile");

	forget_vault(door, "the agent was locked meanwhile");
	vault_link_attach(&door->vault, fd);
	fail_all(door, WORK_NEEDS_UNLOCK, &locked);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->work.state == WORK_NEEDS_LOCK)
			close_if_failed(c, dispatch_locked(c));
	}
}

static void note_fetched(struct door *door, const struct fetch_outcome *outcome)
{
	struct error_reply error;

	if (outcome->is_ok) {
		wire_put_commit(&door->vault.out, COMMIT_TAG);
		return;
	}
	error = error_reply_make(ERROR_SOURCE_FAILED, outcome->detail);
	error.failure = outcome->failure;
	error.retry_after = outcome->retry_after;
	custody_locked(&door->custody);
	fail_all(door, WORK_NEEDS_UNLOCK, &error);
}

static int take_packet(struct door *door)
{
	struct fetch_outcome outcome;
	enum launcher_type type;
	int fd = -1;
	int rc = wire_receive_launcher(door->start->launcher, &type, &fd,
	                               &outcome);

	if (rc <= 0)
		return rc < 0 ? rc : -ECONNRESET;
	switch (type) {
	case LAUNCHER_VAULT:
		take_vault(door, fd);
		return 0;
	case LAUNCHER_FETCHED:
		note_fetched(door, &outcome);
		return 0;
	case LAUNCHER_FETCH:
		return dispatch_begin_unlock(door);
	case LAUNCHER_RENEW:
	case LAUNCHER_REFUSED:
	case LAUNCHER_LOADED:
	case LAUNCHER_READY:
	case LAUNCHER_QUIT:
		break;
	}
	return -EBADMSG;
}

/* VAULT_LOADED: which public keys the fetched ones turned out to be. */
static int take_loaded(struct door *door, struct bytes body)
{
	struct cursor c;
	unsigned count;

	for (size_t i = 0; i < door->config->cache_count; i++)
		strings_clear(&door->loaded_keys[i]);
	cursor_init(&c, body);
	count = cursor_get_u16(&c);
	for (unsigned i = 0; i < count && !c.failed; i++) {
		uint16_t slot = cursor_get_u16(&c);
		struct bytes key = cursor_get_bytes(&c, KEY_PUBLIC_TEXT_SIZE);
		int rc;

		if (slot >= door->config->slot_count)
			return -EBADMSG;
		rc = strings_add(
			&door->loaded_keys[door->config->slots[slot].cache],
			(const char *)key.data, key.len);
		if (rc < 0)
			return rc;
	}
	if (cursor_end(&c) < 0)
		return -EBADMSG;

	custody_unlocked(&door->custody, door->config);
	continue_all(door, WORK_NEEDS_UNLOCK);
	return wire_send_launcher(door->start->launcher, LAUNCHER_LOADED, -1);
}

/* The fetched secrets are no good: everybody who waits hears why, and the
 * vault is replaced. */
static int take_load_refusal(struct door *door, struct bytes body)
{
	struct fetch_outcome outcome = { .failure = SOURCE_MALFORMED };
	struct vault_refused refused;
	char slot[160];
	int rc = wire_get_refused(body, &refused);

	if (rc < 0)
		return rc;
	config_describe_slot(door->config, refused.slot, slot, sizeof(slot));
	(void)snprintf(outcome.detail, sizeof(outcome.detail), "%s: %.300s",
	               slot, refused.detail);
	if (refused.refusal == VAULT_KEY_MISMATCH)
		outcome.failure = SOURCE_KEY_MISMATCH;
	note_fetched(door, &outcome);
	return wire_send_outcome(door->start->launcher, LAUNCHER_REFUSED,
	                         &outcome);
}

static int take_hello(struct door *door, struct bytes body)
{
	int rc = wire_get_hello(body, door->vault_measures, REPORT_MAX,
	                        &door->vault_measure_count);

	if (rc < 0 || door->has_greeted)
		return rc;
	door->has_greeted = true;
	return wire_send_launcher(door->start->launcher, LAUNCHER_READY, -1);
}

static struct connection *find_caller(struct door *door, uint64_t tag)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->work.state == WORK_AT_VAULT &&
		    c->work.id == submit_work_id(tag))
			return c;
	}
	return NULL; /* the client has gone meanwhile, or its call has failed */
}

static int take_frame(struct door *door, const struct wire_frame *frame)
{
	struct connection *c;

	if (frame->type == VAULT_HELLO)
		return take_hello(door, frame->body);
	if (frame->type == VAULT_LOADED)
		return take_loaded(door, frame->body);
	if (frame->tag == COMMIT_TAG)
		return frame->type == VAULT_REFUSED
		               ? take_load_refusal(door, frame->body)
		               : -EBADMSG;

	c = find_caller(door, frame->tag);
	if (c)
		close_if_failed(c, dispatch_answer(door, c, frame));
	return 0;
}

static int take_frames(struct door *door)
{
	struct wire_frame frame;
	int received = vault_link_receive(&door->vault);
	int rc;

	while ((rc = vault_link_next(&door->vault, &frame)) == 1) {
		rc = take_frame(door, &frame);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : received;
}

static unsigned count_of_peer(const struct door *door, pid_t pid)
{
	unsigned count = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (door->connections[i].fd >= 0 &&
		    door->connections[i].peer.pid == pid)
			count++;
	}
	return count;
}

static struct connection *free_connection(struct door *door)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (door->connections[i].fd < 0)
			return &door->connections[i];
	}
	return NULL;
}

static void accept_all(struct door *door, int listener)
{
	for (;;) {
		struct connection *c = free_connection(door);
		struct peer peer;
		int fd;

		if (!c) /* the rest waits in the backlog */
			return;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		if (peer_read(fd, &peer) < 0 || !peer_may_connect(&peer) ||
		    count_of_peer(door, peer.pid) >= CONNECTIONS_PER_PEER_MAX) {
			(void)close(fd);
			continue;
		}
		connection_open(c, fd, &peer);
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
		c->deadline_ms = 0;
		rc = dispatch_message(door, c, frame);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	if (c->work.state == WORK_NONE && c->deadline_ms == 0 &&
	    frame_is_partial(&c->in))
		c->deadline_ms = clock_boot_ms() + CONNECTION_MESSAGE_MS;
	return 0;
}

static void step_connection(struct door *door, struct connection *c,
                            short events, long long now_ms)
{
	int rc = 0;

	if (connection_is_late(c, now_ms))
		rc = -ETIMEDOUT;
	else if (events & POLLIN)
		rc = connection_receive(c);
	else if (events & (POLLHUP | POLLERR))
		rc = -ECONNRESET;
	/* A client that has shut its writing side down still gets the answer. */
	if (rc == -ECONNRESET && c->work.state != WORK_NONE &&
	    !(events & (POLLHUP | POLLERR))) {
		c->is_ending = true;
		rc = 0;
	}
	if (rc == 0)
		rc = take_messages(door, c);
	close_if_failed(c, rc);
}

static short wanted_events(const struct connection *c)
{
	short events = connection_has_output(c) ? POLLOUT : 0;

	/* While a call is under way nothing more is read: back-pressure. */
	if (c->work.state == WORK_NONE && !connection_has_output(c) &&
	    !c->is_ending)
		events |= POLLIN;
	return events;
}

static void fill_poll(const struct door *door, struct pollfd fds[SLOT_COUNT])
{
	short accepting = 0;

	for (size_t i = 0; i < SLOT_COUNT; i++)
		fds[i] = (struct pollfd){ .fd = -1 };
	fds[SLOT_LAUNCHER] = (struct pollfd){ .fd = door->start->launcher,
		                              .events = POLLIN };
	fds[SLOT_VAULT] = (struct pollfd){
		.fd = door->vault.fd,
		.events = (short)(POLLIN |
		                  (door->vault.out.len > 0 ? POLLOUT : 0)),
	};
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = &door->connections[i];

		if (c->fd < 0)
			accepting = POLLIN;
		else
			fds[SLOT_CONNECTIONS + i] = (struct pollfd){
				.fd = c->fd, .events = wanted_events(c)
			};
	}
	for (size_t i = 0; i < door->start->listener_count; i++)
		fds[SLOT_LISTENERS + i] = (struct pollfd){
			.fd = door->start->listeners[i], .events = accepting
		};
}

/* Until the next deadline of a client or of the secrets. */
static int next_timeout(const struct door *door, long long now_ms)
{
	long long next = door->custody.idle_end_ms > 0 ? now_ms + IDLE_CHECK_MS
	                                               : 0;

	if (next > door->custody.idle_end_ms)
		next = door->custody.idle_end_ms;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->deadline_ms > 0 &&
		    (next == 0 || c->deadline_ms < next))
			next = c->deadline_ms;
	}
	if (next == 0)
		return -1;
	return next > now_ms ? (int)(next - now_ms) : 0;
}

static void step_connections(struct door *door, const struct pollfd *fds)
{
	long long now_ms = clock_boot_ms();

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		/* A slot that was filled after the poll has no events yet. */
		if (c->fd < 0 || (fds[i].fd >= 0 && fds[i].fd != c->fd))
			continue;
		if (fds[i].revents != 0 || connection_is_late(c, now_ms))
			step_connection(door, c, fds[i].revents, now_ms);
	}
}

static void step_vault(struct door *door, short events)
{
	int rc = 0;

	if (door->vault.fd < 0)
		return;
	if (events & (POLLIN | POLLHUP | POLLERR))
		rc = take_frames(door);
	if (rc == 0 && door->vault.fd >= 0 && door->vault.out.len > 0)
		rc = vault_link_flush(&door->vault);
	if (rc == 0 && vault_link_has_room(&door->vault))
		continue_all(door, WORK_NEEDS_ROOM);
	if (rc < 0)
		forget_vault(door, "the vault has died; try again");
}

static int turn(struct door *door)
{
	struct pollfd fds[SLOT_COUNT];
	long long now_ms = clock_boot_ms();

	fill_poll(door, fds);
	if (poll(fds, SLOT_COUNT, next_timeout(door, now_ms)) < 0)
		return errno == EINTR ? 0 : -errno;

	if (fds[SLOT_LAUNCHER].revents) {
		int rc = take_packet(door);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < door->start->listener_count; i++) {
		if (fds[SLOT_LISTENERS + i].revents)
			accept_all(door, door->start->listeners[i]);
	}
	step_connections(door, fds + SLOT_CONNECTIONS);
	/* A packet may have brought another vault: its events are yet to come. */
	step_vault(door, fds[SLOT_VAULT].fd == door->vault.fd
	                         ? fds[SLOT_VAULT].revents
	                         : 0);
	if (custody_is_idle(&door->custody, clock_boot_ms())) {
		forget_vault(door, "the agent was locked meanwhile");
		return wire_send_launcher(door->start->launcher, LAUNCHER_RENEW,
		                          -1);
	}
	return 0;
}

static int prepare(struct door *door)
{
	const struct door_start *start = door->start;
	int keep[LISTENERS_MAX + 2];
	size_t count = 0;
	int rc;

	door->own.process = "door";
	rc = seal_start(&door->own);
	if (rc == 0)
		rc = seal_role(start->launcher_pid, &door->own);
	if (rc < 0)
		return rc;

	keep[count++] = start->launcher;
	for (size_t i = 0; i < start->listener_count; i++)
		keep[count++] = start->listeners[i];
	rc = fd_close_except(STDERR_FILENO + 1, keep, count);
	if (rc < 0)
		return rc;

	vault_link_init(&door->vault);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		door->connections[i].fd = -1;
	door->references = calloc(WIRE_REFERENCES_MAX, sizeof(*door->references));
	door->loaded_keys = calloc(door->config->cache_count + 1,
	                           sizeof(*door->loaded_keys));
	if (!door->references || !door->loaded_keys)
		return -ENOMEM;
	return seal_door(&door->own);
}

int door_run(const struct door_start *start)
{
	struct door *door = calloc(1, sizeof(*door));
	int rc;

	if (!door || start->listener_count > LISTENERS_MAX)
		return EXIT_FAILED;
	door->start = start;
	door->config = start->config;

	rc = prepare(door);
	if (rc < 0) {
		log_error("door: hardening: %s", strerror(-rc));
		return EXIT_UNSAFE;
	}
	while (rc == 0 && !door->is_ending)
		rc = turn(door);

	if (door->is_ending)
		rc = wire_send_launcher(start->launcher, LAUNCHER_QUIT, -1);
	if (rc < 0 && rc != -ECONNRESET)
		log_error("door: %s", strerror(-rc));
	return EXIT_FAILED;
}
