#include "client/serve/access.h"
#include "client/serve/access_peer.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRANGER 65534 /* nobody */

/* A listening socket, and a child that is connected to it. */
struct visit {
	int listener;
	int accepted;
	int pipe_fd; /* closed: the child goes */
	pid_t child;
	struct sockaddr_storage peer;
	struct sockaddr_storage local;
};

struct way {
	const char *what;
	int server_family;
	const char *server;
	int client_family;
	const char *client;
};

static const struct way ways[] = {
	{ "IPv4", AF_INET, "127.0.0.1", AF_INET, "127.0.0.1" },
	{ "IPv6", AF_INET6, "::1", AF_INET6, "::1" },
	{ "IPv4 to a server of both", AF_INET6, "::", AF_INET, "127.0.0.1" },
	{ "mapped, to a server of both", AF_INET6, "::", AF_INET6,
	  "::ffff:127.0.0.1" },
	{ "mapped, to IPv4", AF_INET, "127.0.0.1", AF_INET6,
	  "::ffff:127.0.0.1" },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void fail_hard(const char *what)
{
	perror(what);
	abort();
}

static socklen_t make_address(int family, const char *host, in_port_t port,
                              struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = port };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = port };

	memset(out, 0, sizeof(*out));
	if (family == AF_INET) {
		(void)inet_pton(AF_INET, host, &v4.sin_addr);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	(void)inet_pton(AF_INET6, host, &v6.sin6_addr);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

static int listen_on(int family, const char *host, in_port_t *ret_port)
{
	const int off = 0;
	struct sockaddr_storage a;
	socklen_t len = make_address(family, host, 0, &a);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail_hard("socket");
	if (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		fail_hard("IPV6_V6ONLY");
	if (bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, 4) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		fail_hard("listen");
	*ret_port = family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
	                              : ((struct sockaddr_in6 *)&a)->sin6_port;
	return fd;
}

static void be_child(const struct way *way, uid_t uid, in_port_t port,
                     int pipe_fd)
{
	struct sockaddr_storage a;
	socklen_t len = make_address(way->client_family, way->client, port, &a);
	char byte;
	int fd;

	if (uid != getuid() && setuid(uid) < 0)
		_exit(1);
	fd = socket(way->client_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, len) < 0)
		_exit(1);
	if (read(pipe_fd, &byte, 1) < 0)
		_exit(1);
	_exit(0);
}

static struct visit visit_begin(const struct way *way, uid_t uid)
{
	struct visit v;
	socklen_t len = sizeof(v.peer);
	in_port_t port;
	int fds[2];

	v.listener = listen_on(way->server_family, way->server, &port);
	if (pipe(fds) < 0)
		fail_hard("pipe");
	v.child = fork();
	if (v.child == 0) {
		(void)close(fds[1]);
		be_child(way, uid, port, fds[0]);
	}
	(void)close(fds[0]);
	v.pipe_fd = fds[1];
	v.accepted = accept(v.listener, (struct sockaddr *)&v.peer, &len);
	len = sizeof(v.local);
	if (v.accepted < 0 ||
	    getsockname(v.accepted, (struct sockaddr *)&v.local, &len) < 0)
		fail_hard("accept");
	return v;
}

/* The child closes its end, and is gone. */
static void visit_leave(struct visit *v)
{
	int status = 1;

	if (v->pipe_fd < 0)
		return;
	(void)close(v->pipe_fd);
	v->pipe_fd = -1;
	CHECK(waitpid(v->child, &status, 0) == v->child && status == 0);
}

static void visit_end(struct visit *v)
{
	visit_leave(v);
	(void)close(v->accepted);
	(void)close(v->listener);
}

/* Both ways of asking, each for itself, and what is made of them. */
static void check_uid(const struct visit *v, const char *what, int rc_wanted,
                      uid_t uid_wanted)
{
	const struct sockaddr *peer = (const struct sockaddr *)&v->peer;
	const struct sockaddr *local = (const struct sockaddr *)&v->local;
	struct access_end there, here;
	uid_t uid = 4242;

	CHECK(access_end_of(peer, &there) == 0);
	CHECK(access_end_of(local, &here) == 0);
	for (int i = 0; i < 3; i++) {
		int rc = i == 0   ? access_uid_by_diag(&there, &here, &uid)
		         : i == 1 ? access_uid_by_proc("/proc/net", &there,
		                                       &here, &uid)
		                  : access_peer_uid(peer, local, &uid);

		if (rc != rc_wanted || (rc == 0 && uid != uid_wanted)) {
			printf("# %s, way %d: %d, uid %u\n", what, i, rc, uid);
			FAIL("not the uid");
		}
		CHECK(rc == 0 || uid == 4242);
		uid = 4242;
	}
}

static void the_peer_is_known_in_every_family(void)
{
	for (size_t i = 0; i < WAYS; i++) {
		struct visit v = visit_begin(&ways[i], getuid());

		check_uid(&v, ways[i].what, 0, getuid());
		visit_end(&v);
	}
}

static void another_user_is_told_from_us(void)
{
	if (getuid() != 0) {
		printf("# skipped: only root can connect as somebody else\n");
		return;
	}
	for (size_t i = 0; i < WAYS; i++) {
		struct visit v = visit_begin(&ways[i], STRANGER);

		check_uid(&v, ways[i].what, 0, STRANGER);
		visit_end(&v);
	}
}

/* The kernel would say that root has it. */
static void a_peer_that_has_closed_is_nobody(void)
{
	for (size_t i = 0; i < WAYS; i++) {
		struct visit v = visit_begin(
			&ways[i], getuid() == 0 ? STRANGER : getuid());

		visit_leave(&v);
		check_uid(&v, ways[i].what, -ENOENT, 0);
		visit_end(&v);
	}
}

/* Both have closed: its socket is in TIME_WAIT. */
static void a_peer_in_time_wait_is_nobody(void)
{
	for (size_t i = 0; i < WAYS; i++) {
		struct visit v = visit_begin(&ways[i], getuid());
		int accepted = dup(v.listener);

		visit_leave(&v);
		(void)close(v.accepted);
		v.accepted = accepted;
		check_uid(&v, ways[i].what, -ENOENT, 0);
		visit_end(&v);
	}
}

static void somebody_who_listens_is_not_a_peer(void)
{
	struct visit v;
	in_port_t port;
	int fd = listen_on(AF_INET, "0.0.0.0", &port);
	int fd6 = listen_on(AF_INET6, "::", &port);

	(void)make_address(AF_INET6, "::1", port, &v.peer);
	(void)make_address(AF_INET6, "::1", htons(9), &v.local);
	check_uid(&v, "IPv6", -ENOENT, 0);
	(void)make_address(AF_INET, "127.0.0.1", port, &v.peer);
	(void)make_address(AF_INET, "127.0.0.1", htons(9), &v.local);
	check_uid(&v, "IPv4", -ENOENT, 0);
	(void)close(fd);
	(void)close(fd6);
}

static void a_unix_socket_has_no_such_end(void)
{
	const struct sockaddr local = { .sa_family = AF_UNIX };
	uid_t uid;

	CHECK(access_peer_uid(&local, &local, &uid) == -EAFNOSUPPORT);
}

static void without_proc_files_nobody_is_known(void)
{
	struct visit v = visit_begin(&ways[0], getuid());
	struct access_end there, here;
	uid_t uid;

	CHECK(access_end_of((struct sockaddr *)&v.peer, &there) == 0);
	CHECK(access_end_of((struct sockaddr *)&v.local, &here) == 0);
	CHECK(access_uid_by_proc("/nonexistent", &there, &here, &uid) ==
	      -ENOENT);
	visit_end(&v);
}

int main(void)
{
	static const struct test tests[] = {
		{ "the peer is known in every family",
		  the_peer_is_known_in_every_family },
		{ "another user is told from us",
		  another_user_is_told_from_us },
		{ "a peer that has closed is nobody",
		  a_peer_that_has_closed_is_nobody },
		{ "a peer in TIME_WAIT is nobody",
		  a_peer_in_time_wait_is_nobody },
		{ "somebody who listens is not a peer",
		  somebody_who_listens_is_not_a_peer },
		{ "a Unix socket has no such end",
		  a_unix_socket_has_no_such_end },
		{ "without files in /proc nobody is known",
		  without_proc_files_nobody_is_known },
	};

	/* A child must not write what its parent has not yet. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
