/* trust.h - whose signatures are believed, and whether a path has one */
#pragma once

#include "protocol/nix/key.h"
#include "protocol/nix/path_info.h"

#define TRUST_KEYS_MAX 256

struct trust {
	struct public_key *keys; /* owned */
	size_t count;
};

void trust_clear(struct trust *trust);

/* name:base64; malformed ones are passed over, as Nix does with its own, and
 * counted in *ret_skipped.  0, -ENOMEM, -E2BIG. */
must_check int trust_add(struct trust *trust, const struct strings *keys,
                         size_t *ret_skipped);

enum trust_verdict {
	TRUST_SIGNED,   /* a good signature of one of the keys */
	TRUST_CONTENT,  /* none is needed: the name follows from the content */
	TRUST_UNSIGNED, /* no signature by any of the keys */
	TRUST_FORGED,   /* one bears a key's name, and is not of that key */
};

enum trust_verdict trust_judge(const struct trust *trust, const char *store_dir,
                               const struct path_info *info);
