/* daemon.h - the local Nix store, asked through the daemon's worker protocol
 *
 * Over the daemon's socket or a spawned `nix-daemon --stdio`: one code path.
 */
#pragma once

#include "protocol/nix/path_info.h"

struct daemon;

struct daemon_error {
	char text[512]; /* a sentence; printable */
};

/* store NULL: what NIX_REMOTE says, else the socket where there is one, else
 * `nix-daemon --stdio`.  A directory: that chroot store.  0 or -errno with a
 * sentence. */
must_check int daemon_open(const char *store, struct daemon **ret_daemon,
                           struct daemon_error *error);
void daemon_close(struct daemon *daemon);

/* "/nix/store" (logical), and where its files really lie ("ROOT/nix/store"
 * for a chroot store).  Borrowed. */
const char *daemon_store_dir(const struct daemon *daemon);
const char *daemon_physical_dir(const struct daemon *daemon);

/* Queries all paths at once (pipelined).  ret_infos[i] belongs to bases[i];
 * an invalid path has an empty base name.  The caller clears each. */
must_check int daemon_query_infos(struct daemon *daemon,
                                  const struct strings *bases,
                                  struct path_info *ret_infos,
                                  struct daemon_error *error);

/* Keeps the path from being collected while this connection lives. */
must_check int daemon_add_temp_roots(struct daemon *daemon,
                                     const struct strings *bases,
                                     struct daemon_error *error);
