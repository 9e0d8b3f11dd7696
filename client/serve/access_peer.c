/* Theory of Operation
 *
 * A kernel that is asked for a socket answers with more than was meant:
 *
 *  - with a listening socket on the same port, when there is no connection of
 *    that pair of addresses (net/ipv4/inet_hashtables.c, __inet_lookup);
 *  - with uid 0 for a socket that its owner has closed while bytes are still
 *    under way, or that is in TIME_WAIT (net/core/sock.c, sock_i_uid: no
 *    struct socket, no uid).  A stranger who sends a request and closes at
 *    once would pass for root.
 *
 * So the addresses in the answer are compared once more, and a socket without
 * an inode belongs to nobody.
 */
#include "client/serve/access_peer.h"

#include "client/serve/access.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define V4_LEN         4
#define V6_LEN         16
#define ANSWER_MAX     8192
#define ANSWER_WAIT_MS 1000 /* the kernel answers at once */
#define PROC_NAME_MAX  256
#define PROC_LINE_MAX  512

static void close_file(FILE *file)
{
	(void)fclose(file);
}
DEFINE_CLEANUP(FILE *, close_file)

static const uint8_t mapped_prefix[V6_LEN - V4_LEN] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
};

static void end_set_v6(struct access_end *end, const uint8_t address[V6_LEN])
{
	if (memcmp(address, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		end->family = AF_INET;
		memcpy(end->address, address + sizeof(mapped_prefix), V4_LEN);
	} else {
		end->family = AF_INET6;
		memcpy(end->address, address, V6_LEN);
	}
}

static void end_set(struct access_end *end, int family, const void *address)
{
	if (family == AF_INET) {
		end->family = AF_INET;
		memcpy(end->address, address, V4_LEN);
	} else {
		end_set_v6(end, address);
	}
}

static bool end_equal(const struct access_end *a, const struct access_end *b)
{
	return a->family == b->family && a->port == b->port &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

int access_end_of(const struct sockaddr *address, struct access_end *ret_end)
{
	struct access_end end = { .family = AF_UNSPEC };
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		end_set(&end, AF_INET, &v4.sin_addr);
		end.port = v4.sin_port;
	} else if (address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof(v6));
		end_set(&end, AF_INET6, &v6.sin6_addr);
		end.port = v6.sin6_port;
	} else {
		return -EAFNOSUPPORT;
	}
	*ret_end = end;
	return 0;
}

struct diag_question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 request;
};

static int diag_send(int fd, const struct access_end *peer,
                     const struct access_end *local)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct diag_question q = {
		.head = { .nlmsg_len = sizeof(q),
		          .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		          .nlmsg_flags = NLM_F_REQUEST },
		.request = { .sdiag_family = (uint8_t)peer->family,
		             .sdiag_protocol = IPPROTO_TCP,
		             .idiag_states = UINT32_MAX },
	};
	struct inet_diag_sockid *id = &q.request.id;

	id->idiag_sport = peer->port;
	id->idiag_dport = local->port;
	memcpy(id->idiag_src, peer->address, sizeof(peer->address));
	memcpy(id->idiag_dst, local->address, sizeof(local->address));
	id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (sendto(fd, &q, sizeof(q), 0, (const struct sockaddr *)&kernel,
	           sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

/* What the kernel said of one socket, against what was asked. */
static int diag_judge(const struct inet_diag_msg *m,
                      const struct access_end *peer,
                      const struct access_end *local, uid_t *ret_uid)
{
	struct access_end own = { .port = m->id.idiag_sport };
	struct access_end other = { .port = m->id.idiag_dport };

	if (m->idiag_family != AF_INET && m->idiag_family != AF_INET6)
		return -ENOENT;
	end_set(&own, m->idiag_family, m->id.idiag_src);
	end_set(&other, m->idiag_family, m->id.idiag_dst);
	if (!end_equal(&own, peer) || !end_equal(&other, local) ||
	    m->idiag_state == TCP_LISTEN || m->idiag_inode == 0)
		return -ENOENT;
	*ret_uid = m->idiag_uid;
	return 0;
}

static int diag_receive(int fd, const struct access_end *peer,
                        const struct access_end *local, uid_t *ret_uid)
{
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_MAX];
	ssize_t len = recv(fd, answer, sizeof(answer), 0);
	struct inet_diag_msg message;
	struct nlmsgerr error;
	struct nlmsghdr head;

	if (len < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if ((size_t)len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, answer, sizeof(head));
	if (head.nlmsg_type == NLMSG_ERROR &&
	    (size_t)len >= NLMSG_LENGTH(sizeof(error))) {
		memcpy(&error, answer + NLMSG_HDRLEN, sizeof(error));
		return error.error < 0 ? error.error : -EBADMSG;
	}
	if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    (size_t)len < NLMSG_LENGTH(sizeof(message)))
		return -EBADMSG;
	memcpy(&message, answer + NLMSG_HDRLEN, sizeof(message));
	return diag_judge(&message, peer, local, ret_uid);
}

int access_uid_by_diag(const struct access_end *peer,
                       const struct access_end *local, uid_t *ret_uid)
{
	const struct timeval wait = {
		.tv_sec = ANSWER_WAIT_MS / 1000,
		.tv_usec = (suseconds_t)(ANSWER_WAIT_MS % 1000) * 1000,
	};
	cleanup_close int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
	                              NETLINK_SOCK_DIAG);
	int rc;

	if (fd < 0)
		return -errno;
	if (peer->family != local->family)
		return -ENOENT;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return -errno;
	rc = diag_send(fd, peer, local);
	return rc < 0 ? rc : diag_receive(fd, peer, local, ret_uid);
}

