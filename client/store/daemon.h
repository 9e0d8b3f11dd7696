/* daemon.h - the local Nix store, asked through the daemon's worker protocol
 *
 * Over the daemon's socket or a spawned `nix-daemon --stdio`: one code path.
 */
#pragma once

#include "protocol/base/bytes.h"
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

/* ret_valid[i] says whether the store has bases[i]. */
must_check int daemon_query_valid(struct daemon *daemon,
                                  const struct strings *bases, bool *ret_valid,
                                  struct daemon_error *error);

/* ret_found[i] says whether one of Nix's own substituters has bases[i]: those
 * that want to be asked about many paths.  They are asked over the network. */
must_check int daemon_query_substitutable(struct daemon *daemon,
                                          const struct strings *bases,
                                          bool *ret_found,
                                          struct daemon_error *error);

/* Adds signatures (name:base64) to a path of the store.  -ENOENT if it is not
 * valid; -EPERM where only trusted users may (before Nix 2.17). */
must_check int daemon_add_signatures(struct daemon *daemon, const char *base,
                                     const struct strings *signatures,
                                     struct daemon_error *error);

/* Makes the path valid with all it refers to, out of the substituters that Nix
 * itself has. */
must_check int daemon_ensure(struct daemon *daemon, const char *base,
                             struct daemon_error *error);

/* Puts one path into the store: begin, write its NAR, end.  All it refers to
 * must be valid, but itself.  The daemon compares hash and size once more and
 * registers the path at the end, or not at all; where we are trusted it is
 * told that its signatures were checked; where not, it wants one by a key of
 * its own (-EKEYREJECTED from end).  Write in large pieces, 64 KiB and more.
 * After a failure, and to give up in the middle, close the connection. */
must_check int daemon_import_begin(struct daemon *daemon,
                                   const struct path_info *info,
                                   struct daemon_error *error);
must_check int daemon_import_write(struct daemon *daemon, struct bytes nar,
                                   struct daemon_error *error);
must_check int daemon_import_end(struct daemon *daemon,
                                 struct daemon_error *error);

/* Keeps the path from being collected while this connection lives. */
must_check int daemon_add_temp_roots(struct daemon *daemon,
                                     const struct strings *bases,
                                     struct daemon_error *error);
