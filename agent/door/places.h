/* places.h - who goes when all places are taken and another client comes
 *
 * First, a connection that only holds its place: it has begun a message, or
 * not taken its answer, or said nothing, for a second.  Else one of the process
 * that has most, if that is more than one: a process with a single connection
 * keeps it as long as it uses it.
 */
#pragma once

#include "agent/door/state.h"

/* True if that peer may have one more of that socket at all: there are limits for
 * a process, for users that are neither ours nor root, and for each socket. */
bool places_may_have(const struct door *door, const struct peer *peer,
                     size_t listener);

unsigned places_count_of_peer(const struct door *door, pid_t pid);

/* A free place, or NULL. */
struct connection *places_find_free(struct door *door);

/* Who would go for one more; NULL: nobody, who comes must wait. */
struct connection *places_find_victim(struct door *door, long long now_ms);

/* True if the victim goes for that peer.  Who has as many connections as the
 * victim is the one too many. */
bool places_is_worth(const struct door *door, const struct connection *victim,
                     const struct peer *comer, long long now_ms);

/* When the next one will have held its place for too long; 0: never. */
long long places_next_ms(const struct door *door, long long now_ms);
