/* nix_store.h - opens a stream to the Nix daemon that the configuration names
 *
 * nix-store = auto: the daemon's socket, else `nix-daemon --stdio`, which is
 * then a child of ours and ends with the stream.
 */
#pragma once

#include "agent/config.h"

/* Fills in fd, or end and text: why not. */
void nix_store_open(const struct config *config, struct errand *ret_done);
