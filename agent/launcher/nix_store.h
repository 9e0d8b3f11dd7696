/* nix_store.h - opens a stream to the Nix daemon that the configuration names
 *
 * nix-store = auto: what NIX_REMOTE says, else the daemon's socket, else
 * `nix-daemon --stdio`, which is then a child of ours, answers only us, and
 * ends with the stream.
 */
#pragma once

#include "agent/wire_errand.h"

#define NIX_STORE_CHILDREN 4 /* one in use, and those that are ending */

struct nix_store {
	char *program; /* owned; nix-daemon, NULL: not found */
	pid_t children[NIX_STORE_CHILDREN]; /* and process groups; 0: none */
};

/* Looks for nix-daemon: in PATH as it is at the start, then where Nix puts
 * it. */
void nix_store_init(struct nix_store *store);

/* configured: as in the configuration, NULL: auto.  Never blocks.  Fills in fd,
 * or end and text: why not. */
void nix_store_open(struct nix_store *store, const char *configured,
                    struct errand *ret_done);

/* Takes note of children that have ended. */
void nix_store_reap(struct nix_store *store);

/* Kills those that have not. */
void nix_store_close(struct nix_store *store);
