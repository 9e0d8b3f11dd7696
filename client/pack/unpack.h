/* unpack.h - a compressed object in, the bytes of a NAR out, hashed on the way
 *
 * For one thread, which waits in unpack_read() for what its conduit brings.
 */
#pragma once

#include "client/pack/decompress.h"
#include "protocol/nix/hash.h"

#define UNPACK_WHY_MAX 512

struct unpack_sums {
	struct nix_hash nar_hash;
	uint64_t nar_size;
	struct nix_hash file_hash; /* of the compressed bytes */
	uint64_t file_size;
};

struct unpack;

/* size_max: of the NAR; more is -EFBIG, so that no small object can fill a
 * store.  The conduit is shared.  -ENOTSUP, -ENOMEM. */
must_check int unpack_open(const char *compression, struct conduit *in,
                           uint64_t size_max, struct unpack **ret_unpack);
void unpack_close(struct unpack *unpack);

/* 0 with *ret_len 0 at the end; -EBADMSG, -EFBIG or the conduit's failure. */
must_check int unpack_read(struct unpack *unpack, void *out, size_t size,
                           size_t *ret_len);

/* After a failure: what it was; printable.  Borrowed. */
const char *unpack_why(const struct unpack *unpack);

/* After the end. */
void unpack_sums(const struct unpack *unpack, struct unpack_sums *ret_sums);

/* For cleanup_unpack on a local struct unpack *. */
#define cleanup_unpack __attribute__((__cleanup__(unpack_close_at)))
static inline void unpack_close_at(struct unpack **slot)
{
	if (*slot)
		unpack_close(*slot);
}
