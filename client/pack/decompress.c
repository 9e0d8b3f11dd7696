#include "client/pack/decompress.h"

#include "client/pack/inflow.h"
#include "client/pack/unarchive.h"
#include "client/pack/unbrotli.h"
#include "client/pack/unzstd.h"
#include "protocol/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* lrzip, lzop and grzip, which libarchive would start other programs for, are
 * not taken. */
enum format {
	FORMAT_NONE,
	FORMAT_ZSTD,
	FORMAT_BROTLI,
	FORMAT_ARCHIVE,
};

struct decompress {
	enum format format;
	struct inflow in;
	struct unzstd *unzstd; /* one of the three, or none */
	struct unbrotli *unbrotli;
	struct unarchive *unarchive;
};

static int find_format(const char *compression, enum format *ret_format)
{
	if (strcmp(compression, "none") == 0) {
		*ret_format = FORMAT_NONE;
	} else if (strcmp(compression, "zstd") == 0) {
		*ret_format = FORMAT_ZSTD;
	} else if (strcmp(compression, "br") == 0) {
		*ret_format = FORMAT_BROTLI;
	} else if (unarchive_knows(compression)) {
		*ret_format = FORMAT_ARCHIVE;
	} else {
		return -ENOTSUP;
	}
	return 0;
}

bool decompress_knows(const char *compression)
{
	enum format format;

	return find_format(compression, &format) == 0;
}

static int open_decoder(struct decompress *d, const char *compression)
{
	bool is_open = true;

	switch (d->format) {
	case FORMAT_NONE:
		break;
	case FORMAT_ZSTD:
		d->unzstd = unzstd_new(&d->in);
		is_open = d->unzstd;
		break;
	case FORMAT_BROTLI:
		d->unbrotli = unbrotli_new(&d->in);
		is_open = d->unbrotli;
		break;
	case FORMAT_ARCHIVE:
		d->unarchive = unarchive_new(compression, &d->in);
		is_open = d->unarchive;
		break;
	}
	return is_open ? 0 : -ENOMEM;
}

int decompress_open(const char *compression, struct conduit *in,
                    struct decompress **ret_decompress)
{
	cleanup_decompress struct decompress *d = NULL;
	enum format format;
	int rc = find_format(compression, &format);

	if (rc < 0)
		return rc;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->format = format;
	rc = inflow_init(&d->in, in);
	if (rc == 0)
		rc = open_decoder(d, compression);
	if (rc < 0)
		return rc;
	*ret_decompress = take_ptr(d);
	return 0;
}

void decompress_close(struct decompress *decompress)
{
	if (!decompress)
		return;
	unzstd_free(decompress->unzstd);
	unbrotli_free(decompress->unbrotli);
	unarchive_free(decompress->unarchive);
	inflow_clear(&decompress->in);
	free(decompress);
}

void decompress_sum(struct decompress *decompress, struct digest *digest)
{
	decompress->in.digest = digest;
}

uint64_t decompress_taken(const struct decompress *decompress)
{
	return decompress->in.total;
}

static int copy_through(struct inflow *in, void *out, size_t size,
                        size_t *ret_len)
{
	size_t len;
	int rc = inflow_fill(in);

	if (rc < 0)
		return rc;
	len = in->left < size ? in->left : size;
	if (len > 0)
		memcpy(out, in->next, len);
	in->next += len;
	in->left -= len;
	*ret_len = len;
	return 0;
}

int decompress_read(struct decompress *decompress, void *out, size_t size,
                    size_t *ret_len)
{
	struct decompress *d = decompress;

	assert(size > 0);
	switch (d->format) {
	case FORMAT_NONE:
		return copy_through(&d->in, out, size, ret_len);
	case FORMAT_ZSTD:
		return unzstd_read(d->unzstd, out, size, ret_len);
	case FORMAT_BROTLI:
		return unbrotli_read(d->unbrotli, out, size, ret_len);
	case FORMAT_ARCHIVE:
		return unarchive_read(d->unarchive, out, size, ret_len);
	}
	return -ENOTSUP;
}

const char *decompress_why(const struct decompress *decompress)
{
	return decompress->in.why;
}

/* A content coding (RFC 9110, section 8.4.1: letters of either case), as Nix
 * calls that compression.  NULL: none that is taken. */
static const char *compression_of(const char *encoding)
{
	static const struct {
		const char *encoding;
		const char *compression;
	} table[] = {
		{ "", "none" },     { "identity", "none" },
		{ "gzip", "gzip" }, { "x-gzip", "gzip" },
		{ "br", "br" },     { "zstd", "zstd" },
		{ "xz", "xz" },     { "bzip2", "bzip2" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcasecmp(encoding, table[i].encoding) == 0)
			return table[i].compression;
	}
	return NULL;
}

/* A conduit that holds all of in and has ended. */
static int fill_conduit(struct bytes in, struct conduit **ret_conduit)
{
	cleanup_conduit struct conduit *conduit = NULL;
	size_t limit = in.len > CONDUIT_PIECE_MAX ? in.len : CONDUIT_PIECE_MAX;
	int rc = conduit_new(limit, &conduit);

	while (rc == 0 && in.len > 0) {
		size_t len = in.len < CONDUIT_PIECE_MAX ? in.len
		                                        : CONDUIT_PIECE_MAX;

		rc = conduit_put(conduit, (struct bytes){ in.data, len });
		in.data += len;
		in.len -= len;
	}
	if (rc < 0)
		return rc;
	conduit_end(conduit, 0, NULL);
	*ret_conduit = take_ptr(conduit);
	return 0;
}

int decompress_whole(const char *encoding, struct bytes in, struct buffer *out)
{
	cleanup_decompress struct decompress *d = NULL;
	cleanup_conduit struct conduit *conduit = NULL;
	const char *compression = compression_of(encoding);
	uint8_t piece[4096];
	size_t len = 1;
	int rc;

	if (!compression)
		return -ENOTSUP;
	rc = fill_conduit(in, &conduit);
	if (rc == 0)
		rc = decompress_open(compression, conduit, &d);
	while (rc == 0 && len > 0) {
		rc = decompress_read(d, piece, sizeof(piece), &len);
		if (rc < 0)
			break;
		buffer_append(out, piece, len);
		rc = buffer_end(out);
	}
	return rc;
}
