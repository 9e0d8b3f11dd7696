#include "client/cache/names.h"
#include "protocol/base/exit_status.h"
#include "protocol/nix/narinfo.h"
#include "tests/lib/receive_stage.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define BASE      "00000000000000000000000000000001-hello"
#define KEY       "00000000000000000000000000000001.narinfo"
#define OTHER     "00000000000000000000000000000002-libc"
#define OTHER_KEY "00000000000000000000000000000002.narinfo"

#define SIG_TAIL                                               \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

/* A narinfo of the NAR; the test changes what it wants. */
struct sheet {
	const char *path;
	char url[128];
	const char *compression;
	char file_hash[NIX_HASH_TEXT_SIZE]; /* empty: none, as all below */
	uint64_t file_size;
	char nar_hash[NIX_HASH_TEXT_SIZE];
	uint64_t nar_size;
	const char *references;
	const char *more; /* whole lines */
};

static struct sheet sheet_of(const struct sample_nar *nar)
{
	struct sheet s = {
		.path = "/nix/store/" BASE,
		.compression = nar->compression,
		.file_size = nar->file.len,
		.nar_size = nar->nar_size,
		.references = "",
		.more = "",
	};

	(void)snprintf(s.url, sizeof(s.url), "%s", nar->key);
	nix_hash_format(&nar->file_hash, s.file_hash);
	nix_hash_format(&nar->nar_hash, s.nar_hash);
	return s;
}

static struct buffer sheet_text(const struct sheet *s)
{
	struct buffer out;

	buffer_init(&out, 2 * RECEIVE_SMALL_MAX);
	buffer_append_format(&out, "StorePath: %s\nURL: %s\nCompression: %s\n",
	                     s->path, s->url, s->compression);
	if (s->file_hash[0])
		buffer_append_format(&out, "FileHash: %s\n", s->file_hash);
	if (s->file_size > 0) {
		buffer_append_text(&out, "FileSize: ");
		buffer_append_u64(&out, s->file_size);
		buffer_append_text(&out, "\n");
	}
	buffer_append_format(&out, "NarHash: %s\nNarSize: ", s->nar_hash);
	buffer_append_u64(&out, s->nar_size);
	buffer_append_format(&out, "\nReferences: %s\n%s", s->references,
	                     s->more);
	return out;
}

static unsigned put_sheet(struct receive_stage *stage, const struct sheet *s,
                          char *text)
{
	cleanup_buffer struct buffer body = sheet_text(s);

	return receive_stage_put(stage, KEY, NULL, buffer_bytes(&body), text);
}

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

static struct narinfo stored(const struct receive_stage *stage)
{
	const struct fake_object *object =
		fake_upstream_find(stage->upstream, KEY);
	struct narinfo info = { .url = NULL };
	size_t line;

	if (!object || narinfo_parse(buffer_bytes(&object->body), "/nix/store",
	                             &info, &line) < 0)
		FAIL("no narinfo was stored");
	return info;
}

static void a_good_one_is_signed_and_stored(void)
{
	struct receive_stage stage;
	struct sample_nar nar;
	struct narinfo info;
	struct sheet s;

	set_up(&stage, &nar);
	s = sheet_of(&nar);
	CHECK(put_sheet(&stage, &s, NULL) == 201);
	CHECK(stage.upstream->signed_count == 1);
	CHECK(stage.upstream->counts[CACHE_FETCH] == 0);
	CHECK(strcmp(stage.upstream->last_signed.base, BASE) == 0);
	CHECK(nix_hash_equal(&stage.upstream->last_signed.nar_hash,
	                     &nar.nar_hash));
	CHECK(stage.upstream->last_signed.nar_size == nar.nar_size);

	info = stored(&stage);
	CHECK(strcmp(info.path.base, BASE) == 0);
	CHECK(info.path.signatures.count == 1);
	CHECK(strncmp(info.path.signatures.items[0], "our-1:", 6) == 0);
	CHECK(info.file_size == nar.file.len);
	narinfo_clear(&info);
	tear_down(&stage, &nar);
}

static void what_it_does_not_say_of_its_file_is_added(void)
{
	struct receive_stage stage;
	struct sample_nar nar;
	struct narinfo info;
	struct sheet s;

	set_up(&stage, &nar);
	s = sheet_of(&nar);
	s.file_hash[0] = '\0';
	s.file_size = 0;
	CHECK(put_sheet(&stage, &s, NULL) == 201);
	info = stored(&stage);
	CHECK(info.has_file_hash &&
	      nix_hash_equal(&info.file_hash, &nar.file_hash));
	CHECK(info.file_size == nar.file.len);
	narinfo_clear(&info);
	tear_down(&stage, &nar);
}

