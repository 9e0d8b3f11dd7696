#include "client/serve/receive.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/receive_stage.h"
#include "tests/lib/test.h"

#include <string.h>

#define PART  RECEIVE_PART_SIZE
#define EARLY ((size_t)256 * 1024)

static bool holds(const struct receive_stage *stage, const char *key,
                  struct bytes body)
{
	const struct fake_object *object =
		fake_upstream_find(stage->upstream, key);

	return object && bytes_equal(buffer_bytes(&object->body), body);
}

/* No object but nix-cache-info, no upload, nothing on its way. */
static bool is_untouched(const struct receive_stage *stage)
{
	size_t own = fake_upstream_find(stage->upstream, "nix-cache-info") ? 1
	                                                                   : 0;

	return fake_upstream_objects(stage->upstream) == own &&
	       fake_upstream_uploads(stage->upstream) == 0 &&
	       fake_upstream_waiting(stage->upstream) == 0;
}

static unsigned put_nar(struct receive_stage *stage,
                        const struct sample_nar *nar, char *text)
{
	return receive_stage_put(stage, nar->key, NULL,
	                         buffer_bytes(&nar->file), text);
}

static void another_hash_in_the_name_is_refused(void)
{
	static const size_t sizes[] = { 4096, EARLY, PART - 8, PART + 8,
		                        2 * PART };
	char text[RECEIVE_STAGE_TEXT];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct receive_stage stage;
		struct sample_nar nar;

		receive_stage_set_up(&stage);
		sample_nar_make(&nar, "none", sizes[i], 5);
		nar.key[6] = nar.key[6] == 'a' ? 'b' : 'a';
		CHECK(put_nar(&stage, &nar, text) == 400);
		CHECK(strstr(text, nar.key) && strstr(text, "hash"));
		CHECK(is_untouched(&stage));
		sample_nar_clear(&nar);
		receive_stage_tear_down(&stage);
	}
}

static void what_does_not_unpack_is_refused(void)
{
	static const struct {
		const char *what;
		const char *compression;
		size_t size;
		int cut;   /* bytes off the end; < 0: more */
		int wrong; /* offset of a byte to be changed; -1: none */
	} rows[] = {
		{ "nothing", "none", 4096, 4096, -1 },
		{ "nothing, zstd", "zstd", 4096, 1 << 30, -1 },
		{ "cut short", "zstd", 4096, 1, -1 },
		{ "cut short, large", "zstd", 2 * PART, 1, -1 },
		{ "bytes behind the end", "zstd", 4096, -5, -1 },
		{ "bytes behind the end, large", "zstd", 2 * PART, -5, -1 },
		{ "not zstd", "zstd", 4096, 0, 0 },
		{ "not zstd, large", "zstd", 3 * PART, 0, 0 },
		{ "not a NAR", "none", 4096, 0, 9 },
		{ "not a NAR, compressed", "none", 2 * PART, 0, 9 },
		{ "less than a NAR's beginning", "none", 4096, 4096 - 23, -1 },
	};
	char text[RECEIVE_STAGE_TEXT];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct receive_stage stage;
		struct sample_nar nar;
		unsigned status;

		receive_stage_set_up(&stage);
		sample_nar_make(&nar, rows[i].compression, rows[i].size, 5);
		if (rows[i].wrong >= 0)
			nar.file.data[rows[i].wrong] ^= 0x20;
		for (int n = rows[i].cut; n < 0; n++)
			buffer_append_char(&nar.file, 'x');
		if (rows[i].cut > 0) {
			nar.file.len -= (size_t)rows[i].cut > nar.file.len
			                        ? nar.file.len
			                        : (size_t)rows[i].cut;
		}
		sample_nar_rename(&nar);
		status = put_nar(&stage, &nar, text);
		if (status != 400 || !is_untouched(&stage)) {
			printf("# %s: %u %s\n", rows[i].what, status, text);
			FAIL("not refused");
		}
		sample_nar_clear(&nar);
		receive_stage_tear_down(&stage);
	}
}

