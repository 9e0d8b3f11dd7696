/* listener.h - the socket that the server accepts connections from */
#pragma once

#include "protocol/base/strings.h"

#define LISTENER_WHY_MAX  512
#define LISTENER_SHOW_MAX 80

struct listener {
	int fd; /* owned */
	bool is_loopback;
	char shown[LISTENER_SHOW_MAX]; /* "127.0.0.1:7757", the real port */
	struct strings own_hosts;      /* what Host may say; see access.h */
};

/* where: HOST:PORT, the host an address or "localhost"; port 0: any.  A socket
 * that the service manager has passed (sd_listen_fds(3)) comes before it.  0,
 * or -errno with a sentence; listener_clear() in both cases. */
must_check int listener_open(const char *where, struct listener *ret_listener,
                             char why[LISTENER_WHY_MAX]);
void listener_clear(struct listener *listener);
