/* compress.h - one block in, one frame that stands alone out */
#pragma once

#include "client/pack/pack.h"
#include "protocol/base/bytes.h"

struct compressor; /* for one thread at a time; used again and again */

/* -EINVAL: the compression has no such level; -1 is its usual one. */
must_check int compressor_new(enum pack_compression compression, int level,
                              struct compressor **ret_compressor);
void compressor_free(struct compressor *compressor);

/* Compresses into out, of compress_bound() bytes.  0, -ENOMEM, -EIO. */
must_check int compressor_run(struct compressor *compressor, struct bytes in,
                              uint8_t *out, size_t size, size_t *ret_len);

/* The most that len bytes can become. */
size_t compress_bound(enum pack_compression compression, size_t len);

/* What a compressor holds while it works on a block of PACK_BLOCK_SIZE. */
uint64_t compress_memory(enum pack_compression compression, int level);
