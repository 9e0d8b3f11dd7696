/* socket_stage.h - a folder of its own for sockets, and the other end of them
 *
 * XDG_RUNTIME_DIR names the folder as long as the stage is up.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>

#define SOCKET_STAGE_PATH_SIZE 108 /* of sockaddr_un */

struct socket_stage {
	char folder[64];
};

void socket_stage_set_up(struct socket_stage *stage);
/* Removes the folder and everything in it. */
void socket_stage_tear_down(struct socket_stage *stage);

/* FOLDER/name */
void socket_stage_path(const struct socket_stage *stage, const char *name,
                       char ret_path[SOCKET_STAGE_PATH_SIZE]);

/* A listening socket; aborts when there can be none. */
must_check int socket_stage_listen(const char *path, int backlog);

/* A connected, non-blocking socket, or -errno. */
must_check int socket_stage_connect(const char *path);

/* 0 if somebody listens there, else -errno. */
must_check int socket_stage_connects(const char *path);
