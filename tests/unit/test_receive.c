#include "client/serve/receive.h"
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

static void a_small_nar_is_one_put(void)
{
	static const char *const compressions[] = { "none", "zstd" };

	for (size_t i = 0; i < 2; i++) {
		struct receive_stage stage;
		struct sample_nar nar;

		receive_stage_set_up(&stage);
		sample_nar_make(&nar, compressions[i], 4096, 1);
		CHECK(put_nar(&stage, &nar, NULL) == 201);
		CHECK(holds(&stage, nar.key, buffer_bytes(&nar.file)));
		CHECK(stage.upstream->counts[CACHE_BEGIN] == 0);
		sample_nar_clear(&nar);
		receive_stage_tear_down(&stage);
	}
}

static void the_cache_gets_its_own_info_first(void)
{
	static const char wanted[] = "StoreDir: /nix/store\n"
				     "WantMassQuery: 1\nPriority: 30\n";
	struct receive_stage stage;
	struct sample_nar nar;
	struct order *order;
	struct receipt *receipt;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "none", 4096, 1);
	receipt = receive_stage_begin(&stage, nar.key, NULL);
	CHECK(receive_stage_write(&stage, receipt, buffer_bytes(&nar.file),
	                          512));
	CHECK(receive_stage_end(&stage, receipt) == 201);
	CHECK(holds(&stage, "nix-cache-info", bytes_of_text(wanted)));
	CHECK(stage.upstream->counts[CACHE_GET] == 1);
	CHECK(stage.upstream->counts[CACHE_PUT] == 2);

	/* And only once. */
	CHECK(put_nar(&stage, &nar, NULL) == 201);
	CHECK(stage.upstream->counts[CACHE_GET] == 1);
	CHECK(stage.upstream->counts[CACHE_PUT] == 3);
	order = fake_upstream_step(stage.upstream, 0);
	CHECK(!order);
	sample_nar_clear(&nar);
	receive_stage_tear_down(&stage);
}

static void an_info_that_is_there_is_left_alone(void)
{
	static const char text[] = "StoreDir: /nix/store\n";
	struct receive_stage stage;
	struct sample_nar nar;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "none", 4096, 1);
	fake_upstream_add(stage.upstream, "nix-cache-info",
	                  bytes_of_text(text));
	CHECK(put_nar(&stage, &nar, NULL) == 201);
	CHECK(holds(&stage, "nix-cache-info", bytes_of_text(text)));
	sample_nar_clear(&nar);
	receive_stage_tear_down(&stage);
}

static void a_cache_of_another_store_takes_nothing(void)
{
	static const char *const texts[] = { "StoreDir: /other/store\n",
		                             "no info", "" };
	struct receive_stage stage;
	struct sample_nar nar;

	sample_nar_make(&nar, "none", 4096, 1);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		receive_stage_set_up(&stage);
		fake_upstream_add(stage.upstream, "nix-cache-info",
		                  bytes_of_text(texts[i]));
		CHECK(put_nar(&stage, &nar, NULL) == 400);
		CHECK(is_untouched(&stage));
		receive_stage_tear_down(&stage);
	}
	sample_nar_clear(&nar);
}

static void an_info_that_cannot_be_had_is_asked_for_again(void)
{
	struct receive_stage stage;
	struct sample_nar nar;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "none", 4096, 1);
	stage.upstream->fails = true;
	stage.upstream->failing = CACHE_GET;
	CHECK(put_nar(&stage, &nar, NULL) == 502);
	CHECK(is_untouched(&stage));
	stage.upstream->fails = false;
	CHECK(put_nar(&stage, &nar, NULL) == 201);
	sample_nar_clear(&nar);
	receive_stage_tear_down(&stage);
}

/* Who waits for another one's question goes on when that one is cut short. */
static void two_who_want_the_info_ask_once(void)
{
	struct receive_stage stage;
	struct receipt *receipts[2];
	struct sample_nar nar;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "none", 4096, 1);
	for (int i = 0; i < 2; i++) {
		size_t taken = 0;

		receipts[i] =
			receive_stage_begin(&stage,
		                            "log/"
		                            "00000000000000000000000000000"
		                            "000-a.drv",
		                            NULL);
		CHECK(receipt_write(receipts[i], bytes_of_text("x"), &taken) ==
		      0);
		receipt_end(receipts[i]);
		CHECK(receipt_state(receipts[i]) == RECEIPT_BUSY);
	}
	CHECK(fake_upstream_waiting(stage.upstream) == 1);
	receipt_close(receipts[0]);
	CHECK(receive_stage_settle(&stage, receipts[1]) == RECEIPT_DONE);
	CHECK(receipt_status(receipts[1]) == 201);
	receipt_close(receipts[1]);
	sample_nar_clear(&nar);
	receive_stage_tear_down(&stage);
}

