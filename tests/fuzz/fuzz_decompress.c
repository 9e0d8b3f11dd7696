/* Compressed bytes: however they are, what comes out is bounded, and the same
 * whatever the sizes of pieces and reads are.  The first byte names a format.
 */
#include "tests/fuzz/fuzz.h"

#include "client/pack/unpack.h"
#include "protocol/base/cleanup.h"

#include <errno.h>

#define SIZE_MAX_OF_NAR ((uint64_t)256 * 1024)

static const char *const formats[] = {
	"none", "xz",   "zstd", "gzip",     "bzip2",
	"lz4",  "lzip", "lzma", "compress", "br",
};

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

static struct conduit *conduit_of(const uint8_t *bytes, size_t len,
                                  size_t piece)
{
	size_t limit = len > CONDUIT_PIECE_MAX ? len : CONDUIT_PIECE_MAX;
	struct conduit *conduit = NULL;

	MUST(conduit_new(limit, &conduit) == 0);
	for (size_t at = 0; at < len; at += piece) {
		size_t left = len - at < piece ? len - at : piece;

		MUST(conduit_put(conduit, (struct bytes){ bytes + at, left }) ==
		     0);
	}
	conduit_end(conduit, 0, NULL);
	return conduit;
}

static int unpack_all(struct unpack *unpack, size_t size)
{
	uint8_t out[4096];
	size_t len = 1;
	int rc = 0;

	while (rc == 0 && len > 0) {
		rc = unpack_read(unpack, out, size, &len);
		MUST(rc < 0 || len <= size);
	}
	return rc;
}

static int run(const char *format, struct bytes in, size_t size,
               struct unpack_sums *ret_sums)
{
	cleanup_conduit struct conduit *conduit =
		conduit_of(in.data, in.len, size);
	cleanup_unpack struct unpack *unpack = NULL;
	int rc = unpack_open(format, conduit, SIZE_MAX_OF_NAR, &unpack);

	MUST(rc == 0);
	rc = unpack_all(unpack, size);
	MUST(rc == 0 || rc == -EBADMSG || rc == -EFBIG || rc == -ENOMEM);
	fuzz_check_printable(unpack_why(unpack), UNPACK_WHY_MAX);
	MUST((rc < 0) == (unpack_why(unpack)[0] != '\0'));
	if (rc == 0) {
		unpack_sums(unpack, ret_sums);
		MUST(ret_sums->nar_size <= SIZE_MAX_OF_NAR);
		MUST(ret_sums->file_size == in.len);
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct unpack_sums first, second;
	struct bytes in;
	const char *format;
	int rc;

	if (len == 0 || len > CONDUIT_PIECE_MAX)
		return 0;
	format = formats[bytes[0] % FORMAT_COUNT];
	in = (struct bytes){ bytes + 1, len - 1 };
	rc = run(format, in, 4096, &first);
	if (in.len > 4096)
		return 0;
	if (rc == 0) {
		MUST(run(format, in, 7, &second) == 0);
		MUST(nix_hash_equal(&first.nar_hash, &second.nar_hash));
		MUST(nix_hash_equal(&first.file_hash, &second.file_hash));
	} else {
		MUST(run(format, in, 7, &second) < 0);
	}
	return 0;
}
