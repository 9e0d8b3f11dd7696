#include "tests/lib/test.h"

#include "client/pack/assembly.h"
#include "client/pack/compress.h"

#include <zstd.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1024 * 1024)

static const struct pack_start no_start;

static void levels_and_names_are_checked(void)
{
	static const struct {
		enum pack_compression compression;
		int level;
		int rc;
	} cases[] = {
		{ PACK_ZSTD, -1, 0 },
		{ PACK_ZSTD, 1, 0 },
		{ PACK_ZSTD, 22, 0 },
		{ PACK_ZSTD, 23, -EINVAL },
		{ PACK_ZSTD, 0, -EINVAL },
		{ PACK_ZSTD, PACK_LEVEL_AUTO, 0 },
		{ PACK_XZ, PACK_LEVEL_AUTO, -EINVAL },
		{ PACK_ZSTD, -3, -EINVAL },
		{ PACK_NONE, PACK_LEVEL_AUTO, -EINVAL },
		{ PACK_XZ, 0, 0 },
		{ PACK_XZ, 9, 0 },
		{ PACK_XZ, 10, -EINVAL },
		{ PACK_NONE, -1, 0 },
		{ PACK_NONE, 1, -EINVAL },
	};
	enum pack_compression kind;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pack_options options = {
			.compression = cases[i].compression,
			.level = cases[i].level,
			.jobs = 1,
			.max_memory = PACK_BUDGET_MIN,
		};
		struct pack *p = NULL;

		CHECK(pack_open(&options, &p) == cases[i].rc);
		pack_close(p);
		options.max_memory--;
		p = NULL;
		CHECK(pack_open(&options, &p) == -EINVAL);
	}
	CHECK(pack_compression_parse("xz", &kind) == 0 && kind == PACK_XZ);
	CHECK(pack_compression_parse("gzip", &kind) == -EINVAL);
	CHECK(strcmp(pack_compression_suffix(PACK_NONE), "") == 0);
	CHECK(strcmp(pack_compression_suffix(PACK_ZSTD), ".zst") == 0);
	CHECK(strcmp(pack_compression_name(PACK_XZ), "xz") == 0);
}

static void a_frame_stands_alone_and_the_same_bytes_give_the_same(void)
{
	static const char text[] = "the same text, the same text";
	struct bytes in = { (const uint8_t *)text, sizeof(text) };
	struct compressor *c = NULL;
	uint8_t first[512], second[512], back[512];
	size_t first_len = 0, second_len = 0;

	CHECK(compressor_new(PACK_ZSTD, -1, &c) == 0);
	CHECK(compressor_run(c, in, first, 512, &first_len) == 0);
	CHECK(compressor_run(c, in, second, 512, &second_len) == 0);
	CHECK(first_len == second_len && memcmp(first, second, first_len) == 0);
	CHECK(ZSTD_decompress(back, 512, second, second_len) == sizeof(text));
	CHECK(compressor_run(c, in, first, 4, &first_len) == -ENOSPC);
	compressor_free(c);
}

/* Adds a block of len bytes and returns how many parts came of it. */
static size_t add_block(struct assembly *a, struct budget *b, size_t len,
                        bool is_last)
{
	struct notes parts = { .first = NULL };
	struct region block = { .data = NULL };
	const struct nix_hash so_far = { { (uint8_t)(a->blocks + 1) } };
	const struct assembly_block added = { &block, is_last, &so_far };
	struct note *note;
	size_t count = 0;

	CHECK(budget_take(b, region_charge(len)) == 0);
	CHECK(region_init(&block, b, len) == 0);
	memset(block.data, 'x', len);
	block.len = len;
	CHECK(assembly_add(a, &added, &parts) == 0);
	while ((note = notes_take(&parts))) {
		count++;
		note_free(note);
	}
	return count;
}

