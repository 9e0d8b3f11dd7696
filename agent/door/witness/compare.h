/* compare.h - what a client says of a path against what the store says */
#pragma once

#include "agent/door/witness/attested.h"
#include "protocol/nix/path_info.h"
#include "protocol/varlink/agent_sign.h"

/* What the store says, without the names of the references: an answer is as
 * large for any path. */
struct answer {
	bool is_valid;
	bool is_ultimate;
	uint64_t nar_size;
	struct nix_hash nar_hash;
	struct digest_sha256 references;
};

enum comparison {
	COMPARE_AGREES,
	COMPARE_NOT_HELD,
	COMPARE_HASH,
	COMPARE_SIZE,
	COMPARE_REFERENCES,
	COMPARE_NOT_BUILT_HERE,
};

/* Everything that is attested of a path.  0, or -EIO. */
must_check int compare_digest(struct digest *digest, const char *store_dir,
                              enum sign_policy policy,
                              const struct sign_path *path,
                              struct digest_sha256 *ret_digest);

/* info: NULL if the path is not valid.  0, or -EIO. */
must_check int compare_take_answer(struct digest *digest,
                                   const struct path_info *info,
                                   struct answer *ret_answer);

/* An enum comparison, or -EIO. */
must_check int compare_path(struct digest *digest, const char *store_dir,
                            enum sign_policy policy,
                            const struct sign_path *path,
                            const struct answer *answer);

/* Why a path is not signed, for a person.  "" for COMPARE_AGREES. */
const char *compare_reason(enum comparison comparison);
