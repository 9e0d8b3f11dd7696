#include "protocol/base/exit_status.h"
#include "tests/lib/narinfo_sheet.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void set_up(struct receive_stage *stage, struct sample_nar *nar)
{
	receive_stage_set_up(stage);
	sample_nar_make(nar, "zstd", 4096, 3);
	CHECK(receive_stage_put(stage, nar->key, NULL, buffer_bytes(&nar->file),
	                        NULL) == 201);
}

static void tear_down(struct receive_stage *stage, struct sample_nar *nar)
{
	sample_nar_clear(nar);
	receive_stage_tear_down(stage);
}

enum change {
	SEEN_PATH,
	SEEN_STORE,
	SEEN_NAR_HASH,
	SEEN_NAR_SIZE,
	SEEN_FILE_HASH,
	SEEN_FILE_SIZE,
	SEEN_COMPRESSION,
	SEEN_UNKNOWN,
	SEEN_URL,
	SEEN_URL_OUTSIDE,
	SEEN_URL_LOG,
	SEEN_REFERENCE,
	SEEN_JUNK,
	SEEN_END,
	CHANGES,
};

static const char *const changes[CHANGES] = {
	"of another path",
	"of another store",
	"another NarHash",
	"another NarSize",
	"another FileHash",
	"another FileSize",
	"uncompressed",
	"unknown",
	"a NAR that is not there",
	"an absolute URL",
	"a log for a URL",
	"a reference that is not there",
	"a line of nonsense",
	"no end",
};

static void change(struct sheet *s, enum change what)
{
	switch (what) {
	case SEEN_PATH:
		s->path = "/nix/store/" SHEET_OTHER;
		break;
	case SEEN_STORE:
		s->path = "/nix/stor/" SHEET_BASE;
		break;
	case SEEN_NAR_HASH:
		s->nar_hash[20] = s->nar_hash[20] == 'a' ? 'b' : 'a';
		break;
	case SEEN_NAR_SIZE:
		s->nar_size++;
		break;
	case SEEN_FILE_HASH:
		s->file_hash[20] = s->file_hash[20] == 'a' ? 'b' : 'a';
		break;
	case SEEN_FILE_SIZE:
		s->file_size++;
		break;
	case SEEN_COMPRESSION:
		s->compression = "none";
		break;
	case SEEN_UNKNOWN:
		s->compression = "lrzip";
		break;
	case SEEN_URL:
		s->url[20] = s->url[20] == 'a' ? 'b' : 'a';
		break;
	case SEEN_URL_OUTSIDE:
		(void)snprintf(s->url, sizeof(s->url),
		               "http://evil.example/nar/x.nar");
		break;
	case SEEN_URL_LOG:
		(void)snprintf(s->url, sizeof(s->url), "log/%s.drv",
		               SHEET_BASE);
		break;
	case SEEN_REFERENCE:
		s->references = SHEET_BASE " " SHEET_OTHER;
		break;
	case SEEN_JUNK:
		s->more = "nonsense\n";
		break;
	case SEEN_END:
		s->more = "Deriver: x";
		break;
	case CHANGES:
		break;
	}
}

/* Both when the NAR came through here and when it must be fetched. */
static void whatever_is_wrong_is_refused(void)
{
	char text[RECEIVE_STAGE_TEXT];

	for (unsigned i = 0; i < 2 * CHANGES; i++) {
		enum change what = i / 2;
		struct receive_stage stage;
		struct sample_nar nar;
		struct sheet s;
		unsigned status;

		receive_stage_set_up(&stage);
		sample_nar_make(&nar, "zstd", 4096, 3);
		if (i % 2 == 0) {
			fake_upstream_add(stage.upstream, nar.key,
			                  buffer_bytes(&nar.file));
		} else {
			CHECK(receive_stage_put(&stage, nar.key, NULL,
			                        buffer_bytes(&nar.file),
			                        NULL) == 201);
		}
		s = sheet_of(&nar);
		change(&s, what);
		status = sheet_put(&stage, &s, text);
		if (status != 400 || !strstr(text, SHEET_KEY) ||
		    fake_upstream_find(stage.upstream, SHEET_KEY) ||
		    stage.upstream->signed_count > 0) {
			printf("# %s: %u %s\n", changes[what], status, text);
			FAIL("not refused");
		}
		/* The same server takes a good one afterwards. */
		s = sheet_of(&nar);
		CHECK(sheet_put(&stage, &s, NULL) == 201);
		tear_down(&stage, &nar);
	}
}

static void one_that_is_no_narinfo_is_refused(void)
{
	static const char *const bodies[] = { "", "\n", "StorePath: x\n",
		                              "\x1f\x8b\b" };
	struct receive_stage stage;

	receive_stage_set_up(&stage);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		CHECK(receive_stage_put(&stage, SHEET_KEY, NULL,
		                        bytes_of_text(bodies[i]), NULL) == 400);
	}
	CHECK(fake_upstream_objects(stage.upstream) == 0);
	receive_stage_tear_down(&stage);
}

