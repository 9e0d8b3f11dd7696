/* target.h - which store is meant, told from what a person or NIX_REMOTE says */
#pragma once

#include "protocol/base/attributes.h"

#define TARGET_PATH_MAX  4095
#define TARGET_PATH_SIZE (TARGET_PATH_MAX + 1)

enum target_kind {
	TARGET_AUTO,   /* the socket if it answers, else our own daemon */
	TARGET_SOCKET, /* a daemon that runs */
	TARGET_LOCAL,  /* our own daemon, for this machine's store */
	TARGET_ROOT,   /* our own daemon, for a chroot store */
};

struct target {
	enum target_kind kind;
	char path[TARGET_PATH_SIZE]; /* the socket, or the root */
};

/* "", "auto", "daemon", "unix://PATH", "local", "local?root=DIR" or an
 * absolute directory, as Nix takes them.  default_socket is what "daemon"
 * means.  -EINVAL for anything else. */
must_check int target_parse(const char *text, const char *default_socket,
                            struct target *ret_target);

/* $NIX_DAEMON_SOCKET_PATH, or daemon-socket/socket in $NIX_STATE_DIR or
 * /nix/var/nix.  -EINVAL if that is too long. */
must_check int target_default_socket(char ret_path[TARGET_PATH_SIZE]);