static void a_name_without_ending_may_mean_gzip(void)
{
	struct receive_stage stage;
	struct sample_nar nar;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "none", 4096, 5);
	nar.file.data[0] = 0x1f;
	nar.file.data[1] = 0x8b;
	sample_nar_rename(&nar);
	CHECK(put_nar(&stage, &nar, NULL) == 400);
	CHECK(is_untouched(&stage));
	sample_nar_clear(&nar);
	receive_stage_tear_down(&stage);
}

/* As far as it goes while the cache answers nothing but what comes before a
 * part. */
static void write_until_a_part_waits(struct receive_stage *stage,
                                     struct receipt *receipt,
                                     struct bytes bytes)
{
	size_t taken = 1;

	while (taken > 0) {
		const struct order *first = stage->upstream->first;

		CHECK(receipt_write(receipt, bytes, &taken) == 0);
		bytes.data += taken;
		bytes.len -= taken;
		if (first && first->step.type != CACHE_PART) {
			struct order *order =
				fake_upstream_step(stage->upstream, 0);

			receipt_take_order(order->owner, order);
			taken = 1;
		}
	}
	CHECK(stage->upstream->first &&
	      stage->upstream->first->step.type == CACHE_PART);
}

enum moment {
	MOMENT_ANSWERED,
	MOMENT_ASLEEP,
	MOMENT_PART,
	MOMENTS,
};

static void write_until(struct receive_stage *stage, struct receipt *receipt,
                        struct bytes bytes, enum moment moment)
{
	size_t taken;

	if (moment == MOMENT_ANSWERED) {
		CHECK(receive_stage_write(stage, receipt, bytes, 100000));
	} else if (moment == MOMENT_PART && bytes.len > 2 * PART) {
		write_until_a_part_waits(stage, receipt, bytes);
	} else {
		CHECK(receipt_write(receipt, bytes, &taken) == 0);
	}
}

/* At every stage of its life, with and without orders under way. */
static void one_that_is_cut_short_leaves_nothing(void)
{
	static const size_t given[] = {
		0, 10, EARLY, PART - 1, PART, PART + 10, 2 * PART + 9, 3 * PART
	};
	const size_t count = sizeof(given) / sizeof(given[0]);

	for (size_t i = 0; i < MOMENTS * count; i++) {
		struct receive_stage stage;
		struct receipt *receipt;
		struct sample_nar nar;
		struct order *order;

		receive_stage_set_up(&stage);
		sample_nar_make(&nar, "none", 3 * PART + 80, 5);
		receipt = receive_stage_begin(&stage, nar.key, NULL);
		write_until(&stage, receipt,
		            (struct bytes){ nar.file.data, given[i % count] },
		            (enum moment)(i / count));
		receipt_close(receipt);
		while ((order = fake_upstream_step(stage.upstream, 0)))
			receipt_take_order(order->owner, order);
		CHECK(is_untouched(&stage));
		sample_nar_clear(&nar);
		receive_stage_tear_down(&stage);
	}
}

static void every_failure_of_the_cache_is_told(void)
{
	static const enum cache_step_type steps[] = {
		CACHE_GET, CACHE_PUT, CACHE_BEGIN, CACHE_PART, CACHE_COMPLETE,
	};
	static const struct {
		int exit_status;
		unsigned status;
	} rows[] = {
		{ EXIT_FAILED, 502 }, { EXIT_NO_AGENT, 503 },
		{ EXIT_LOCKED, 503 }, { EXIT_POLICY, 403 },
		{ EXIT_SOURCE, 503 },
	};
	char text[RECEIVE_STAGE_TEXT];
	struct sample_nar nar;

	sample_nar_make(&nar, "none", PART + 80, 5);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
			struct receive_stage stage;

			receive_stage_set_up(&stage);
			stage.upstream->fails = true;
			stage.upstream->failing = steps[i];
			stage.upstream->exit_status = rows[j].exit_status;
			CHECK(put_nar(&stage, &nar, text) == rows[j].status);
			CHECK(strcmp(text, "said a test") == 0);
			CHECK(is_untouched(&stage));
			receive_stage_tear_down(&stage);
		}
	}
	sample_nar_clear(&nar);
}

