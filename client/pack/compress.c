#include "client/pack/compress.h"

#include "client/pack/stored.h"
#include "protocol/base/cleanup.h"

#include <lzma.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <errno.h>
#include <string.h>

#define ZSTD_LEVEL_USUAL 3 /* what Nix uses */
#define XZ_LEVEL_USUAL   6
#define XZ_LEVEL_MAX     9
#define XZ_DICT_MIN      65536U
#define MIB              (1024ULL * 1024)

/* What is looked at of a block that may be noise: so much, at so many places. */
#define SAMPLE_SIZE  16384U
#define SAMPLE_COUNT 8U
#define PROBE_LEVEL  1
#define LEAST_GAIN   64 /* one part in so many */

struct compressor {
	enum pack_compression compression;
	int level;
	ZSTD_CCtx *zstd;
	lzma_stream xz;
	uint8_t sample[ZSTD_COMPRESSBOUND(SAMPLE_SIZE)]; /* compressed */
};

static const char *const names[] = {
	[PACK_ZSTD] = "zstd",
	[PACK_XZ] = "xz",
	[PACK_NONE] = "none",
};

static const char *const suffixes[] = {
	[PACK_ZSTD] = ".zst",
	[PACK_XZ] = ".xz",
	[PACK_NONE] = "",
};

int pack_compression_parse(const char *name,
                           enum pack_compression *ret_compression)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret_compression = (enum pack_compression)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *pack_compression_suffix(enum pack_compression compression)
{
	return suffixes[compression];
}

const char *pack_compression_name(enum pack_compression compression)
{
	return names[compression];
}

/* The level to use, or -EINVAL. */
static int resolve_level(enum pack_compression compression, int level)
{
	switch (compression) {
	case PACK_ZSTD:
		if (level == -1)
			return ZSTD_LEVEL_USUAL;
		return level >= 1 && level <= ZSTD_maxCLevel() ? level
		                                               : -EINVAL;
	case PACK_XZ:
		if (level == -1)
			return XZ_LEVEL_USUAL;
		return level >= 0 && level <= XZ_LEVEL_MAX ? level : -EINVAL;
	case PACK_NONE:
		return level == -1 || level == 0 ? 0 : -EINVAL;
	}
	return -EINVAL;
}

/* A content checksum would be computed and read for nothing: the narinfo has
 * the hash of the contents. */
static int prepare_zstd(struct compressor *c)
{
	size_t rc;

	c->zstd = ZSTD_createCCtx();
	if (!c->zstd)
		return -ENOMEM;
	rc = ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 0);
	return ZSTD_isError(rc) ? -EINVAL : 0;
}

int compressor_new(enum pack_compression compression, int level,
                   struct compressor **ret_compressor)
{
	struct compressor *c;
	int rc = resolve_level(compression, level);

	if (rc < 0)
		return rc;

	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct compressor){
		.compression = compression,
		.level = rc,
		.xz = LZMA_STREAM_INIT,
	};
	rc = compression == PACK_ZSTD ? prepare_zstd(c) : 0;
	if (rc < 0) {
		compressor_free(c);
		return rc;
	}
	*ret_compressor = c;
	return 0;
}

void compressor_set_level(struct compressor *compressor, int level)
{
	compressor->level = level;
}

void compressor_free(struct compressor *compressor)
{
	if (!compressor)
		return;
	(void)ZSTD_freeCCtx(compressor->zstd);
	lzma_end(&compressor->xz);
	free(compressor);
}

static int run_zstd(struct compressor *c, struct bytes in, uint8_t *out,
                    size_t size, size_t *ret_len)
{
	size_t n = ZSTD_compress2(c->zstd, out, size, in.data, in.len);

	if (!ZSTD_isError(n)) {
		*ret_len = n;
		return 0;
	}
	switch (ZSTD_getErrorCode(n)) {
	case ZSTD_error_memory_allocation:
		return -ENOMEM;
	case ZSTD_error_dstSize_tooSmall:
		return -ENOSPC;
	default:
		return -EIO;
	}
}

/* That the level is one was seen to when the compressor was made. */
static void set_level(struct compressor *c, int level)
{
	(void)ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, level);
}

