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

#include "agent/door/calls.h"
#include "agent/door/clients.h"
#include "agent/door/errands.h"
#include "agent/door/events.h"
#include "agent/door/places.h"
#include "agent/door/share.h"
#include "agent/seal/seal.h"
#include "agent/seal/surroundings.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENERS_MAX DOOR_LISTENERS_MAX
#define IDLE_CHECK_MS \
	30000 /* suspended time counts, and poll does not see it */

#define HEAP_KEPT (4 * 1024 * 1024)

#define CLOSING_MS 700 /* for the last seal; the launcher waits longer */

enum door_slot {
	SLOT_LAUNCHER,
	SLOT_VAULT,
	SLOT_WITNESS,
	SLOT_LISTENERS,
	SLOT_CONNECTIONS = SLOT_LISTENERS + LISTENERS_MAX,
	SLOT_COUNT = SLOT_CONNECTIONS + CONNECTIONS_MAX,
};

static short wanted_events(const struct connection *c, bool is_closing)
{
	short events = connection_has_output(c) ? POLLOUT : 0;

	/* While a call is under way nothing more is read: back-pressure. */
	if (!is_closing && c->work.state == WORK_NONE &&
	    !connection_has_output(c) && !c->is_ending &&
	    !clients_is_waiting(c))
		events |= POLLIN;
	return events;
}

/* Returns how many are worth a look: the lowest free connection is taken first,
 * so the last slots are nearly always empty, and the kernel reads all it is
 * given, twice a call. */
static nfds_t fill_poll(struct door *door, struct pollfd fds[SLOT_COUNT])
{
	nfds_t count = SLOT_CONNECTIONS;
	short accepting =
		!door->is_closing && (places_find_free(door) ||
	                              places_find_victim(door, clock_boot_ms()))
			? POLLIN
			: 0;

	for (size_t i = 0; i < SLOT_COUNT; i++)
		fds[i] = (struct pollfd){ .fd = -1 };
	fds[SLOT_LAUNCHER] = (struct pollfd){ .fd = door->start->launcher,
		                              .events = POLLIN };
	fds[SLOT_VAULT] = (struct pollfd){
		.fd = door->vault.fd,
		.events = (short)(POLLIN |
		                  (door->vault.out.len > 0 ? POLLOUT : 0)),
	};
	fds[SLOT_WITNESS] = (struct pollfd){
		.fd = witness_fd(door->witness),
		.events = witness_events(door->witness),
	};
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = &door->connections[i];

		if (c->fd < 0)
			continue;
		count = SLOT_CONNECTIONS + i + 1;
		fds[SLOT_CONNECTIONS + i] = (struct pollfd){
			.fd = c->fd,
			.events = wanted_events(c, door->is_closing),
		};
	}
	for (size_t i = 0; i < door->start->listener_count; i++) {
		fds[SLOT_LISTENERS + i] =
			(struct pollfd){ .fd = door->start->listeners[i].fd,
			                 .events = accepting };
	}
	return count;
}

/* The earlier of two deadlines, of which 0 is none. */
static long long earlier(long long a, long long b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Until the next deadline of a client, the secrets, the store or the log. */
static int next_timeout(const struct door *door, long long now_ms)
{
	long long next = door->custody.idle_end_ms > 0 ? now_ms + IDLE_CHECK_MS
	                                               : 0;
	bool has_room = false;

	if (next > door->custody.idle_end_ms)
		next = door->custody.idle_end_ms;
	next = earlier(next, witness_deadline_ms(door->witness));
	next = earlier(next, door->closing_end_ms);
	if (door->vault.fd >= 0)
		next = earlier(next, audit_seal_deadline_ms(door->audit));
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = &door->connections[i];

		if (clients_is_waiting(c) && !door->is_closing)
			return 0;
		if (c->fd >= 0) {
			next = earlier(next, c->deadline_ms);
		} else {
			has_room = true;
		}
	}
	if (!has_room)
		next = earlier(next, places_next_ms(door, now_ms));
	if (next == 0)
		return -1;
	return next > now_ms ? (int)(next - now_ms) : 0;
}

static void forget_if_dead(struct door *door, int rc)
{
	const struct error_reply died = error_reply_make(
		ERROR_VAULT_FAILED, "the vault has died; try again");

	if (rc < 0)
		events_forget_vault(door, &died);
}

static void step_vault(struct door *door, short events)
{
	int rc = 0;

	if (door->vault.fd < 0)
		return;
	if (events & (POLLIN | POLLHUP | POLLERR))
		rc = events_take_frames(door);
	if (rc == 0 && vault_link_has_room(&door->vault))
		calls_continue_all(door, WORK_NEEDS_ROOM);
	forget_if_dead(door, rc);
}

static void step_feed(struct door *door)
{
	int rc = share_feed_vault(door);

	if (rc == 0 && door->vault.fd >= 0 && door->vault.out.len > 0)
		rc = vault_link_flush(&door->vault);
	forget_if_dead(door, rc);
}

/* Those whose turn does not come now still have their events at the next. */
static void step_connections(struct door *door, const struct pollfd *fds)
{
	struct connection *ready[CONNECTIONS_MAX];
	const long long now_ms = clock_boot_ms();
	long long now_ns, end_ns;
	size_t count = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 &&
		    (fds[i].revents != 0 ||
		     (clients_is_waiting(c) && !door->is_closing) ||
		     connection_is_late(c, now_ms)))
			ready[count++] = c;
	}
	if (count == 0)
		return;
	share_order(door, ready, count);
	now_ns = share_clock_ns();
	end_ns = now_ns + SHARE_TURN_NS;
	for (size_t i = 0; i < count && (i == 0 || now_ns < end_ns); i++) {
		struct connection *c = ready[i];
		const long long start_ns = now_ns;

		if (c->fd < 0) /* another one's step has ended it */
			continue;
		clients_step(door, c, fds[c - door->connections].revents,
		             now_ms, now_ns);
		now_ns = share_clock_ns();
		c->spent_ns += now_ns - start_ns;
		/* The vault works meanwhile. */
		step_feed(door);
	}
}