static void foreign_signatures_stay_beside_ours(void)
{
	struct receive_stage stage;
	struct sample_nar nar;
	struct narinfo info;
	struct sheet s;

	set_up(&stage, &nar);
	s = sheet_of(&nar);
	s.more = "Deriver: " BASE ".drv\n"
		 "Sig: cache.nixos.org-1:" SIG_TAIL "\n"
		 "Sig: our-1:B" SIG_TAIL "\n"    /* too long by one */
		 "Sig: our-10:" SIG_TAIL "\n"    /* another name */
		 "Sig: our-1:BBBB" SIG_TAIL "\n" /* malformed */
		 "Sig: nonsense\n";
	CHECK(put_sheet(&stage, &s, NULL) == 201);
	info = stored(&stage);
	CHECK(info.path.signatures.count == 3);
	CHECK(strcmp(info.path.signatures.items[0],
	             "cache.nixos.org-1:" SIG_TAIL) == 0);
	CHECK(strcmp(info.path.signatures.items[1], "our-10:" SIG_TAIL) == 0);
	CHECK(strcmp(info.path.signatures.items[2], "our-1:" SIG_TAIL) == 0);
	CHECK(strcmp(info.path.deriver, BASE ".drv") == 0);
	narinfo_clear(&info);
	tear_down(&stage, &nar);
}

static void a_signature_under_our_name_is_replaced(void)
{
	static const char forged[] =
		"our-1:BBBBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
	struct receive_stage stage;
	struct sample_nar nar;
	struct narinfo info;
	char more[256];
	struct sheet s;

	set_up(&stage, &nar);
	s = sheet_of(&nar);
	(void)snprintf(more, sizeof(more), "Sig: %s\n", forged);
	s.more = more;
	CHECK(put_sheet(&stage, &s, NULL) == 201);
	info = stored(&stage);
	CHECK(info.path.signatures.count == 1);
	CHECK(strcmp(info.path.signatures.items[0], "our-1:" SIG_TAIL) == 0);
	narinfo_clear(&info);
	tear_down(&stage, &nar);
}

