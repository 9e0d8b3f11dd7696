#include "agent/door/peer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int peer_read(int fd, struct peer *ret_peer)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	*ret_peer = (struct peer){ credentials.pid, credentials.uid };
	return 0;
}

bool peer_may_connect(const struct peer *peer)
{
	return peer->uid == geteuid() || peer->uid == 0;
}
