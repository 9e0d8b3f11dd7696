/* import_stage.h - archives to put into a store, and how that is done */
#pragma once

#include "client/store/daemon.h"
#include "protocol/base/bytes.h"

#define PIECE ((size_t)1024 * 1024)

/* The base64 of 64 zero bytes. */
#define SIG64                                      \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAA=="

/* The name of path i, as nix_daemon.h has them. */
void add_base(struct strings *list, unsigned i);

/* The archive of one file of size bytes, a multiple of 8, and what a store
 * says of it.  The caller clears both. */
void make_nar(struct buffer *nar, struct path_info *info, unsigned i,
              size_t size);

/* Begin, write in pieces, end. */
must_check int import(struct daemon *daemon, const struct path_info *info,
                      struct bytes nar, struct daemon_error *error);