static void an_upload_that_the_cache_forgot_is_told(void)
{
	struct receive_stage stage;
	struct sample_nar nar;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "none", PART + 80, 5);
	stage.upstream->loses_parts = true;
	CHECK(put_nar(&stage, &nar, NULL) == 502);
	CHECK(is_untouched(&stage));
	sample_nar_clear(&nar);
	receive_stage_tear_down(&stage);
}

static void a_nar_has_no_content_encoding(void)
{
	struct receive_stage stage;
	struct sample_nar nar;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "none", 4096, 5);
	CHECK(receive_stage_put(&stage, nar.key, "gzip",
	                        buffer_bytes(&nar.file), NULL) == 415);
	CHECK(receive_stage_put(&stage, nar.key, "identity",
	                        buffer_bytes(&nar.file), NULL) == 201);
	CHECK(receive_stage_put(&stage, nar.key, "", buffer_bytes(&nar.file),
	                        NULL) == 201);
	sample_nar_clear(&nar);
	receive_stage_tear_down(&stage);
}

struct chance {
	struct sample_nar nar;
	struct receipt *receipt;
};

static void begin_by_chance(struct receive_stage *stage, struct chance *c,
                            unsigned i)
{
	sample_nar_make(&c->nar, "none",
	                i == 0 ? 4096 : PART + (size_t)4096 * i, i);
	c->receipt = receive_stage_begin(stage, c->nar.key, NULL);
}

static void end_by_chance(struct receive_stage *stage, struct chance *c)
{
	struct bytes body = buffer_bytes(&c->nar.file);
	bool is_cut = fake_upstream_random(stage->upstream, 3) == 0;

	if (is_cut) {
		body.len -= fake_upstream_random(stage->upstream,
		                                 (unsigned)body.len);
	}
	(void)receive_stage_write(stage, c->receipt, body, (size_t)1 << 20);
	if (is_cut) {
		receipt_close(c->receipt);
		return;
	}
	CHECK((receive_stage_end(stage, c->receipt) == 201) ==
	      holds(stage, c->nar.key, body));
}

/* Whatever happens, nothing half-done stays and nothing hangs. */
static void by_chance_nothing_is_left_half_done(void)
{
	for (unsigned seed = 1; seed < 60; seed++) {
		struct receive_stage stage;
		struct chance chances[3];
		struct order *order;

		receive_stage_set_up(&stage);
		stage.upstream->random = (seed * 2654435761U) | 1;
		stage.upstream->fail_percent = seed % 3 * 10;
		for (unsigned i = 0; i < 3; i++)
			begin_by_chance(&stage, &chances[i], i);
		for (unsigned i = 0; i < 3; i++)
			end_by_chance(&stage, &chances[i]);
		while ((order = fake_upstream_step(stage.upstream, 0)))
			receipt_take_order(order->owner, order);
		CHECK(fake_upstream_uploads(stage.upstream) == 0);
		for (unsigned i = 0; i < 3; i++)
			sample_nar_clear(&chances[i].nar);
		receive_stage_tear_down(&stage);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "another hash in the name is refused",
		  another_hash_in_the_name_is_refused },
		{ "what does not unpack is refused",
		  what_does_not_unpack_is_refused },
		{ "a name without ending may mean gzip",
		  a_name_without_ending_may_mean_gzip },
		{ "one that is cut short leaves nothing",
		  one_that_is_cut_short_leaves_nothing },
		{ "every failure of the cache is told",
		  every_failure_of_the_cache_is_told },
		{ "an upload that the cache forgot is told",
		  an_upload_that_the_cache_forgot_is_told },
		{ "a NAR has no Content-Encoding",
		  a_nar_has_no_content_encoding },
		{ "by chance, nothing is left half done",
		  by_chance_nothing_is_left_half_done },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
