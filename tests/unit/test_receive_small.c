#include "client/serve/ledger.h"
#include "client/serve/receive.h"
#include "tests/lib/receive_stage.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define HASH "00000000000000000000000000000000"
#define HEX  "0123456789abcdef0123456789abcdef01234567"

static const char *const keys[] = {
	HASH ".ls",
	"log/" HASH "-a.drv",
	"debuginfo/" HEX ".debug",
	"debuginfo/" HEX,
	"realisations/sha256:" HEX "0123456789abcdef01234567!out.doi",
	"build-trace-v2/" HASH "-a.drv/out.doi",
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

static bool holds(const struct receive_stage *stage, const char *key,
                  struct bytes body)
{
	const struct fake_object *object =
		fake_upstream_find(stage->upstream, key);

	return object && bytes_equal(buffer_bytes(&object->body), body);
}

static void they_are_stored_as_they_are(void)
{
	static const char *const bodies[] = { "{\"version\":1}", "" };

	for (size_t i = 0; i < 2 * KEYS; i++) {
		struct receive_stage stage;
		const char *key = keys[i / 2];

		receive_stage_set_up(&stage);
		CHECK(receive_stage_put(&stage, key, NULL,
		                        bytes_of_text(bodies[i % 2]),
		                        NULL) == 201);
		CHECK(holds(&stage, key, bytes_of_text(bodies[i % 2])));
		CHECK(fake_upstream_objects(stage.upstream) == 2);
		receive_stage_tear_down(&stage);
	}
}

static void their_encoding_is_undone(void)
{
	static const char plain[] = "a log, a log, a log";
	struct receive_stage stage;
	uint8_t packed[256];
	size_t len =
		ZSTD_compress(packed, sizeof(packed), plain, strlen(plain), 3);

	receive_stage_set_up(&stage);
	CHECK(receive_stage_put(&stage, keys[1], "zstd",
	                        (struct bytes){ packed, len }, NULL) == 201);
	CHECK(holds(&stage, keys[1], bytes_of_text(plain)));
	CHECK(receive_stage_put(&stage, keys[0], "zstd", bytes_of_text(plain),
	                        NULL) == 400);
	CHECK(receive_stage_put(&stage, keys[0], "an-encoding-of-great-length",
	                        bytes_of_text(plain), NULL) == 415);
	CHECK(!fake_upstream_find(stage.upstream, keys[0]));
	receive_stage_tear_down(&stage);
}

/* Also of what a few bytes become. */
static void they_have_a_greatest_size(void)
{
	struct receive_stage stage;
	struct buffer body;
	uint8_t *packed = malloc(ZSTD_compressBound(RECEIVE_SMALL_MAX + 1));
	size_t bound = ZSTD_compressBound(RECEIVE_SMALL_MAX + 1);

	if (!packed)
		abort();
	receive_stage_set_up(&stage);
	buffer_init(&body, RECEIVE_SMALL_MAX + 1);
	for (size_t more = 0; more < 2; more++) {
		size_t size = RECEIVE_SMALL_MAX + more;
		unsigned wanted = more == 0 ? 201 : 413;
		size_t len;

		while (body.len < size)
			buffer_append_char(&body, 'a');
		CHECK(receive_stage_put(&stage, keys[1], NULL,
		                        buffer_bytes(&body), NULL) == wanted);
		len = ZSTD_compress(packed, bound, body.data, body.len, 1);
		CHECK(receive_stage_put(&stage, keys[1], "zstd",
		                        (struct bytes){ packed, len },
		                        NULL) == wanted);
	}
	CHECK(fake_upstream_find(stage.upstream, keys[1])->body.len ==
	      RECEIVE_SMALL_MAX);
	buffer_clear(&body);
	free(packed);
	receive_stage_tear_down(&stage);
}

static void a_failure_is_told(void)
{
	struct receive_stage stage;

	receive_stage_set_up(&stage);
	stage.upstream->fails = true;
	stage.upstream->failing = CACHE_PUT;
	CHECK(receive_stage_put(&stage, keys[0], NULL, bytes_of_text("x"),
	                        NULL) == 502);
	CHECK(fake_upstream_objects(stage.upstream) == 0);
	receive_stage_tear_down(&stage);
}

static void our_own_info_is_agreed_to_and_not_stored(void)
{
	static const struct {
		const char *text;
		unsigned status;
	} rows[] = {
		{ "StoreDir: /nix/store\n", 200 },
		{ "StoreDir: /nix/store\nWantMassQuery: 0\nPriority: 9\n",
		  200 },
		{ "StoreDir: /other\n", 400 },
		{ "Priority: 9\n", 400 },
		{ "", 400 },
	};
	char long_text[5000];
	struct receive_stage stage;

	receive_stage_set_up(&stage);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK(receive_stage_put(&stage, "nix-cache-info", NULL,
		                        bytes_of_text(rows[i].text),
		                        NULL) == rows[i].status);
	}
	memset(long_text, '\n', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	CHECK(receive_stage_put(&stage, "nix-cache-info", NULL,
	                        bytes_of_text(long_text), NULL) == 413);
	CHECK(fake_upstream_objects(stage.upstream) == 0);
	receive_stage_tear_down(&stage);
}

static void no_other_name_is_taken(void)
{
	static const char *const bad[] = { "", "index.html", "nar/x.nar",
		                           "../nix-cache-info", "nar/../x.ls" };
	struct receive_stage stage;

	receive_stage_set_up(&stage);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(receive_stage_put(&stage, bad[i], NULL,
		                        bytes_of_text("x"), NULL) == 400);
	}
	CHECK(fake_upstream_objects(stage.upstream) == 0);
	receive_stage_tear_down(&stage);
}

