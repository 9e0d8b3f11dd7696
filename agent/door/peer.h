/* peer.h - who is at the other end of a connection */
#pragma once

#include "agent/config.h"
#include "agent/seal/report.h"
#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <sys/types.h>

#define PEER_EXE_SIZE   1024
#define PEER_GROUPS_MAX 64

struct peer {
	pid_t pid; /* of the process that connected; not proof of who writes */
	uid_t uid;
	gid_t gid;
	int pidfd;               /* owned; -1: Linux before 6.5 */
	bool is_known;           /* what follows has been found out */
	uint64_t start;          /* clock ticks after boot; 0: not known */
	char exe[PEER_EXE_SIZE]; /* its program; empty: not to be seen */
};

/* 0 or -errno. */
must_check int peer_read(int fd, struct peer *ret_peer);
void peer_clear(struct peer *peer);

/* Our own user and root may ask, unless the socket says who else may; then
 * they alone.  fd tells the groups of the peer. */
bool peer_may_connect(int fd, const struct peer *peer,
                      const struct config_socket *socket);

/* Adds the row "peers": what this kernel tells of them. */
void peer_report(struct report *report);

/* The process that connected is there no more: whoever writes is another. */
bool peer_is_gone(const struct peer *peer);
