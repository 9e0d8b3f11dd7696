/* content_address.h - store paths whose name follows from what is in them
 *
 * Nix, src/libstore/store-dir-config.cc (makeFixedOutputPath, makeTextPath):
 * such a path needs no signature.  Whoever puts the content into a store must
 * still compare it with the address, as Nix's daemon does: only for a
 * "fixed:r:sha256:" without self-reference is that the NAR's hash.
 */
#pragma once

#include "protocol/nix/path_info.h"

/* "text:sha256:...", "fixed:...", "fixed:r:..." and "fixed:git:..." of a hash
 * that some Nix knows, with as many digits as it has. */
bool content_address_is_valid(const char *text, size_t len);

/* True if info->content_address, with the references, gives exactly this base
 * name in this store: "text:sha256:...", "fixed:sha256:...",
 * "fixed:r:sha256:...", and fixed with md5, sha1 or sha512. */
bool content_address_holds(const struct path_info *info, const char *store_dir);

/* True if there is one, and it gives another name, or is that of another NAR:
 * no Nix puts such a path into its store, however it is signed.  Not for git
 * and blake3, whose names are not computed here. */
bool content_address_is_false(const struct path_info *info,
                              const char *store_dir);
