#include "agent/door/peer.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Newer than Debian 12's headers: Linux 6.5, include/uapi/asm-generic/socket.h. */
#define PEER_PIDFD 77

int peer_read(int fd, struct peer *ret_peer)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	int pidfd = -1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	size = sizeof(pidfd);
	if (getsockopt(fd, SOL_SOCKET, PEER_PIDFD, &pidfd, &size) < 0)
		pidfd = -1;
	*ret_peer = (struct peer){
		.pid = credentials.pid,
		.uid = credentials.uid,
		.gid = credentials.gid,
		.pidfd = pidfd,
	};
	return 0;
}

void peer_report(struct report *report)
{
	struct peer peer = { .pidfd = -1 };
	int pair[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	rc = peer_read(pair[0], &peer);
	if (rc == 0 && peer.pidfd >= 0) {
		report_add(report, "peers", MEASURE_HELD,
		           "uid, pid, and a handle that stays theirs, from the "
		           "kernel");
	} else {
		report_add(report, "peers", MEASURE_WEAKER,
		           "uid and pid from the kernel, but no handle: the "
		           "pid may become another's (Linux 6.5)");
	}
	peer_clear(&peer);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

void peer_clear(struct peer *peer)
{
	if (peer->pidfd >= 0)
		(void)close(peer->pidfd);
	peer->pidfd = -1;
}

static bool is_listed(const struct config_socket *socket, int fd,
                      const struct peer *peer)
{
	gid_t groups[PEER_GROUPS_MAX];
	socklen_t size = sizeof(groups);
	size_t count = 0;

	for (size_t i = 0; i < socket->uid_count; i++) {
		if (socket->uids[i] == peer->uid)
			return true;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
		count = size / sizeof(groups[0]);
	for (size_t i = 0; i < socket->gid_count; i++) {
		if (socket->gids[i] == peer->gid)
			return true;
		for (size_t j = 0; j < count; j++) {
			if (socket->gids[i] == groups[j])
				return true;
		}
	}
	return false;
}

bool peer_may_connect(int fd, const struct peer *peer,
                      const struct config_socket *socket)
{
	if (socket && socket->uid_count + socket->gid_count > 0)
		return is_listed(socket, fd, peer);
	return peer->uid == geteuid() || peer->uid == 0;
}

bool peer_is_gone(const struct peer *peer)
{
	struct pollfd end = { .fd = peer->pidfd, .events = POLLIN };

	return peer->pidfd >= 0 && poll(&end, 1, 0) > 0;
}
