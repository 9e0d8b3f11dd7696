#include "client/serve/listener.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/number.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PASSED_FD  3 /* SD_LISTEN_FDS_START, sd_listen_fds(3) */
#define BACKLOG    512
#define HOST_MAX   64
#define PORT_MAX   65535
#define PORT_HTTP  80
#define SHOWN_MAX  80
#define LOOPBACK_4 127 /* 127.0.0.0/8 */

static int fail(int rc, char why[LISTENER_WHY_MAX], const char *where,
                const char *what)
{
	(void)snprintf(why, LISTENER_WHY_MAX, "%s: %s: %s", where, what,
	               strerror(-rc));
	return rc;
}

/* The descriptor that was passed, -1: none; anything else passed is wrong. */
static int take_passed(int *ret_fd, char why[LISTENER_WHY_MAX])
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	uint64_t number, count;
	int accepts = 0;
	socklen_t len = sizeof(accepts);

	*ret_fd = -1;
	if (!pid || !fds || number_parse(pid, INT32_MAX, &number) < 0 ||
	    (pid_t)number != getpid() ||
	    number_parse(fds, INT32_MAX, &count) < 0 || count == 0)
		return 0;
	if (count > 1 ||
	    getsockopt(PASSED_FD, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) <
	            0 ||
	    !accepts) {
		(void)snprintf(why, LISTENER_WHY_MAX,
		               "the service manager passed something other "
		               "than one listening socket (LISTEN_FDS)");
		return -EINVAL;
	}
	*ret_fd = PASSED_FD;
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return fd_set_cloexec(PASSED_FD, 1);
}

/* "HOST:PORT" or "[HOST]:PORT". */
static int split(const char *where, char host[HOST_MAX], char port[8])
{
	const char *colon = strrchr(where, ':');
	size_t len = colon ? (size_t)(colon - where) : 0;
	uint64_t number;

	if (!colon || number_parse(colon + 1, PORT_MAX, &number) < 0)
		return -EINVAL;
	(void)snprintf(port, 8, "%u", (unsigned)number);
	if (len >= 2 && where[0] == '[' && where[len - 1] == ']') {
		where++;
		len -= 2;
	} else if (memchr(where, ':', len)) {
		return -EINVAL;
	}
	if (len == 0 || len >= HOST_MAX)
		return -EINVAL;
	memcpy(host, where, len);
	host[len] = '\0';
	if (strcmp(host, "localhost") == 0)
		(void)snprintf(host, HOST_MAX, "127.0.0.1");
	return 0;
}

static int bind_to(const struct addrinfo *address, int *ret_fd)
{
	cleanup_close int fd =
		socket(address->ai_family,
	               SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (address->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(fd, address->ai_addr, address->ai_addrlen) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int make_socket(const char *where, int *ret_fd,
                       char why[LISTENER_WHY_MAX])
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found = NULL;
	char host[HOST_MAX], port[8];
	int rc = split(where, host, port);

	if (rc == 0 && getaddrinfo(host, port, &hints, &found) != 0)
		rc = -EINVAL;
	if (rc < 0) {
		(void)snprintf(why, LISTENER_WHY_MAX,
		               "%s: an address and a port are needed, such as "
		               "127.0.0.1:7757 or [::1]:7757",
		               where);
		return rc;
	}
	rc = bind_to(found, ret_fd);
	freeaddrinfo(found);
	if (rc == -EADDRINUSE) {
		(void)snprintf(why, LISTENER_WHY_MAX,
		               "%s: somebody listens there already: take "
		               "another port with --listen",
		               where);
		return rc;
	}
	return rc < 0 ? fail(rc, why, where, "listen") : 0;
}

static int add_host(struct strings *hosts, const char *host, unsigned port)
{
	char text[SHOWN_MAX + HOST_MAX];
	int rc;

	(void)snprintf(text, sizeof(text), "%s:%u", host, port);
	rc = strings_add(hosts, text, strlen(text));
	if (rc == 0 && port == PORT_HTTP)
		rc = strings_add(hosts, host, strlen(host));
	return rc;
}

static bool is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const void *)address;
	const struct sockaddr_in *four = (const void *)address;

	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
	return address->sa_family == AF_INET &&
	       ntohl(four->sin_addr.s_addr) >> 24 == LOOPBACK_4;
}

static bool is_any(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const void *)address;
	const struct sockaddr_in *four = (const void *)address;

	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
	return four->sin_addr.s_addr == htonl(INADDR_ANY);
}

/* "127.0.0.1" or "[::1]"; false for what is neither IPv4 nor IPv6. */
static bool format_host(const struct sockaddr *address, char out[HOST_MAX])
{
	const struct sockaddr_in6 *six = (const void *)address;
	const struct sockaddr_in *four = (const void *)address;
	char text[INET6_ADDRSTRLEN];

	if (address->sa_family == AF_INET &&
	    inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text))) {
		(void)snprintf(out, HOST_MAX, "%s", text);
		return true;
	}
	if (address->sa_family == AF_INET6 &&
	    inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text))) {
		(void)snprintf(out, HOST_MAX, "[%s]", text);
		return true;
	}
	return false;
}

/* Behind "any address", every one that this machine has, and its name. */
static int add_interfaces(struct strings *hosts, unsigned port)
{
	struct ifaddrs *all = NULL;
	char host[HOST_MAX];
	int rc = getifaddrs(&all) < 0 ? -errno : 0;

	for (const struct ifaddrs *at = all; at && rc == 0; at = at->ifa_next) {
		if (at->ifa_addr && format_host(at->ifa_addr, host))
			rc = add_host(hosts, host, port);
	}
	freeifaddrs(all);
	if (rc == 0 && gethostname(host, sizeof(host)) == 0)
		rc = add_host(hosts, host, port);
	return rc;
}

static int describe(struct listener *listener)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	const struct sockaddr *address = (const void *)&storage;
	const struct sockaddr_in *four = (const void *)&storage;
	socklen_t len = sizeof(storage);
	char host[HOST_MAX];
	unsigned port;
	int rc;

	if (getsockname(listener->fd, (void *)&storage, &len) < 0)
		return -errno;
	if (!format_host(address, host))
		return -EAFNOSUPPORT;
	/* In one place for both families (RFC 3493 section 3.3, ip(7)). */
	port = ntohs(four->sin_port);
	listener->is_loopback = is_loopback(address);
	(void)snprintf(listener->shown, sizeof(listener->shown), "%s:%u", host,
	               port);
	rc = add_host(&listener->own_hosts, host, port);
	if (rc == 0)
		rc = add_host(&listener->own_hosts, "localhost", port);
	if (rc == 0 && is_any(address))
		rc = add_interfaces(&listener->own_hosts, port);
	return rc;
}

int listener_open(const char *where, struct listener *ret_listener,
                  char why[LISTENER_WHY_MAX])
{
	int rc;

	*ret_listener = (struct listener){ .fd = -1 };
	why[0] = '\0';
	rc = take_passed(&ret_listener->fd, why);
	if (rc == 0 && ret_listener->fd < 0)
		rc = make_socket(where, &ret_listener->fd, why);
	if (rc == 0)
		rc = describe(ret_listener);
	if (rc < 0 && !why[0])
		return fail(rc, why, where, "listen");
	return rc;
}

void listener_clear(struct listener *listener)
{
	if (listener->fd >= 0)
		(void)close(listener->fd);
	listener->fd = -1;
	strings_clear(&listener->own_hosts);
}
