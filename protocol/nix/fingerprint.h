/* fingerprint.h - the bytes that a Nix signature covers
 *
 * 1;<store path>;sha256:<nix32>;<nar size>;<ref>,<ref>,...   with full paths,
 * sorted, self-reference included (Nix, src/libstore/path-info.cc).
 * Allocation-free, for the vault.
 */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/nix/hash.h"

struct fingerprint {
	const char *store_dir;
	struct bytes base;
	const struct nix_hash *nar_hash;
	uint64_t nar_size;
	const struct bytes *references; /* base names, strictly increasing */
	size_t reference_count;
};

/* Appends to out.  0; -EINVAL if a base name breaks the grammar, the size is
 * zero or the references are not strictly increasing; -EMSGSIZE when out is
 * full. */
must_check int fingerprint_write(const struct fingerprint *f,
                                 struct buffer *out);
