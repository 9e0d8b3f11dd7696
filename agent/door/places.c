#include "agent/door/places.h"

#include <unistd.h>

#define PLACES_GRACE_MS 1000

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
bool places_may_have(const struct door *door, const struct peer *peer,
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

unsigned places_count_of_peer(const struct door *door, pid_t pid)
{
	unsigned count = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (door->connections[i].fd >= 0 &&
		    door->connections[i].peer.pid == pid)
			count++;
	}
	return count;
}

struct connection *places_find_free(struct door *door)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (door->connections[i].fd < 0)
			return &door->connections[i];
	}
	return NULL;
}

/* When a connection that only holds its place will have done so for too long.
 * 0: it does not; it is idle between two calls, or one is under way.  Each of
 * its deadlines was set when the waiting began. */
static long long overstays_ms(const struct connection *c)
{
	const long long whole = c->has_spoken || c->is_receiving
	                                ? CONNECTION_MESSAGE_MS
	                                : CONNECTION_FIRST_MS;

	return c->deadline_ms > 0 ? c->deadline_ms - whole + PLACES_GRACE_MS
	                          : 0;
}

static bool overstays(const struct connection *c, long long now_ms)
{
	const long long end = overstays_ms(c);

	return end > 0 && now_ms >= end;
}

/* The longest of those that overstay. */
static struct connection *find_overstaying(struct door *door, long long now_ms)
{
	struct connection *found = NULL;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && overstays(c, now_ms) &&
		    (!found || overstays_ms(c) < overstays_ms(found)))
			found = c;
	}
	return found;
}

/* Of two connections of processes that have as many, the idle one goes, or the
 * older. */
static bool goes_before(const struct connection *a, const struct connection *b)
{
	const bool is_idle = a->work.state == WORK_NONE;

	if (is_idle != (b->work.state == WORK_NONE))
		return is_idle;
	return a->id < b->id;
}

static struct connection *find_of_largest(struct door *door)
{
	struct connection *found = NULL;
	unsigned most = 2;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];
		unsigned count;

		if (c->fd < 0)
			continue;
		count = places_count_of_peer(door, c->peer.pid);
		if (count > most ||
		    (count == most && (!found || goes_before(c, found)))) {
			found = c;
			most = count;
		}
	}
	return found;
}

struct connection *places_find_victim(struct door *door, long long now_ms)
{
	struct connection *c = find_overstaying(door, now_ms);

	return c ? c : find_of_largest(door);
}

bool places_is_worth(const struct door *door, const struct connection *victim,
                     const struct peer *comer, long long now_ms)
{
	return overstays(victim, now_ms) ||
	       places_count_of_peer(door, victim->peer.pid) >
	               places_count_of_peer(door, comer->pid) + 1;
}

long long places_next_ms(const struct door *door, long long now_ms)
{
	long long next = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = &door->connections[i];
		const long long end = c->fd >= 0 ? overstays_ms(c) : 0;

		if (end > now_ms && (next == 0 || end < next))
			next = end;
	}
	return next;
}
