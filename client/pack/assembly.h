/* assembly.h - one path's compressed blocks gathered into the parts of upload
 *
 * Blocks come in order.  Up to PACK_SINGLE_MAX bytes there is one part; from
 * then on each part but the last has at least PACK_PART_MIN.  An assembly that
 * goes on with what an earlier process has begun is of the second kind from its
 * start, and does not know the hash of everything.
 */
#pragma once

#include "client/pack/notes.h"
#include "client/pack/region.h"

/* S3's limit. */
#define ASSEMBLY_PARTS_MAX 10000

struct assembly {
	struct digest *file_sha256; /* owned; NULL: had a start */
	uint64_t total;             /* compressed bytes so far */
	uint64_t blocks;            /* in them */
	unsigned parts;             /* given out so far */
	struct nix_hash so_far;     /* see pack_part */
	struct region gathered;
};

/* start: all zeros to begin at the beginning.  0 or -ENOMEM. */
must_check int assembly_init(struct assembly *assembly,
                             const struct pack_start *start);
void assembly_clear(struct assembly *assembly);

/* A block of the NAR, compressed. */
struct assembly_block {
	struct region *bytes; /* taken */
	bool is_last;
	const struct nix_hash *so_far; /* of the NAR to its end */
};

/* Parts that are complete now, but for their MD5, are added to ret_parts (also
 * if the call fails later on): at most two.  0, -ENOMEM, -EIO, -EFBIG. */
must_check int assembly_add(struct assembly *assembly,
                            const struct assembly_block *block,
                            struct notes *ret_parts);

/* After the last block: the size of everything, and its hash unless there was
 * a start, as PACK_DONE has them. */
must_check int assembly_end(struct assembly *assembly,
                            struct pack_event *ret_done);