static void parts_are_cut_at_both_sides_of_each_limit(void)
{
	static const struct {
		size_t blocks[5]; /* the last that is not 0 is the last */
		size_t parts[5];  /* that come of each */
	} cases[] = {
		{ { 1 }, { 1 } },
		{ { PACK_SINGLE_MAX }, { 1 } },
		{ { PACK_SINGLE_MAX - 1, 1 }, { 0, 1 } },
		{ { PACK_SINGLE_MAX, 1 }, { 0, 2 } },
		{ { PACK_SINGLE_MAX - 2, 1, 1, 1 }, { 0, 0, 0, 2 } },
		{ { PACK_PART_MIN, PACK_PART_MIN, 1 }, { 0, 0, 2 } },
		{ { PACK_PART_MIN - 1, PACK_PART_MIN + 1, 1 }, { 0, 0, 2 } },
		{ { PACK_PART_MIN - 1, PACK_PART_MIN + 2, 1 }, { 0, 1, 1 } },
		{ { PACK_SINGLE_MAX, PACK_PART_MIN - 1, 1, 1 },
		  { 0, 1, 1, 1 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget *b = budget_new(256 * MIB);
		struct assembly a;

		CHECK(assembly_init(&a, &no_start) == 0);
		for (size_t k = 0; k < 4 && cases[i].blocks[k]; k++) {
			CHECK(add_block(&a, b, cases[i].blocks[k],
			                cases[i].blocks[k + 1] == 0) ==
			      cases[i].parts[k]);
		}
		assembly_clear(&a);
		CHECK(budget_used(b) == 0);
		budget_release(b);
	}
}

/* However few bytes there were: S3 has them as parts already. */
static void after_a_start_the_rest_is_parts_too(void)
{
	const struct pack_start start = { .blocks = 3, .parts = 2, .bytes = 5 };
	struct budget *b = budget_new(256 * MIB);
	struct notes parts = { .first = NULL };
	struct pack_event end = { .has_file_hash = true };
	struct region block = { .data = NULL };
	const struct nix_hash so_far = { { 9 } };
	const struct assembly_block added = { &block, false, &so_far };
	struct assembly a;
	struct note *note;

	CHECK(assembly_init(&a, &start) == 0);
	CHECK(add_block(&a, b, PACK_PART_MIN - 1, false) == 0);
	CHECK(budget_take(b, region_charge(10)) == 0);
	CHECK(region_init(&block, b, 10) == 0);
	memset(block.data, 'x', 10);
	block.len = 10;
	CHECK(assembly_add(&a, &added, &parts) == 0);
	note = notes_take(&parts);
	if (!note)
		abort();
	CHECK(note->event.part->number == 3);
	CHECK(note->event.part->blocks == 5 && !note->event.part->is_last);
	CHECK(nix_hash_equal(&note->event.part->so_far, &so_far));
	note_free(note);
	CHECK(add_block(&a, b, 1, true) == 1);
	CHECK(assembly_end(&a, &end) == 0);
	CHECK(!end.has_file_hash);
	CHECK(end.file_size == 5 + PACK_PART_MIN + 9 + 1);
	assembly_clear(&a);
	CHECK(budget_used(b) == 0);
	budget_release(b);
}

static void s3s_number_of_parts_is_the_limit(void)
{
	struct notes parts = { .first = NULL };
	struct budget *b = budget_new(MIB);
	struct region block = { .data = NULL };
	const struct nix_hash so_far = { { 0 } };
	const struct assembly_block added = { &block, true, &so_far };
	struct assembly a;

	CHECK(assembly_init(&a, &no_start) == 0);
	a.parts = ASSEMBLY_PARTS_MAX - 1;
	CHECK(add_block(&a, b, 10, true) == 1);
	CHECK(budget_take(b, region_charge(10)) == 0);
	CHECK(region_init(&block, b, 10) == 0);
	block.len = 10;
	CHECK(assembly_add(&a, &added, &parts) == -EFBIG);
	assembly_clear(&a);
	region_clear(&block);
	CHECK(budget_used(b) == 0);
	budget_release(b);
}

static void a_budget_lends_beyond_its_limit_only_when_all_is_there(void)
{
	struct budget *b = budget_new(100);

	CHECK(budget_take(b, 1000) == 0);
	CHECK(budget_used(b) == 1000);
	budget_give(b, 1000);
	CHECK(budget_take(b, 60) == 0 && budget_take(b, 40) == 0);
	budget_stop(b);
	CHECK(budget_take(b, 1) == -ECANCELED);
	budget_give(b, 100);
	CHECK(budget_used(b) == 0);
	budget_release(b);
}

int main(void)
{
	static const struct test tests[] = {
		{ "levels and names are checked",
		  levels_and_names_are_checked },
		{ "a frame stands alone, and the same bytes give the same",
		  a_frame_stands_alone_and_the_same_bytes_give_the_same },
		{ "parts are cut at both sides of each limit",
		  parts_are_cut_at_both_sides_of_each_limit },
		{ "after a start the rest is parts too",
		  after_a_start_the_rest_is_parts_too },
		{ "S3's number of parts is the limit",
		  s3s_number_of_parts_is_the_limit },
		{ "a budget lends beyond its limit only when all is there",
		  a_budget_lends_beyond_its_limit_only_when_all_is_there },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
