#include "tests/lib/pack_stage.h"
#include "tests/lib/test.h"

#include "client/pack/compress.h"
#include "client/pack/decompress.h"
#include "client/pack/stored.h"
#include "protocol/base/cleanup.h"

#include <zstd.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define KIB_128 ((size_t)128 * 1024)

/* Blocks that zstd was given, since the pack was opened. */
/* NOLINTNEXTLINE(*-non-const-global-variables): zstd knows no test */
static atomic_size_t whole_blocks;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
/* NOLINTBEGIN(readability-identifier-naming): the linker's words */
size_t __real_ZSTD_compress2(ZSTD_CCtx *context, void *out, size_t size,
                             const void *in, size_t len);
size_t __wrap_ZSTD_compress2(ZSTD_CCtx *context, void *out, size_t size,
                             const void *in, size_t len);

size_t __wrap_ZSTD_compress2(ZSTD_CCtx *context, void *out, size_t size,
                             const void *in, size_t len)
{
	if (len == PACK_BLOCK_SIZE)
		(void)atomic_fetch_add(&whole_blocks, 1);
	return __real_ZSTD_compress2(context, out, size, in, len);
}

/* NOLINTEND(readability-identifier-naming) */
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 2654435761U >> 13);
}

/* At both sides of each of its blocks. */
static void a_stored_frame_is_what_zstd_reads(void)
{
	static const size_t sizes[] = {
		0,           1,           KIB_128 - 1,         KIB_128,
		KIB_128 + 1, 2 * KIB_128, PACK_BLOCK_SIZE - 1, PACK_BLOCK_SIZE,
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t len = sizes[i], size = stored_size(len);
		cleanup_free uint8_t *bytes = malloc(size);
		cleanup_free uint8_t *back = malloc(len + 1);
		cleanup_buffer struct buffer ours;

		CHECK(bytes && back);
		for (size_t k = 0; k < len; k++)
			bytes[k] = byte_at(k);
		stored_make(bytes, len);
		CHECK(ZSTD_getFrameContentSize(bytes, size) == len);
		CHECK(ZSTD_findFrameCompressedSize(bytes, size) == size);
		CHECK(ZSTD_decompress(back, len + 1, bytes, size) == len);
		buffer_init(&ours, len + 1);
		CHECK(decompress_whole("zstd", (struct bytes){ bytes, size },
		                       &ours) == 0);
		CHECK(ours.len == len);
		for (size_t k = 0; k < len; k++) {
			CHECK(back[k] == byte_at(k));
			CHECK(((const uint8_t *)ours.data)[k] == byte_at(k));
		}
	}
}

static void a_probe_tells_noise_from_text(void)
{
	static const size_t sizes[] = { 1, 1000, MIB, PACK_BLOCK_SIZE };
	cleanup_free uint8_t *bytes = malloc(PACK_BLOCK_SIZE);
	struct compressor *c = NULL;

	CHECK(bytes && compressor_new(PACK_ZSTD, 19, &c) == 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bytes in = { bytes, sizes[i] };

		fill_noise(bytes, sizes[i], 7);
		CHECK(!compressor_probe(c, in));
		memset(bytes, 'x', sizes[i]);
		CHECK(compressor_probe(c, in) == (sizes[i] > 1));
	}
	compressor_free(c);
}

/* Writes text over so much of path 0, at a place in its file. */
static void put_text(const struct store *s, size_t len, off_t at)
{
	static const char text[4096] = "the same text again and again";
	cleanup_close int fd = -1;
	char path[PATH_MAX];

	file_path(s, 0, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	for (; len > 0; len -= sizeof(text), at += (off_t)sizeof(text))
		CHECK(pwrite(fd, text, sizeof(text), at) == sizeof(text));
}

/* One thread: the blocks are compressed in their order. */
static void pack_one(const struct store *s, struct outcome *o)
{
	const struct pack_options options = {
		.compression = PACK_ZSTD,
		.level = -1,
		.jobs = 1,
		.max_memory = PACK_BUDGET_MIN,
	};
	struct pack *p = NULL;

	atomic_store(&whole_blocks, 0);
	CHECK(pack_open(&options, &p) == 0);
	outcome_init(o);
	submit(p, s, 0, NULL);
	run(p, o, 1);
	pack_close(p);
}

static void noise_is_stored_once_it_was_seen(void)
{
	static const size_t sizes[] = { 3 * PACK_BLOCK_SIZE };
	struct outcome o;
	struct store s;

	store_make(&s, sizes, 1);
	pack_one(&s, &o);
	check_object(&o, &s, 0, PACK_ZSTD);
	CHECK(whole_blocks == 1);
	buffer_clear(&o.bytes);
	store_remove(&s);
}

static void what_shrinks_again_is_compressed_again(void)
{
	static const size_t sizes[] = { 4 * PACK_BLOCK_SIZE };
	struct outcome o;
	struct store s;

	store_make(&s, sizes, 1);
	put_text(&s, 2 * PACK_BLOCK_SIZE, (off_t)(2 * PACK_BLOCK_SIZE));
	store_learn(&s, 0);
	pack_one(&s, &o);
	check_object(&o, &s, 0, PACK_ZSTD);
	CHECK(whole_blocks == 3);
	CHECK(o.bytes.len < 2 * PACK_BLOCK_SIZE + MIB);
	buffer_clear(&o.bytes);
	store_remove(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a stored frame is what zstd reads",
		  a_stored_frame_is_what_zstd_reads },
		{ "a probe tells noise from text",
		  a_probe_tells_noise_from_text },
		{ "noise is stored once it was seen",
		  noise_is_stored_once_it_was_seen },
		{ "what shrinks again is compressed again",
		  what_shrinks_again_is_compressed_again },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
