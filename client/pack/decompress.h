/* decompress.h - what is inside a compressed stream, pulled from a conduit
 *
 * Every format that a narinfo may name and Nix can write: none, xz, zstd, gzip,
 * bzip2, lz4, lzip, lzma, compress, br; several frames, streams or members one
 * after another are one, as for Nix.
 */
#pragma once

#include "client/pipe/conduit.h"
#include "protocol/base/digest.h"

#define DECOMPRESS_WHY_MAX 256

struct decompress;

/* True for what decompress_open() takes. */
bool decompress_knows(const char *compression);

/* in is shared for as long as needed.  -ENOTSUP for an unknown compression;
 * -ENOMEM. */
must_check int decompress_open(const char *compression, struct conduit *in,
                               struct decompress **ret_decompress);
void decompress_close(struct decompress *decompress);

/* Waits for bytes; 0 with *ret_len 0 at the end, which only a complete stream
 * has.  -EBADMSG: not such a stream, or cut short; the conduit's own failure;
 * both with a sentence in decompress_why(). */
must_check int decompress_read(struct decompress *decompress, void *out,
                               size_t size, size_t *ret_len);
const char *decompress_why(const struct decompress *decompress);

/* Before the first read: every compressed byte goes into digest as well, which
 * is borrowed.  At the end that is all that the conduit brought. */
void decompress_sum(struct decompress *decompress, struct digest *digest);
uint64_t decompress_taken(const struct decompress *decompress);

/* For cleanup_decompress on a local struct decompress *. */
#define cleanup_decompress __attribute__((__cleanup__(decompress_close_at)))
static inline void decompress_close_at(struct decompress **slot)
{
	if (*slot)
		decompress_close(*slot);
}

/* A small object that was stored with a Content-Encoding ("gzip", "br", "zstd",
 * "xz", "bzip2"; "" and "identity": none).  Appends to out, up to its maximum.
 * 0, -ENOTSUP, -EBADMSG, -EMSGSIZE, -ENOMEM. */
must_check int decompress_whole(const char *encoding, struct bytes in,
                                struct buffer *out);