bool compressor_probe(struct compressor *compressor, struct bytes in)
{
	struct compressor *c = compressor;
	size_t before = 0, after = 0;

	set_level(c, PROBE_LEVEL);
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		size_t at = in.len / SAMPLE_COUNT * i, len = 0;
		struct bytes sample = { in.data + at, SAMPLE_SIZE };

		if (in.len - at < SAMPLE_SIZE)
			sample.len = in.len - at;
		if (run_zstd(c, sample, c->sample, sizeof(c->sample), &len) < 0)
			return true;
		before += sample.len;
		after += len;
	}
	return compress_pays(before, after);
}

bool compress_pays(size_t before, size_t after)
{
	return after < before - before / LEAST_GAIN;
}

/* A dictionary larger than the input is never used, but its tables would be
 * cleared for each block: 83 paths of 34 KB took half as long again. */
static int xz_options(int level, size_t len, lzma_options_lzma *ret_options)
{
	uint32_t dict = XZ_DICT_MIN;

	if (lzma_lzma_preset(ret_options, (uint32_t)level))
		return -EINVAL;
	while (dict < len && dict < ret_options->dict_size)
		dict *= 2;
	if (ret_options->dict_size > dict)
		ret_options->dict_size = dict;
	return 0;
}

static int run_xz(struct compressor *c, struct bytes in, uint8_t *out,
                  size_t size, size_t *ret_len)
{
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{ .id = LZMA_FILTER_LZMA2, .options = &options },
		{ .id = LZMA_VLI_UNKNOWN },
	};
	lzma_ret rc;

	if (xz_options(c->level, in.len, &options) < 0)
		return -EINVAL;
	rc = lzma_stream_encoder(&c->xz, filters, LZMA_CHECK_CRC64);
	if (rc != LZMA_OK)
		return rc == LZMA_MEM_ERROR ? -ENOMEM : -EIO;

	c->xz.next_in = in.data;
	c->xz.avail_in = in.len;
	c->xz.next_out = out;
	c->xz.avail_out = size;
	rc = lzma_code(&c->xz, LZMA_FINISH);
	switch (rc) {
	case LZMA_STREAM_END:
		*ret_len = size - c->xz.avail_out;
		return 0;
	case LZMA_OK: /* it would go on */
		return -ENOSPC;
	case LZMA_MEM_ERROR:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

int compressor_run(struct compressor *compressor, struct bytes in, uint8_t *out,
                   size_t size, size_t *ret_len)
{
	switch (compressor->compression) {
	case PACK_ZSTD:
		set_level(compressor, compressor->level);
		return run_zstd(compressor, in, out, size, ret_len);
	case PACK_XZ:
		return run_xz(compressor, in, out, size, ret_len);
	case PACK_NONE:
		if (in.len > size)
			return -EIO;
		memcpy(out, in.data, in.len);
		*ret_len = in.len;
		return 0;
	}
	return -EINVAL;
}

size_t compress_bound(enum pack_compression compression, size_t len)
{
	switch (compression) {
	case PACK_ZSTD:
		return stored_size(len);
	case PACK_XZ:
		return lzma_stream_buffer_bound(len);
	case PACK_NONE:
		return len;
	}
	return len;
}

/* Measured with ZSTD_sizeof_CCtx() of 1.5.4 after a block of 16 MiB, rounded
 * up; the functions that would tell are not in its stable interface. */
static uint64_t zstd_memory(int level)
{
	static const struct {
		int level;
		unsigned mib;
	} steps[] = {
		{ 4, 3 },   { 8, 7 },   { 9, 13 },   { 11, 25 },
		{ 15, 65 }, { 19, 82 }, { 20, 162 }, { 21, 194 },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (level <= steps[i].level)
			return steps[i].mib * MIB;
	}
	return 258 * MIB;
}

static uint64_t xz_memory(int level)
{
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{ .id = LZMA_FILTER_LZMA2, .options = &options },
		{ .id = LZMA_VLI_UNKNOWN },
	};

	if (xz_options(level, PACK_BLOCK_SIZE, &options) < 0)
		return 0;
	return lzma_raw_encoder_memusage(filters);
}

uint64_t compress_memory(enum pack_compression compression, int level)
{
	int resolved = resolve_level(compression, level);

	switch (compression) {
	case PACK_ZSTD:
		return zstd_memory(resolved);
	case PACK_XZ:
		return resolved < 0 ? 0 : xz_memory(resolved);
	case PACK_NONE:
		return 0;
	}
	return 0;
}