/* Both sides of every border, and in pieces of several sizes. */
static void nars_of_all_sizes_arrive_whole(void)
{
	static const size_t sizes[] = {
		SAMPLE_NAR_LEAST, EARLY - 8,    EARLY,         EARLY + 8,
		PART - 8,         PART,         PART + 8,      2 * PART - 8,
		2 * PART,         2 * PART + 8, 3 * PART + 80,
	};
	static const size_t pieces[] = { 1000000, 65536 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct receive_stage stage;
		struct receipt *receipt;
		struct sample_nar nar;

		receive_stage_set_up(&stage);
		sample_nar_make(&nar, "none", sizes[i], 5);
		receipt = receive_stage_begin(&stage, nar.key, NULL);
		CHECK(receive_stage_write(&stage, receipt,
		                          buffer_bytes(&nar.file),
		                          pieces[i % 2]));
		CHECK(receive_stage_end(&stage, receipt) == 201);
		CHECK(holds(&stage, nar.key, buffer_bytes(&nar.file)));
		CHECK(fake_upstream_uploads(stage.upstream) == 0);
		CHECK((stage.upstream->counts[CACHE_BEGIN] == 1) ==
		      (sizes[i] >= PART));
		CHECK(stage.upstream->counts[CACHE_PART] ==
		      (sizes[i] < PART ? 0 : (sizes[i] + PART - 1) / PART));
		CHECK(stage.upstream->largest_part <= PART);
		sample_nar_clear(&nar);
		receive_stage_tear_down(&stage);
	}
}

static void a_cache_that_waits_makes_the_client_wait(void)
{
	struct receive_stage stage;
	struct receipt *receipt;
	struct sample_nar nar;
	size_t given = 0;
	size_t taken = 1;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "none", 4 * PART, 5);
	receipt = receive_stage_begin(&stage, nar.key, NULL);
	while (taken > 0) {
		CHECK(receipt_write(receipt,
		                    (struct bytes){ nar.file.data + given,
		                                    nar.file.len - given },
		                    &taken) == 0);
		given += taken;
	}
	CHECK(given <= 2 * PART);
	CHECK(receipt_state(receipt) == RECEIPT_BUSY);
	CHECK(receive_stage_write(&stage, receipt,
	                          (struct bytes){ nar.file.data + given,
	                                          nar.file.len - given },
	                          PART));
	CHECK(receive_stage_end(&stage, receipt) == 201);
	CHECK(holds(&stage, nar.key, buffer_bytes(&nar.file)));
	sample_nar_clear(&nar);
	receive_stage_tear_down(&stage);
}

static void the_rest_wait_their_turn(void)
{
	struct receipt *large[RECEIVE_ACTIVE_MAX + 2];
	struct sample_nar nars[RECEIVE_ACTIVE_MAX + 2];
	const size_t count = RECEIVE_ACTIVE_MAX + 2;
	struct receive_stage stage;
	struct sample_nar small;

	receive_stage_set_up(&stage);
	for (size_t i = 0; i < count; i++) {
		sample_nar_make(&nars[i], "none", EARLY + 4096,
		                100 + (unsigned)i);
		large[i] = receive_stage_begin(&stage, nars[i].key, NULL);
		(void)receive_stage_write(
			&stage, large[i],
			(struct bytes){ nars[i].file.data, EARLY }, EARLY);
		CHECK((receipt_state(large[i]) == RECEIPT_BUSY) ==
		      (i >= RECEIVE_ACTIVE_MAX));
	}

	/* One that is small and here already needs none of their places. */
	sample_nar_make(&small, "zstd", 4096, 9);
	CHECK(put_nar(&stage, &small, NULL) == 201);

	/* The oldest of those who wait is next. */
	receive_stage_drain(&stage);
	receipt_close(large[0]);
	receive_stage_wait(&stage);
	CHECK(receipt_state(large[count - 1]) == RECEIPT_BUSY);
	CHECK(receive_stage_settle(&stage, large[count - 2]) == RECEIPT_HUNGRY);
	CHECK(receipt_state(large[count - 1]) == RECEIPT_BUSY);
	for (size_t i = 1; i < count; i++) {
		CHECK(receive_stage_write(
			&stage, large[i],
			(struct bytes){ nars[i].file.data + EARLY, 4096 },
			4096));
		CHECK(receive_stage_end(&stage, large[i]) == 201);
		CHECK(holds(&stage, nars[i].key, buffer_bytes(&nars[i].file)));
	}
	for (size_t i = 0; i < count; i++)
		sample_nar_clear(&nars[i]);
	sample_nar_clear(&small);
	receive_stage_tear_down(&stage);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a small NAR is one PUT", a_small_nar_is_one_put },
		{ "the cache gets its own info first",
		  the_cache_gets_its_own_info_first },
		{ "an info that is there is left alone",
		  an_info_that_is_there_is_left_alone },
		{ "a cache of another store takes nothing",
		  a_cache_of_another_store_takes_nothing },
		{ "an info that cannot be had is asked for again",
		  an_info_that_cannot_be_had_is_asked_for_again },
		{ "two who want the info ask once",
		  two_who_want_the_info_ask_once },
		{ "NARs of all sizes arrive whole",
		  nars_of_all_sizes_arrive_whole },
		{ "a cache that waits makes the client wait",
		  a_cache_that_waits_makes_the_client_wait },
		{ "the rest wait their turn", the_rest_wait_their_turn },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