/* What the server leaves when it ends, with everything still going on. */
static void a_receiver_may_go_at_any_time(void)
{
	struct receive_stage stage;
	struct sample_nar nar;
	size_t taken;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "none", 2 * RECEIVE_PART_SIZE, 5);
	for (size_t i = 0; i < 6; i++) {
		struct receipt *receipt = receive_stage_begin(
			&stage, i < 3 ? nar.key : keys[i], NULL);

		CHECK(receipt_write(receipt, buffer_bytes(&nar.file), &taken) ==
		      0);
		if (i % 2 == 0)
			receipt_close(receipt);
	}
	sample_nar_clear(&nar);
	receive_stage_tear_down(&stage);
}

/* The ledger */

static void note(struct ledger *ledger, unsigned number, uint64_t size)
{
	const struct unpack_sums sums = { .file_size = size };
	char key[32];

	(void)snprintf(key, sizeof(key), "key-%u", number);
	ledger_note(ledger, key, "xz", &sums);
}

static uint64_t find(const struct ledger *ledger, unsigned number)
{
	const struct ledger_entry *entry;
	char key[32];

	(void)snprintf(key, sizeof(key), "key-%u", number);
	entry = ledger_find(ledger, key);
	return entry ? entry->sums.file_size : 0;
}

static void a_ledger_knows_what_it_was_told(void)
{
	struct ledger *ledger = ledger_new(10);

	CHECK(find(ledger, 1) == 0);
	note(ledger, 1, 11);
	note(ledger, 2, 22);
	CHECK(find(ledger, 1) == 11 && find(ledger, 2) == 22);
	note(ledger, 1, 111);
	CHECK(find(ledger, 1) == 111 && find(ledger, 2) == 22);
	ledger_note(ledger, "only there", "", NULL);
	CHECK(ledger_find(ledger, "only there") != NULL);
	ledger_free(ledger);
}

static void fill(struct ledger *ledger, unsigned max)
{
	for (unsigned i = 1; i <= 3 * max + 1; i++) {
		note(ledger, i, i);
		CHECK(find(ledger, i) == i);
		if (i <= max)
			continue;
		CHECK(find(ledger, i - max) == 0);
		CHECK(find(ledger, i - max + 1) == i - max + 1);
	}
}

static void a_full_ledger_forgets_the_oldest(void)
{
	static const unsigned maxima[] = { 1, 2, 64, 65, 5000 };

	for (size_t m = 0; m < sizeof(maxima) / sizeof(maxima[0]); m++) {
		unsigned max = maxima[m];
		struct ledger *ledger = ledger_new(max);

		fill(ledger, max);
		ledger_free(ledger);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "they are stored as they are", they_are_stored_as_they_are },
		{ "their encoding is undone", their_encoding_is_undone },
		{ "they have a greatest size", they_have_a_greatest_size },
		{ "a failure is told", a_failure_is_told },
		{ "our own info is agreed to, and not stored",
		  our_own_info_is_agreed_to_and_not_stored },
		{ "no other name is taken", no_other_name_is_taken },
		{ "a receiver may go at any time",
		  a_receiver_may_go_at_any_time },
		{ "a ledger knows what it was told",
		  a_ledger_knows_what_it_was_told },
		{ "a full ledger forgets the oldest",
		  a_full_ledger_forgets_the_oldest },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
