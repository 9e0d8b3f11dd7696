/* content_address.h - store paths whose name follows from what is in them
 *
 * Nix, src/libstore/store-dir-config.cc (makeFixedOutputPath, makeTextPath):
 * such a path needs no signature.  Whoever puts the content into a store must
 * still compare it with the address, as Nix's daemon does: only for a
 * "fixed:r:sha256:" without self-reference is that the NAR's hash.
 */
#pragma once

#include "protocol/nix/path_info.h"

/* True if info->content_address, with the references, gives exactly this base
 * name in this store: "text:sha256:...", "fixed:sha256:...",
 * "fixed:r:sha256:...", and fixed with md5, sha1 or sha512. */
bool content_address_holds(const struct path_info *info, const char *store_dir);
