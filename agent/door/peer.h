/* peer.h - who is at the other end of a connection */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <sys/types.h>

struct peer {
	pid_t pid; /* of the process that connected; not proof of who writes */
	uid_t uid;
};

/* 0 or -errno. */
must_check int peer_read(int fd, struct peer *ret_peer);

/* Our own user and root may ask; nobody else, whatever the socket's mode. */
bool peer_may_connect(const struct peer *peer);
