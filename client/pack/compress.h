/* compress.h - one block in, one frame that stands alone out */
#pragma once

#include "client/pack/pack.h"
#include "protocol/base/bytes.h"

struct compressor; /* for one thread at a time; used again and again */

/* -EINVAL: the compression has no such level; -1 is its usual one. */
must_check int compressor_new(enum pack_compression compression, int level,
                              struct compressor **ret_compressor);
/* From the next block on; one that compressor_new() takes, and whose memory is
 * not more than that of the first.  For PACK_ZSTD. */
void compressor_set_level(struct compressor *compressor, int level);
void compressor_free(struct compressor *compressor);

/* Compresses into out, of size bytes.  0, -ENOMEM, -EIO; -ENOSPC: more than size
 * would come of it. */
must_check int compressor_run(struct compressor *compressor, struct bytes in,
                              uint8_t *out, size_t size, size_t *ret_len);

/* Does compressing gain what is worth the work? */
bool compress_pays(size_t before, size_t after);

/* Would it pay for a few samples of this?  For PACK_ZSTD. */
bool compressor_probe(struct compressor *compressor, struct bytes in);

/* The most that len bytes need become: zstd's can be stored (stored.h). */
size_t compress_bound(enum pack_compression compression, size_t len);

/* What a compressor holds while it works on a block of PACK_BLOCK_SIZE. */
uint64_t compress_memory(enum pack_compression compression, int level);
