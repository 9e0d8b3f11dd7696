#include "tests/lib/test.h"
#include "tests/unit/compressed_samples.h"

#include "client/pack/decompress.h"
#include "protocol/base/cleanup.h"

#include <archive.h>
#include <archive_entry.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX ((size_t)64 * 1024)

#define SAMPLE(name, of)                       \
	{                                      \
		name, { of, sizeof(of) }, true \
	}

static const struct sample {
	const char *compression;
	struct bytes bytes;
	bool has_end; /* the format says where a stream ends */
} one[] = {
	SAMPLE("xz", one_xz),
	SAMPLE("gzip", one_gzip),
	SAMPLE("bzip2", one_bzip2),
	SAMPLE("lz4", one_lz4),
	SAMPLE("lzip", one_lzip),
	SAMPLE("lzma", one_lzma),
	SAMPLE("br", one_br),
	SAMPLE("zstd", one_zstd),
	{ "compress", { one_compress, sizeof(one_compress) }, false },
}, many[] = {
	SAMPLE("xz", many_xz),       SAMPLE("gzip", many_gzip),
	SAMPLE("bzip2", many_bzip2), SAMPLE("lz4", many_lz4),
	SAMPLE("lzip", many_lzip),   SAMPLE("zstd", many_zstd),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What every sample holds. */
static struct bytes plain(void)
{
	static char text[512];
	int len = 0;

	for (int i = 0; i < 12; i++) {
		len += snprintf(text + len, sizeof(text) - (size_t)len,
		                "line %d of a small sample\n", i);
	}
	return (struct bytes){ (const uint8_t *)text, (size_t)len };
}

static struct conduit *conduit_of(struct bytes in, size_t piece)
{
	struct conduit *conduit = NULL;
	size_t limit = in.len > CONDUIT_PIECE_MAX ? in.len : CONDUIT_PIECE_MAX;

	if (conduit_new(limit, &conduit) < 0)
		abort();
	while (in.len > 0) {
		size_t len = in.len < piece ? in.len : piece;

		if (conduit_put(conduit, (struct bytes){ in.data, len }) < 0)
			abort();
		in.data += len;
		in.len -= len;
	}
	return conduit;
}

/* All that comes out, read size at a time. */
static int read_all(struct decompress *d, size_t size, struct buffer *out)
{
	size_t len = 1;
	int rc = 0;

	while (rc == 0 && len > 0) {
		uint8_t *room = buffer_reserve(out, size);

		if (!room)
			return -EMSGSIZE;
		rc = decompress_read(d, room, size, &len);
		if (rc == 0)
			out->len += len;
	}
	if (rc == 0 && (decompress_read(d, &len, 1, &len) < 0 || len != 0))
		FAIL("the end was not the end");
	if (rc < 0 && decompress_why(d)[0] == '\0')
		FAIL("a failure without a sentence");
	return rc;
}

static int unpack_text(const char *compression, struct bytes in,
                       struct buffer *out)
{
	cleanup_conduit struct conduit *conduit =
		conduit_of(in, CONDUIT_PIECE_MAX);
	cleanup_decompress struct decompress *d = NULL;
	int rc;

	conduit_end(conduit, 0, NULL);
	buffer_init(out, OUT_MAX);
	rc = decompress_open(compression, conduit, &d);
	return rc < 0 ? rc : read_all(d, 4096, out);
}

static bool gives(const char *compression, struct bytes in, struct bytes want)
{
	cleanup_buffer struct buffer out;

	return unpack_text(compression, in, &out) == 0 &&
	       bytes_equal(buffer_bytes(&out), want);
}

static int outcome(const char *compression, struct bytes in)
{
	cleanup_buffer struct buffer out;

	return unpack_text(compression, in, &out);
}

static void check(bool ok, const struct sample *sample, size_t at)
{
	char text[80];

	if (ok)
		return;
	(void)snprintf(text, sizeof(text), "%s at %zu", sample->compression,
	               at);
	FAIL(text);
}

static void each_format_is_read(void)
{
	for (size_t i = 0; i < COUNT(one); i++) {
		check(gives(one[i].compression, one[i].bytes, plain()), &one[i],
		      0);
	}
	CHECK(gives("none", plain(), plain()));
	CHECK(gives("none", bytes_of_text(""), bytes_of_text("")));
}

static void streams_one_after_another_are_one(void)
{
	for (size_t i = 0; i < COUNT(many); i++) {
		check(gives(many[i].compression, many[i].bytes, plain()),
		      &many[i], 0);
	}
}

static void only_what_is_named_is_decoded(void)
{
	for (size_t i = 0; i < COUNT(one); i++) {
		for (size_t j = 0; j < COUNT(one); j++) {
			if (i == j || !one[i].has_end)
				continue;
			check(outcome(one[i].compression, one[j].bytes) ==
			              -EBADMSG,
			      &one[i], j);
		}
		check(gives("none", one[i].bytes, one[i].bytes), &one[i], 0);
	}
}

static void every_truncation_is_found(void)
{
	for (size_t i = 0; i < COUNT(one); i++) {
		struct bytes cut = one[i].bytes;

		for (cut.len = 0; cut.len < one[i].bytes.len; cut.len++) {
			int rc = outcome(one[i].compression, cut);

			check(rc == -EBADMSG || (rc == 0 && !one[i].has_end &&
			                         cut.len > 0),
			      &one[i], cut.len);
		}
	}
}

/* Cut between two streams it is a whole one, and the hash must tell. */
static void every_truncation_inside_a_later_stream_is_found(void)
{
	for (size_t i = 0; i < COUNT(many); i++) {
		struct bytes cut = many[i].bytes;
		size_t taken = 0;

		for (cut.len = 0; cut.len < many[i].bytes.len; cut.len++)
			taken += outcome(many[i].compression, cut) == 0;
		/* zstd's have a skippable frame in between and one behind */
		check(taken == (strcmp(many[i].compression, "zstd") == 0 ? 4
		                                                         : 1),
		      &many[i], taken);
	}
}

static void bytes_after_the_end_are_found(void)
{
	static const char *const tails[] = { "x", "garbage behind it", "\1\1" };

	for (size_t i = 0; i < COUNT(one); i++) {
		for (size_t j = 0; j < COUNT(tails) && one[i].has_end; j++) {
			cleanup_buffer struct buffer in;

			buffer_init(&in, OUT_MAX);
			buffer_append_bytes(&in, one[i].bytes);
			buffer_append_text(&in, tails[j]);
			check(outcome(one[i].compression, buffer_bytes(&in)) ==
			              -EBADMSG,
			      &one[i], j);
		}
	}
}

/* A flipped bit may do no harm, or may not be seen where the format has no
 * check sum; it never gives more than there is room for. */
static void a_flipped_bit_does_no_harm(void)
{
	for (size_t i = 0; i < COUNT(one); i++) {
		for (size_t bit = 0; bit < one[i].bytes.len * 8; bit++) {
			uint8_t copy[256];
			int rc;

			memcpy(copy, one[i].bytes.data, one[i].bytes.len);
			copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
			rc = outcome(one[i].compression,
			             (struct bytes){ copy, one[i].bytes.len });
			check(rc == 0 || rc == -EBADMSG || rc == -EMSGSIZE,
			      &one[i], bit);
		}
	}
}

static void the_size_of_reads_and_pieces_does_not_matter(void)
{
	for (size_t i = 0; i < COUNT(one); i++) {
		for (size_t size = 1; size <= 16; size += 5) {
			cleanup_conduit struct conduit *conduit =
				conduit_of(one[i].bytes, size);
			cleanup_decompress struct decompress *d = NULL;
			cleanup_buffer struct buffer out;

			conduit_end(conduit, 0, NULL);
			buffer_init(&out, OUT_MAX);
			CHECK(decompress_open(one[i].compression, conduit,
			                      &d) == 0);
			check(read_all(d, size, &out) == 0 &&
			              bytes_equal(buffer_bytes(&out), plain()),
			      &one[i], size);
		}
	}
}

static void a_failure_of_the_conduit_is_passed_on(void)
{
	for (size_t i = 0; i < COUNT(one); i++) {
		cleanup_conduit struct conduit *conduit =
			conduit_of((struct bytes){ one[i].bytes.data, 20 }, 7);
		cleanup_decompress struct decompress *d = NULL;
		cleanup_buffer struct buffer out;

		conduit_end(conduit, -ETIMEDOUT, "the server fell silent");
		buffer_init(&out, OUT_MAX);
		CHECK(decompress_open(one[i].compression, conduit, &d) == 0);
		check(read_all(d, 100, &out) == -ETIMEDOUT, &one[i], 0);
		check(strcmp(decompress_why(d), "the server fell silent") == 0,
		      &one[i], 1);
		check(read_all(d, 100, &out) == -ETIMEDOUT, &one[i], 2);
	}
}

static void other_formats_are_not_taken(void)
{
	static const char *const names[] = { "",     "lrzip", "lzop", "grzip",
		                             "ZSTD", "rar",   "zstd " };
	cleanup_conduit struct conduit *conduit = conduit_of(plain(), 10);
	struct decompress *d = NULL;

	for (size_t i = 0; i < COUNT(names); i++) {
		CHECK(!decompress_knows(names[i]));
		CHECK(decompress_open(names[i], conduit, &d) == -ENOTSUP);
	}
	for (size_t i = 0; i < COUNT(one); i++)
		CHECK(decompress_knows(one[i].compression));
	CHECK(decompress_knows("none") && !d);
}

static void what_was_taken_in_is_summed(void)
{
	for (size_t i = 0; i < COUNT(one); i++) {
		cleanup_conduit struct conduit *conduit =
			conduit_of(one[i].bytes, 9);
		cleanup_digest struct digest *digest = digest_new_sha256();
		cleanup_decompress struct decompress *d = NULL;
		uint8_t got[DIGEST_SHA256_LEN], want[DIGEST_SHA256_LEN];
		cleanup_buffer struct buffer out;

		conduit_end(conduit, 0, NULL);
		buffer_init(&out, OUT_MAX);
		CHECK(decompress_open(one[i].compression, conduit, &d) == 0);
		decompress_sum(d, digest);
		CHECK(read_all(d, 100, &out) == 0);
		CHECK(digest_final(digest, got) == 0);
		CHECK(digest_sha256(one[i].bytes, want) == 0);
		CHECK(memcmp(got, want, sizeof(got)) == 0);
		CHECK(decompress_taken(d) == one[i].bytes.len);
	}
}

/* What libarchive makes of bytes, for what is too large to stand here. */
static void compress(const char *filter, const uint8_t *bytes, size_t len,
                     struct buffer *out)
{
	struct archive_entry *entry = archive_entry_new();
	struct archive *archive = archive_write_new();
	size_t used = 0;

	buffer_init(out, len + OUT_MAX);
	archive_entry_set_filetype(entry, AE_IFREG);
	if (archive_write_set_format_raw(archive) != ARCHIVE_OK ||
	    archive_write_add_filter_by_name(archive, filter) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(archive, 0) != ARCHIVE_OK ||
	    archive_write_open_memory(archive, buffer_reserve(out, len + 4096),
	                              len + 4096, &used) != ARCHIVE_OK ||
	    archive_write_header(archive, entry) != ARCHIVE_OK ||
	    archive_write_data(archive, bytes, len) != (la_ssize_t)len ||
	    archive_write_close(archive) != ARCHIVE_OK)
		FAIL(archive_error_string(archive));
	out->len += used;
	(void)archive_write_free(archive);
	archive_entry_free(entry);
}

#define BIG ((size_t)3 * 1024 * 1024 + 17)

static const struct {
	const char *compression;
	const char *filter;
} writers[] = {
	{ "xz", "xz" },     { "gzip", "gzip" },         { "bzip2", "bzip2" },
	{ "lz4", "lz4" },   { "lzip", "lzip" },         { "lzma", "lzma" },
	{ "zstd", "zstd" }, { "compress", "compress" },
};

static void what_is_longer_than_a_buffer_is_read(void)
{
	cleanup_free uint8_t *bytes = malloc(BIG);
	uint32_t state = 1;

	if (!bytes)
		abort();
	/* half of it cannot be compressed */
	for (size_t i = 0; i < BIG; i++) {
		state = state * 1664525U + 1013904223U;
		bytes[i] = i / 65536 % 2 ? (uint8_t)(state >> 24)
		                         : (uint8_t)(i % 251);
	}
	for (size_t i = 0; i < COUNT(writers); i++) {
		cleanup_conduit struct conduit *conduit = NULL;
		cleanup_decompress struct decompress *d = NULL;
		cleanup_buffer struct buffer in, out;

		compress(writers[i].filter, bytes, BIG, &in);
		conduit = conduit_of(buffer_bytes(&in), 100000);
		conduit_end(conduit, 0, NULL);
		buffer_init(&out, 2 * BIG);
		CHECK(decompress_open(writers[i].compression, conduit, &d) ==
		      0);
		if (read_all(d, 65536, &out) != 0 ||
		    !bytes_equal(buffer_bytes(&out),
		                 (struct bytes){ bytes, BIG }))
			FAIL(writers[i].compression);
	}
}

static void a_small_object_is_decoded(void)
{
	static const struct {
		const char *encoding;
		struct bytes bytes;
	} cases[] = {
		{ "gzip", { one_gzip, sizeof(one_gzip) } },
		{ "GZip", { many_gzip, sizeof(many_gzip) } },
		{ "x-gzip", { one_gzip, sizeof(one_gzip) } },
		{ "br", { one_br, sizeof(one_br) } },
		{ "zstd", { one_zstd, sizeof(one_zstd) } },
		{ "xz", { one_xz, sizeof(one_xz) } },
		{ "bzip2", { one_bzip2, sizeof(one_bzip2) } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buffer struct buffer out;
		size_t len = plain().len;

		buffer_init(&out, len);
		CHECK(decompress_whole(cases[i].encoding, cases[i].bytes,
		                       &out) == 0);
		CHECK(bytes_equal(buffer_bytes(&out), plain()));
		buffer_clear(&out);
		buffer_init(&out, len - 1);
		CHECK(decompress_whole(cases[i].encoding, cases[i].bytes,
		                       &out) == -EMSGSIZE);
	}
}

static void an_object_without_encoding_is_itself(void)
{
	cleanup_buffer struct buffer out;

	buffer_init(&out, 2 * plain().len);
	CHECK(decompress_whole("", plain(), &out) == 0);
	CHECK(decompress_whole("identity", plain(), &out) == 0);
	CHECK(out.len == 2 * plain().len);
	CHECK(decompress_whole("", plain(), &out) == -EMSGSIZE);
	buffer_clear(&out);
	CHECK(decompress_whole("deflate", plain(), &out) == -ENOTSUP);
	CHECK(decompress_whole("gzip, br", plain(), &out) == -ENOTSUP);
	CHECK(decompress_whole("gzip", plain(), &out) == -EBADMSG);
	CHECK(decompress_whole("gzip", bytes_of_text(""), &out) == -EBADMSG);
}

static void a_small_object_that_grows_is_stopped(void)
{
	cleanup_free uint8_t *zeros = calloc(1, BIG);
	static const char *const names[] = { "xz", "gzip", "bzip2", "zstd" };

	for (size_t i = 0; zeros && i < COUNT(names); i++) {
		cleanup_buffer struct buffer in, out;

		compress(names[i], zeros, BIG, &in);
		CHECK(in.len < 16384);
		buffer_init(&out, 65536);
		CHECK(decompress_whole(names[i], buffer_bytes(&in), &out) ==
		      -EMSGSIZE);
		CHECK(out.len <= 65536);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "each format is read", each_format_is_read },
		{ "streams one after another are one",
		  streams_one_after_another_are_one },
		{ "only what is named is decoded",
		  only_what_is_named_is_decoded },
		{ "every truncation is found", every_truncation_is_found },
		{ "every truncation inside a later stream is found",
		  every_truncation_inside_a_later_stream_is_found },
		{ "bytes after the end are found",
		  bytes_after_the_end_are_found },
		{ "a flipped bit does no harm", a_flipped_bit_does_no_harm },
		{ "the size of reads and pieces does not matter",
		  the_size_of_reads_and_pieces_does_not_matter },
		{ "a failure of the conduit is passed on",
		  a_failure_of_the_conduit_is_passed_on },
		{ "other formats are not taken", other_formats_are_not_taken },
		{ "what was taken in is summed", what_was_taken_in_is_summed },
		{ "what is longer than a buffer is read",
		  what_is_longer_than_a_buffer_is_read },
		{ "a small object is decoded", a_small_object_is_decoded },
		{ "an object without encoding is itself",
		  an_object_without_encoding_is_itself },
		{ "a small object that grows is stopped",
		  a_small_object_that_grows_is_stopped },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
