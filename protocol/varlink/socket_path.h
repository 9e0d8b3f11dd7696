/* socket_path.h - where the agent's socket is, for both programs */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>

#define SOCKET_PATH_MAX  107 /* sun_path without its NUL, see unix(7) */
#define SOCKET_PATH_SIZE (SOCKET_PATH_MAX + 1)

#define SOCKET_PATH_VARIABLE "NIXCACHE_AGENT_SOCK"

/* The environment as far as it matters here; NULL: not set. */
struct socket_path_env {
	const char *agent_sock;  /* $NIXCACHE_AGENT_SOCK */
	const char *runtime_dir; /* $XDG_RUNTIME_DIR */
	const char *home;        /* $HOME */
};

/* Reads the three variables; borrows from the environment. */
struct socket_path_env socket_path_read_env(void);

/* Where the agent listens unless it is told: $XDG_RUNTIME_DIR/nixcache/
 * agent.sock, else $HOME/.local/state/nixcache/agent.sock.  Empty variables are
 * not set, and directories must be absolute.  0; -ENOENT if there is neither;
 * -ENAMETOOLONG. */
must_check int socket_path_usual(const struct socket_path_env *env,
                                 char ret_path[SOCKET_PATH_SIZE]);

/* Where a client connects: $NIXCACHE_AGENT_SOCK, else the usual place. */
must_check int socket_path_find(const struct socket_path_env *env,
                                char ret_path[SOCKET_PATH_SIZE]);