/* This server has not seen it: it was there, or before a restart. */
static void a_nar_that_was_there_is_looked_at(void)
{
	static const size_t sizes[] = { 4096, (size_t)9 * 1024 * 1024 };

	for (size_t i = 0; i < 2; i++) {
		struct receive_stage stage;
		struct sample_nar nar;
		struct sheet s;

		receive_stage_set_up(&stage);
		sample_nar_make(&nar, i == 0 ? "zstd" : "none", sizes[i], 3);
		fake_upstream_add(stage.upstream, nar.key,
		                  buffer_bytes(&nar.file));
		s = sheet_of(&nar);
		CHECK(put_sheet(&stage, &s, NULL) == 201);
		CHECK(stage.upstream->counts[CACHE_FETCH] == 1);
		CHECK(put_sheet(&stage, &s, NULL) == 201);
		CHECK(stage.upstream->counts[CACHE_FETCH] == 1);
		tear_down(&stage, &nar);
	}
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
		s->path = "/nix/store/" OTHER;
		break;
	case SEEN_STORE:
		s->path = "/nix/stor/" BASE;
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
		(void)snprintf(s->url, sizeof(s->url), "log/%s.drv", BASE);
		break;
	case SEEN_REFERENCE:
		s->references = BASE " " OTHER;
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
		status = put_sheet(&stage, &s, text);
		if (status != 400 || !strstr(text, KEY) ||
		    fake_upstream_find(stage.upstream, KEY) ||
		    stage.upstream->signed_count > 0) {
			printf("# %s: %u %s\n", changes[what], status, text);
			FAIL("not refused");
		}
		/* The same server takes a good one afterwards. */
		s = sheet_of(&nar);
		CHECK(put_sheet(&stage, &s, NULL) == 201);
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
		CHECK(receive_stage_put(&stage, KEY, NULL,
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
	CHECK(receive_stage_put(&stage, KEY, NULL, buffer_bytes(&body), NULL) ==
	      413);
	buffer_clear(&body);
	receive_stage_tear_down(&stage);
}

static void its_content_encoding_is_undone(void)
{
	struct receive_stage stage;
	struct sample_nar nar;
	struct buffer body;
	struct narinfo info;
	struct sheet s;
	uint8_t packed[4096];
	size_t len;

	set_up(&stage, &nar);
	s = sheet_of(&nar);
	body = sheet_text(&s);
	len = ZSTD_compress(packed, sizeof(packed), body.data, body.len, 3);
	CHECK(receive_stage_put(&stage, KEY, "gzip",
	                        (struct bytes){ packed, len }, NULL) == 400);
	CHECK(receive_stage_put(&stage, KEY, "rot13",
	                        (struct bytes){ packed, len }, NULL) == 415);
	CHECK(receive_stage_put(&stage, KEY, "zstd",
	                        (struct bytes){ packed, len - 1 },
	                        NULL) == 400);
	CHECK(!fake_upstream_find(stage.upstream, KEY));
	CHECK(receive_stage_put(&stage, KEY, "zstd",
	                        (struct bytes){ packed, len }, NULL) == 201);
	info = stored(&stage);
	narinfo_clear(&info);
	buffer_clear(&body);
	tear_down(&stage, &nar);
}

static void references_are_looked_for_once(void)
{
	struct receive_stage stage;
	struct sample_nar nar;
	char references[4096] = BASE;
	size_t at = strlen(references);
	struct sheet s;

	set_up(&stage, &nar);
	for (unsigned i = 0; i < 40; i++) {
		char base[64], key[64];

		(void)snprintf(base, sizeof(base), "%032u-r", 100 + i);
		names_format_narinfo(base, key);
		fake_upstream_add(stage.upstream, key, bytes_of_text("x"));
		at += (size_t)snprintf(references + at, sizeof(references) - at,
		                       " %s", base);
	}
	s = sheet_of(&nar);
	s.references = references;
	CHECK(put_sheet(&stage, &s, NULL) == 201);
	CHECK(stage.upstream->counts[CACHE_CHECK] == 40);
	CHECK(put_sheet(&stage, &s, NULL) == 201);
	CHECK(stage.upstream->counts[CACHE_CHECK] == 40);
	tear_down(&stage, &nar);
}

static void one_that_was_just_stored_counts_as_a_reference(void)
{
	struct receive_stage stage;
	struct sample_nar nar;
	struct buffer body;
	char text[RECEIVE_STAGE_TEXT];
	struct sheet s;

	set_up(&stage, &nar);
	s = sheet_of(&nar);
	s.path = "/nix/store/" OTHER;
	s.references = BASE;
	body = sheet_text(&s);
	CHECK(receive_stage_put(&stage, OTHER_KEY, NULL, buffer_bytes(&body),
	                        text) == 400);
	CHECK(strstr(text, BASE));
	s = sheet_of(&nar);
	CHECK(put_sheet(&stage, &s, NULL) == 201);
	CHECK(receive_stage_put(&stage, OTHER_KEY, NULL, buffer_bytes(&body),
	                        text) == 201);
	buffer_clear(&body);
	tear_down(&stage, &nar);
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
		CHECK(put_sheet(&stage, &s, text) == rows[i].status);
		CHECK(strcmp(text, "said a test") == 0);
		CHECK(!fake_upstream_find(stage.upstream, KEY));
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
		fake_upstream_add(stage.upstream, OTHER_KEY,
		                  bytes_of_text("x"));
		stage.upstream->fails = true;
		stage.upstream->failing = steps[i];
		s = sheet_of(&nar);
		s.references = OTHER;
		CHECK(put_sheet(&stage, &s, NULL) == 502);
		CHECK(!fake_upstream_find(stage.upstream, KEY));
		stage.upstream->fails = false;
		CHECK(put_sheet(&stage, &s, NULL) == 201);
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
	CHECK(put_sheet(&stage, &s, text) == 400);
	nar.file.data[0] ^= 1;
	fake_upstream_add(stage.upstream, nar.key, buffer_bytes(&nar.file));
	CHECK(put_sheet(&stage, &s, text) == 400);
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
		receipt = receive_stage_begin(&stage, KEY, NULL);
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
		{ "a good one is signed and stored",
		  a_good_one_is_signed_and_stored },
		{ "what it does not say of its file is added",
		  what_it_does_not_say_of_its_file_is_added },
		{ "foreign signatures stay beside ours",
		  foreign_signatures_stay_beside_ours },
		{ "a signature under our name is replaced",
		  a_signature_under_our_name_is_replaced },
		{ "a NAR that was there is looked at, once",
		  a_nar_that_was_there_is_looked_at },
		{ "whatever is wrong is refused",
		  whatever_is_wrong_is_refused },
		{ "one that is no narinfo is refused",
		  one_that_is_no_narinfo_is_refused },
		{ "one that is too large is refused",
		  one_that_is_too_large_is_refused },
		{ "its Content-Encoding is undone",
		  its_content_encoding_is_undone },
		{ "references are looked for once",
		  references_are_looked_for_once },
		{ "one that was just stored counts as a reference",
		  one_that_was_just_stored_counts_as_a_reference },
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
