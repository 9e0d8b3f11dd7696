#include "agent/start/listen.h"

#include "protocol/base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_FDS_START 3 /* sd_listen_fds(3) */
#define SYSTEMD_FDS_MAX  16
#define UNIT_NAME        "nixcache-agent.socket"

/* One of the names "a:b:c", which are as many as there are sockets.  The usual
 * socket is called "agent", or after its unit where that names nothing; any
 * other must be a scope, or it would be wider than somebody meant. */
static int take_name(const char **names, struct listen_socket *out, char *why,
                     size_t why_size)
{
	size_t len = *names ? strcspn(*names, ":") : 0;
	char name[LISTEN_SCOPE_SIZE];

	if (!*names)
		return 0;
	if (len >= sizeof(name)) {
		(void)snprintf(why, why_size,
		               "LISTEN_FDNAMES: a name is too long");
		return -EINVAL;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)len, *names);
	*names += len;
	if (**names == ':')
		(*names)++;
	if (len > 0 && strcmp(name, "agent") != 0 &&
	    strcmp(name, UNIT_NAME) != 0)
		(void)snprintf(out->scope, sizeof(out->scope), "%s", name);
	return 0;
}

/* Whether there are just as many names; NULL: none are said. */
static bool has_names(const char *names, size_t count)
{
	size_t colons = 0;

	for (const char *at = names; at && *at != '\0'; at++)
		colons += *at == ':' ? 1 : 0;
	return !names || colons + 1 == count;
}

/* Of a socket; -errno. */
static int option_of(int fd, int option)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -errno
	                                                             : value;
}

static int inherit_one(int fd, struct listen_socket *out)
{
	struct sockaddr_un address = { .sun_family = AF_UNSPEC };
	socklen_t size = sizeof(address);

	if (option_of(fd, SO_ACCEPTCONN) != 1 ||
	    option_of(fd, SO_TYPE) != SOCK_STREAM ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0 ||
	    address.sun_family != AF_UNIX || address.sun_path[0] == '\0')
		return -EINVAL;

	*out = (struct listen_socket){ .fd = fd, .lock = -1, .scope = "owner" };
	/* A path of full length has no NUL: unix(7). */
	(void)snprintf(out->path, sizeof(out->path), "%.*s",
	               (int)sizeof(address.sun_path) - 1, address.sun_path);
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	                       fcntl(fd, F_SETFL, O_NONBLOCK) < 0
	               ? -errno
	               : 0;
}

static int inherit_all(const char *names, size_t count,
                       struct listen_socket *ret_sockets, char *why,
                       size_t why_size)
{
	int rc = 0;

	if (count > 0 && !has_names(names, count)) {
		(void)snprintf(why, why_size,
		               "LISTEN_FDNAMES: %zu names are wanted", count);
		return -EINVAL;
	}
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = inherit_one(LISTEN_FDS_START + (int)i, &ret_sockets[i]);
		if (rc < 0) {
			(void)snprintf(why, why_size,
			               "LISTEN_FDS: descriptor %zu is not a "
			               "listening Unix socket with a path",
			               LISTEN_FDS_START + i);
			return rc;
		}
		rc = take_name(&names, &ret_sockets[i], why, why_size);
	}
	return rc < 0 ? rc : (int)count;
}

int listen_inherit(struct listen_socket *ret_sockets, size_t max, char *why,
                   size_t why_size)
{
	const char *pid_text = getenv("LISTEN_PID");
	const char *fds_text = getenv("LISTEN_FDS");
	uint64_t pid = 0, count = 0;
	bool is_for_us = pid_text && fds_text &&
	                 number_parse(pid_text, INT32_MAX, &pid) == 0 &&
	                 pid == (uint64_t)getpid();
	int rc = is_for_us ? number_parse(fds_text, SYSTEMD_FDS_MAX, &count)
	                   : 0;

	char names[SYSTEMD_FDS_MAX * LISTEN_SCOPE_SIZE] = "";
	bool is_named = is_for_us && getenv("LISTEN_FDNAMES");

	if (is_named) {
		(void)snprintf(names, sizeof(names), "%s",
		               getenv("LISTEN_FDNAMES"));
	}
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (rc < 0 || count > max) {
		(void)snprintf(why, why_size,
		               "LISTEN_FDS: %zu sockets at most are taken",
		               max);
		return -EINVAL;
	}
	return inherit_all(is_named ? names : NULL, count, ret_sockets, why,
	                   why_size);
}
