/* listen.h - the agent's socket: where it is, whether an agent lives there,
 * and how a new one takes its place
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#define LISTEN_PATH_SIZE   sizeof(((struct sockaddr_un *)0)->sun_path)
#define LISTEN_SOCKETS_MAX 8
#define LISTEN_SCOPE_SIZE  65

struct listen_socket {
	char path[LISTEN_PATH_SIZE];
	int fd;                        /* listening; owned */
	char scope[LISTEN_SCOPE_SIZE]; /* "owner", or whose it is */
	int lock;     /* held until the caller closes it; -1: none */
	int is_ours;  /* we made it, so we remove it */
	dev_t device; /* of the socket file, to remove only our own */
	ino_t inode;
};

enum {
	LISTEN_OPENED = 0,
	LISTEN_ALIVE = 1, /* an agent answers there; only path is filled in */
};

/* path NULL: the usual place, whose directory is made (0700) and checked.
 * Outcome, or -errno with a sentence in why. */
must_check int listen_open(const char *path, struct listen_socket *ret_socket,
                           char *why, size_t why_size);

/* Of a socket file. */
struct listen_file {
	mode_t mode;
	bool has_gid;
	gid_t gid;
};

struct listen_extra {
	const char *path;  /* borrowed */
	const char *scope; /* borrowed */
	struct listen_file file;
};

/* A further socket.  Its directory may be others' to enter, but not to put
 * files into, unless it is sticky.  0, or -errno with why, also when somebody
 * listens there already. */
must_check int listen_open_extra(const struct listen_extra *extra,
                                 struct listen_socket *ret_socket, char *why,
                                 size_t why_size);

/* A private directory and socket for one command. */
must_check int listen_open_private(struct listen_socket *ret_socket, char *why,
                                   size_t why_size);

/* Sockets handed over by the service manager (sd_listen_fds(3)), with their
 * names as scopes; the variables are removed.  Returns their count, 0: none, or -EINVAL with why. */
must_check int listen_inherit(struct listen_socket *ret_sockets, size_t max,
                              char *why, size_t why_size);

/* Removes the socket file if it is still the one we made, and its directory
 * if that was private. */
void listen_remove(const struct listen_socket *socket);