static void one_that_is_too_large_is_refused(void)
{
	struct receive_stage stage;
	struct buffer body;

	receive_stage_set_up(&stage);
	buffer_init(&body, 2 * RECEIVE_SMALL_MAX);
	while (body.len <= RECEIVE_SMALL_MAX)
		buffer_append_text(&body, "Key: value\n");
	CHECK(receive_stage_put(&stage, SHEET_KEY, NULL, buffer_bytes(&body),
	                        NULL) == 413);
	buffer_clear(&body);
	receive_stage_tear_down(&stage);
}

static void what_the_agent_refuses_is_not_stored(void)
{
	static const struct {
		int exit_status;
		unsigned status;
	} rows[] = { { EXIT_POLICY, 403 },
		     { EXIT_LOCKED, 503 },
		     { EXIT_NO_AGENT, 503 },
		     { EXIT_SOURCE, 503 },
		     { EXIT_FAILED, 502 } };
	char text[RECEIVE_STAGE_TEXT];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct receive_stage stage;
		struct sample_nar nar;
		struct sheet s;

		set_up(&stage, &nar);
		s = sheet_of(&nar);
		stage.upstream->refuses_to_sign = true;
		stage.upstream->exit_status = rows[i].exit_status;
		CHECK(sheet_put(&stage, &s, text) == rows[i].status);
		CHECK(strcmp(text, "said a test") == 0);
		CHECK(!fake_upstream_find(stage.upstream, SHEET_KEY));
		tear_down(&stage, &nar);
	}
}

static void failures_of_the_cache_are_told(void)
{
	static const enum cache_step_type steps[] = { CACHE_FETCH, CACHE_CHECK,
		                                      CACHE_GET, CACHE_PUT };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct receive_stage stage;
		struct sample_nar nar;
		struct sheet s;

		receive_stage_set_up(&stage);
		sample_nar_make(&nar, "zstd", 4096, 3);
		fake_upstream_add(stage.upstream, nar.key,
		                  buffer_bytes(&nar.file));
		fake_upstream_add(stage.upstream, SHEET_OTHER_KEY,
		                  bytes_of_text("x"));
		stage.upstream->fails = true;
		stage.upstream->failing = steps[i];
		s = sheet_of(&nar);
		s.references = SHEET_OTHER;
		CHECK(sheet_put(&stage, &s, NULL) == 502);
		CHECK(!fake_upstream_find(stage.upstream, SHEET_KEY));
		stage.upstream->fails = false;
		CHECK(sheet_put(&stage, &s, NULL) == 201);
		tear_down(&stage, &nar);
	}
}

/* The object under the name is not the one that belongs there. */
static void a_stored_nar_that_is_broken_is_refused(void)
{
	struct receive_stage stage;
	struct sample_nar nar;
	char text[RECEIVE_STAGE_TEXT];
	struct sheet s;

	receive_stage_set_up(&stage);
	sample_nar_make(&nar, "zstd", (size_t)4 * 1024 * 1024, 3);
	fake_upstream_add(stage.upstream, nar.key,
	                  (struct bytes){ nar.file.data, nar.file.len - 3 });
	s = sheet_of(&nar);
	CHECK(sheet_put(&stage, &s, text) == 400);
	nar.file.data[0] ^= 1;
	fake_upstream_add(stage.upstream, nar.key, buffer_bytes(&nar.file));
	CHECK(sheet_put(&stage, &s, text) == 400);
	CHECK(strstr(text, nar.key));
	tear_down(&stage, &nar);
}

/* Closed after each number of orders: nothing is stored but by the last. */
static void one_that_is_cut_short_leaves_nothing(void)
{
	for (size_t orders = 0; orders < 6; orders++) {
		struct receive_stage stage;
		struct sample_nar nar;
		struct receipt *receipt;
		struct buffer body;
		struct order *order;
		struct sheet s;
		size_t taken;

		receive_stage_set_up(&stage);
		sample_nar_make(&nar, "zstd", 4096, 3);
		fake_upstream_add(stage.upstream, nar.key,
		                  buffer_bytes(&nar.file));
		s = sheet_of(&nar);
		body = sheet_text(&s);
		receipt = receive_stage_begin(&stage, SHEET_KEY, NULL);
		CHECK(receipt_write(receipt, buffer_bytes(&body), &taken) == 0);
		receipt_end(receipt);
		for (size_t i = 0; i < orders; i++) {
			(void)receipt_state(receipt);
			order = fake_upstream_step(stage.upstream, 0);
			if (order)
				receipt_take_order(receipt, order);
		}
		receipt_close(receipt);
		while ((order = fake_upstream_step(stage.upstream, 0)))
			receipt_take_order(order->owner, order);
		buffer_clear(&body);
		tear_down(&stage, &nar);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "whatever is wrong is refused",
		  whatever_is_wrong_is_refused },
		{ "one that is no narinfo is refused",
		  one_that_is_no_narinfo_is_refused },
		{ "one that is too large is refused",
		  one_that_is_too_large_is_refused },
		{ "what the agent refuses is not stored",
		  what_the_agent_refuses_is_not_stored },
		{ "failures of the cache are told",
		  failures_of_the_cache_are_told },
		{ "a stored NAR that is broken is refused",
		  a_stored_nar_that_is_broken_is_refused },
		{ "one that is cut short leaves nothing",
		  one_that_is_cut_short_leaves_nothing },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