static void step_witness(struct door *door, short events)
{
	if (witness_step(door->witness, events, clock_boot_ms()))
		calls_continue_all(door, WORK_NEEDS_WITNESS);
}

static void seal_if_due(struct door *door)
{
	long long due = audit_seal_deadline_ms(door->audit);

	if (door->vault.fd >= 0 && due > 0 && clock_boot_ms() >= due)
		audit_put_seal(door->audit, &door->vault.out);
}

/* The end is written down, and sealed if the vault is quick. */
static void step_closing(struct door *door)
{
	long long now_ms = clock_boot_ms();

	if (!door->is_closing)
		return;
	if (door->closing_end_ms == 0) {
		events_note_locked(door, "died");
		audit_note_end(door->audit);
		door->closing_end_ms = now_ms + CLOSING_MS;
	}
	door->is_ending = door->vault.fd < 0 ||
	                  now_ms >= door->closing_end_ms ||
	                  audit_is_settled(door->audit);
}

static int lock_if_idle(struct door *door)
{
	const struct error_reply idle = error_reply_make(
		ERROR_LOCKED, "the agent was locked meanwhile");

	if (!custody_is_idle(&door->custody, clock_boot_ms()))
		return 0;
	events_forget_vault(door, &idle);
	events_note_locked(door, "idle");
	return wire_send_launcher(door->start->launcher, LAUNCHER_RENEW, -1);
}

static int turn(struct door *door)
{
	struct pollfd fds[SLOT_COUNT];
	nfds_t count = fill_poll(door, fds);
	int rc = 0;

	if (poll(fds, count, next_timeout(door, clock_boot_ms())) < 0)
		return errno == EINTR ? 0 : -errno;

	if (fds[SLOT_LAUNCHER].revents)
		rc = events_take_packet(door);
	if (rc < 0)
		return rc;
	/* A packet may have brought another vault: its events are yet to come. */
	if (fds[SLOT_VAULT].fd != door->vault.fd)
		fds[SLOT_VAULT].revents = 0;
	step_vault(door, fds[SLOT_VAULT].revents);
	step_connections(door, fds + SLOT_CONNECTIONS);
	for (size_t i = 0; i < door->start->listener_count; i++) {
		if (fds[SLOT_LISTENERS + i].revents)
			clients_accept(door, i);
	}
	step_witness(door, fds[SLOT_WITNESS].revents);
	step_closing(door);
	seal_if_due(door);
	step_feed(door);
	rc = errands_send(door);
	return rc < 0 ? rc : lock_if_idle(door);
}

/* The grant of a listener's scope.  A section that a later configuration has no
 * more leaves its socket with nothing. */
static void find_grant(struct door *door, size_t i)
{
	const char *scope = door->start->listeners[i].scope;
	const struct config *config = door->config;
	enum scope_base base;

	if (scope_base_parse(scope, &base) == 0)
		door->grants[i] = &door->plain[base];
	for (size_t j = 0; j < config->socket_count; j++) {
		if (strcmp(config->sockets[j].name, scope) != 0)
			continue;
		door->sections[i] = &config->sockets[j];
		door->grants[i] = &config->sockets[j].grant;
	}
	if (!door->grants[i])
		door->grants[i] = &door->nothing;
}

static int prepare_rooms(struct door *door)
{
	const struct config *config = door->config;
	int rc;

	for (size_t i = 0; i < SCOPE_BASE_COUNT; i++)
		grant_init(&door->plain[i], (enum scope_base)i);
	grant_init(&door->nothing, SCOPE_PULL);
	door->nothing.allow = 0;
	door->nothing.caches = 0;
	for (size_t i = 0; i < door->start->listener_count; i++)
		find_grant(door, i);

	rc = rate_book_new(&door->rates);
	if (rc == 0)
		rc = pace_book_new(&door->paces);
	if (rc == 0) {
		rc = witness_new(config->nix_store ? config->nix_store : "auto",
		                 &door->witness);
	}
	if (rc == 0)
		rc = approvals_new(config, &door->approvals);
	return rc < 0 ? rc : audit_new(&door->start->audit, &door->audit);
}

/* Every call of a batch has some pieces of 100 KiB for a moment.  Given back to
 * the kernel each time, each of their pages would be cleared for the next. */
static void keep_memory(void)
{
	(void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	(void)mallopt(M_MMAP_THRESHOLD, HEAP_KEPT);
}

static int prepare(struct door *door)
{
	const struct door_start *start = door->start;
	int keep[LISTENERS_MAX + 3];
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
		keep[count++] = start->listeners[i].fd;
	keep[count++] = start->audit.fd;
	rc = fd_close_except(STDERR_FILENO + 1, keep, count);
	if (rc < 0)
		return rc;
	surroundings_report_descriptors(&door->own);
	peer_report(&door->own);

	keep_memory();
	vault_link_init(&door->vault);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		door->connections[i].fd = -1;
	door->references =
		calloc(WIRE_REFERENCES_MAX, sizeof(*door->references));
	door->loaded_keys = calloc(door->config->cache_count + 1,
	                           sizeof(*door->loaded_keys));
	if (!door->references || !door->loaded_keys)
		return -ENOMEM;
	rc = prepare_rooms(door);
	return rc < 0 ? rc : seal_door(&door->own);
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