/* "0100007F:1F90", or 32 digits before the colon: each group of eight is a
 * word of the address in the machine's byte order (net/ipv4/tcp_ipv4.c). */
static int proc_read_end(const char *text, int family,
                         struct access_end *ret_end)
{
	struct access_end end = { .family = family };
	uint32_t words[V6_LEN / sizeof(uint32_t)] = { 0 };
	size_t count = (family == AF_INET ? V4_LEN : V6_LEN) / sizeof(*words);
	unsigned port;
	int used;

	for (size_t i = 0; i < count; i++) {
		/* NOLINTNEXTLINE(cert-err34-c): eight hex digits fit */
		if (sscanf(text, "%8" SCNx32 "%n", &words[i], &used) != 1 ||
		    used != 8)
			return -EBADMSG;
		text += used;
	}
	/* NOLINTNEXTLINE(cert-err34-c): four hex digits fit */
	if (sscanf(text, ":%4x", &port) != 1)
		return -EBADMSG;
	end_set(&end, family, words);
	end.port = htons((in_port_t)port);
	*ret_end = end;
	return 0;
}

struct proc_line {
	char local[64];
	char remote[64];
	unsigned state;
	uid_t uid;
	unsigned long inode;
};

/* sl local remote st tx:rx tr:when retrnsmt uid timeout inode ... */
static int proc_read_line(const char *line, struct proc_line *ret_line)
{
	struct proc_line l = { .state = 0 };

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own, and in range */
	if (sscanf(line, " %*u: %63s %63s %2x %*s %*s %*s %u %*u %lu", l.local,
	           l.remote, &l.state, &l.uid, &l.inode) != 5)
		return -EBADMSG;
	*ret_line = l;
	return 0;
}

static bool proc_line_is(const struct proc_line *l, int family,
                         const struct access_end *peer,
                         const struct access_end *local)
{
	struct access_end own;
	struct access_end other;

	return l->state != TCP_LISTEN && l->inode != 0 &&
	       proc_read_end(l->local, family, &own) == 0 &&
	       proc_read_end(l->remote, family, &other) == 0 &&
	       end_equal(&own, peer) && end_equal(&other, local);
}

static int proc_search(const char *path, int family,
                       const struct access_end *peer,
                       const struct access_end *local, uid_t *ret_uid)
{
	cleanup(close_file_at) FILE *file = fopen(path, "re");
	char text[PROC_LINE_MAX];
	struct proc_line line;

	if (!file)
		return -errno;
	while (fgets(text, sizeof(text), file)) {
		if (proc_read_line(text, &line) == 0 &&
		    proc_line_is(&line, family, peer, local)) {
			*ret_uid = line.uid;
			return 0;
		}
	}
	return ferror(file) ? -EIO : -ENOENT;
}

int access_uid_by_proc(const char *directory, const struct access_end *peer,
                       const struct access_end *local, uid_t *ret_uid)
{
	char path[PROC_NAME_MAX];
	int rc = -ENOENT;

	if (peer->family == AF_INET) {
		(void)snprintf(path, sizeof(path), "%s/tcp", directory);
		rc = proc_search(path, AF_INET, peer, local, ret_uid);
	}
	if (rc != -ENOENT)
		return rc;
	(void)snprintf(path, sizeof(path), "%s/tcp6", directory);
	return proc_search(path, AF_INET6, peer, local, ret_uid);
}

int access_peer_uid(const struct sockaddr *peer, const struct sockaddr *local,
                    uid_t *ret_uid)
{
	struct access_end there;
	struct access_end here;
	int rc = access_end_of(peer, &there);

	if (rc == 0)
		rc = access_end_of(local, &here);
	if (rc < 0)
		return rc;

	rc = access_uid_by_diag(&there, &here, ret_uid);
	/* A kernel without inet_diag says -ENOENT like one without such a
	 * socket, and a sandbox may know no netlink at all. */
	return rc < 0 ? access_uid_by_proc("/proc/net", &there, &here, ret_uid)
	              : 0;
}
