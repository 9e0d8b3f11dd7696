#include "client/cache/names.h"
#include "protocol/nix/narinfo.h"
#include "tests/lib/narinfo_sheet.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define SIG_TAIL                                               \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

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
		fake_upstream_find(stage->upstream, SHEET_KEY);
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
	CHECK(sheet_put(&stage, &s, NULL) == 201);
	CHECK(stage.upstream->signed_count == 1);
	CHECK(stage.upstream->counts[CACHE_FETCH] == 0);
	CHECK(strcmp(stage.upstream->last_signed.base, SHEET_BASE) == 0);
	CHECK(nix_hash_equal(&stage.upstream->last_signed.nar_hash,
	                     &nar.nar_hash));
	CHECK(stage.upstream->last_signed.nar_size == nar.nar_size);

	info = stored(&stage);
	CHECK(strcmp(info.path.base, SHEET_BASE) == 0);
	CHECK(info.path.signatures.count == 1 &&
	      strncmp(info.path.signatures.items[0], "our-1:", 6) == 0);
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
	CHECK(sheet_put(&stage, &s, NULL) == 201);
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
	s.more = "Deriver: " SHEET_BASE ".drv\n"
		 "Sig: cache.nixos.org-1:" SIG_TAIL "\n"
		 "Sig: our-1:B" SIG_TAIL "\n"    /* too long by one */
		 "Sig: our-10:" SIG_TAIL "\n"    /* another name */
		 "Sig: our-1:BBBB" SIG_TAIL "\n" /* malformed */
		 "Sig: nonsense\n";
	CHECK(sheet_put(&stage, &s, NULL) == 201);
	info = stored(&stage);
	CHECK(info.path.signatures.count == 3 &&
	      strcmp(info.path.signatures.items[0],
	             "cache.nixos.org-1:" SIG_TAIL) == 0 &&
	      strcmp(info.path.signatures.items[1], "our-10:" SIG_TAIL) == 0 &&
	      strcmp(info.path.signatures.items[2], "our-1:" SIG_TAIL) == 0);
	CHECK(strcmp(info.path.deriver, SHEET_BASE ".drv") == 0);
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
	CHECK(sheet_put(&stage, &s, NULL) == 201);
	info = stored(&stage);
	CHECK(info.path.signatures.count == 1 &&
	      strcmp(info.path.signatures.items[0], "our-1:" SIG_TAIL) == 0);
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
		CHECK(sheet_put(&stage, &s, NULL) == 201);
		CHECK(stage.upstream->counts[CACHE_FETCH] == 1);
		CHECK(sheet_put(&stage, &s, NULL) == 201);
		CHECK(stage.upstream->counts[CACHE_FETCH] == 1);
		tear_down(&stage, &nar);
	}
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
	CHECK(receive_stage_put(&stage, SHEET_KEY, "gzip",
	                        (struct bytes){ packed, len }, NULL) == 400);
	CHECK(receive_stage_put(&stage, SHEET_KEY, "rot13",
	                        (struct bytes){ packed, len }, NULL) == 415);
	CHECK(receive_stage_put(&stage, SHEET_KEY, "zstd",
	                        (struct bytes){ packed, len - 1 },
	                        NULL) == 400);
	CHECK(!fake_upstream_find(stage.upstream, SHEET_KEY));
	CHECK(receive_stage_put(&stage, SHEET_KEY, "zstd",
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
	char references[4096] = SHEET_BASE;
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
	CHECK(sheet_put(&stage, &s, NULL) == 201);
	CHECK(stage.upstream->counts[CACHE_CHECK] == 40);
	CHECK(sheet_put(&stage, &s, NULL) == 201);
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
	s.path = "/nix/store/" SHEET_OTHER;
	s.references = SHEET_BASE;
	body = sheet_text(&s);
	CHECK(receive_stage_put(&stage, SHEET_OTHER_KEY, NULL,
	                        buffer_bytes(&body), text) == 400);
	CHECK(strstr(text, SHEET_BASE));
	s = sheet_of(&nar);
	CHECK(sheet_put(&stage, &s, NULL) == 201);
	CHECK(receive_stage_put(&stage, SHEET_OTHER_KEY, NULL,
	                        buffer_bytes(&body), text) == 201);
	buffer_clear(&body);
	tear_down(&stage, &nar);
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
		{ "its Content-Encoding is undone",
		  its_content_encoding_is_undone },
		{ "references are looked for once",
		  references_are_looked_for_once },
		{ "one that was just stored counts as a reference",
		  one_that_was_just_stored_counts_as_a_reference },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
