#include "tests/lib/test.h"

#include "protocol/base/cursor.h"
#include "protocol/nix/worker.h"

#include <errno.h>
#include <string.h>

#define DIR  "/nix/store"
#define A    "00000000000000000000000000000001-a"
#define B    "00000000000000000000000000000002-b"
#define DRV  "00000000000000000000000000000003-a.drv"
#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
/* The base64 of 64 zero bytes. */
#define SIG64                                      \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAA=="

static void put(struct buffer *b, const char *text)
{
	size_t len = strlen(text);

	buffer_put_u64_le(b, len);
	buffer_append(b, text, len);
	while (len++ % 8 != 0)
		buffer_append_char(b, '\0');
}

static void put_number(struct buffer *b, uint64_t value)
{
	buffer_put_u64_le(b, value);
}

struct sample {
	const char *deriver;
	const char *hash;
	const char *references[3];
	uint64_t ultimate;
	const char *signatures[4];
	const char *address;
};

static const struct sample good = {
	.deriver = DIR "/" DRV,
	.hash = HASH,
	.references = { DIR "/" B, DIR "/" A, DIR "/" B },
	.ultimate = 1,
	.signatures = { "cache-1:" SIG64, "junk",
	                "cache-2:c2hvcnQ=", "a:" SIG64 },
	.address = "fixed:sha256:" HASH,
};

static void put_list(struct buffer *b, const char *const *items, size_t max)
{
	size_t count = 0;

	while (count < max && items[count])
		count++;
	put_number(b, count);
	for (size_t i = 0; i < count; i++)
		put(b, items[i]);
}

static void put_info(struct buffer *b, const struct sample *s)
{
	put_number(b, 1);
	put(b, s->deriver);
	put(b, s->hash);
	put_list(b, s->references, 3);
	put_number(b, 1700000000);
	put_number(b, 4242);
	put_number(b, s->ultimate);
	put_list(b, s->signatures, 4);
	put(b, s->address);
}

static int get_info(struct buffer *b, struct path_info *info)
{
	size_t used = 0;

	return worker_get_path_info(buffer_bytes(b), DIR, &used, info);
}

static void a_path_info_is_read_whole(void)
{
	struct path_info info = { .nar_size = 0 };
	cleanup_buffer struct buffer b;
	size_t used = 0;

	buffer_init(&b, 65536);
	put_info(&b, &good);
	buffer_append_text(&b, "next");
	CHECK(worker_get_path_info(buffer_bytes(&b), DIR, &used, &info) == 0);
	CHECK(used == b.len - 4);
	CHECK(strcmp(info.deriver, DRV) == 0);
	CHECK(info.nar_hash.sha256[0] == 0 && info.nar_hash.sha256[31] == 31);
	CHECK(info.nar_size == 4242);
	CHECK(info.is_ultimate);
	CHECK(info.references.count == 2);
	CHECK(strcmp(info.references.items[0], A) == 0);
	CHECK(strcmp(info.references.items[1], B) == 0);
	CHECK(strcmp(info.content_address, "fixed:sha256:" HASH) == 0);
	path_info_clear(&info);
}

static void signatures_that_newer_nix_chokes_on_are_left_out(void)
{
	struct path_info info = { .nar_size = 0 };
	cleanup_buffer struct buffer b;

	buffer_init(&b, 65536);
	put_info(&b, &good);
	CHECK(get_info(&b, &info) == 0);
	CHECK(info.signatures.count == 2);
	CHECK(strcmp(info.signatures.items[0], "a:" SIG64) == 0);
	CHECK(strcmp(info.signatures.items[1], "cache-1:" SIG64) == 0);
	path_info_clear(&info);
}

static void every_truncated_path_info_asks_for_more(void)
{
	struct path_info info = { .nar_size = 7 };
	cleanup_buffer struct buffer b;

	buffer_init(&b, 65536);
	put_info(&b, &good);
	for (size_t len = 0; len < b.len; len++) {
		struct bytes part = { b.data, len };
		size_t used = 99;

		CHECK(worker_get_path_info(part, DIR, &used, &info) ==
		      WORKER_MORE);
		CHECK(used == 99 && info.nar_size == 7);
	}
}

static void a_path_that_is_not_valid_is_an_outcome(void)
{
	struct path_info info;
	cleanup_buffer struct buffer b;

	buffer_init(&b, 64);
	put_number(&b, 0);
	CHECK(get_info(&b, &info) == WORKER_NOT_VALID);
}

static void a_path_info_that_makes_no_sense_is_refused(void)
{
	static const struct {
		const char *what;
		struct sample sample;
	} cases[] = {
		{ "deriver outside the store",
		  { .deriver = "/tmp/" A, .hash = HASH, .address = "" } },
		{ "hash too short",
		  { .deriver = "", .hash = "00", .address = "" } },
		{ "hash that is not hex",
		  { .deriver = "",
		    .hash = "zz0102030405060708090a0b0c0d0e0f"
		            "101112131415161718191a1b1c1d1e1f",
		    .address = "" } },
		{ "hash with a prefix",
		  { .deriver = "", .hash = "sha256:" HASH, .address = "" } },
		{ "empty reference",
		  { .deriver = "",
		    .hash = HASH,
		    .references = { "" },
		    .address = "" } },
		{ "reference inside a path",
		  { .deriver = "",
		    .hash = HASH,
		    .references = { DIR "/" A "/bin" },
		    .address = "" } },
		{ "reference to the parent",
		  { .deriver = "",
		    .hash = HASH,
		    .references = { DIR "/../" A },
		    .address = "" } },
		{ "bool that is two",
		  { .deriver = "",
		    .hash = HASH,
		    .ultimate = 2,
		    .address = "" } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct path_info info;
		cleanup_buffer struct buffer b;

		buffer_init(&b, 65536);
		put_info(&b, &cases[i].sample);
		if (get_info(&b, &info) != -EBADMSG)
			test_fail(__FILE__, __LINE__, cases[i].what);
	}
}

static void counts_and_lengths_have_limits_checked_at_once(void)
{
	struct path_info info;
	cleanup_buffer struct buffer b;

	buffer_init(&b, 4096);
	put_number(&b, 1);
	put(&b, "");
	put(&b, HASH);
	put_number(&b, WORKER_REFERENCES_MAX);
	CHECK(get_info(&b, &info) == WORKER_MORE);
	b.len -= 8;
	put_number(&b, WORKER_REFERENCES_MAX + 1);
	CHECK(get_info(&b, &info) == -EBADMSG);

	b.len -= 8;
	put_number(&b, 0);
	put_number(&b, 0);
	put_number(&b, 1);
	put_number(&b, 0);
	put_number(&b, WORKER_SIGNATURES_MAX + 1);
	CHECK(get_info(&b, &info) == -EBADMSG);

	buffer_rewind(&b);
	put_number(&b, 1);
	put_number(&b, UINT64_MAX); /* the deriver's length */
	CHECK(get_info(&b, &info) == -EBADMSG);
}

static void padding_that_is_not_zero_is_refused(void)
{
	struct worker_note note;
	cleanup_buffer struct buffer b;
	size_t used;

	buffer_init(&b, 64);
	put_number(&b, 0x6f6c6d67); /* a log line */
	put(&b, "abc");
	CHECK(worker_get_note(buffer_bytes(&b), 0x123, &used, &note) == 0);
	b.data[b.len - 1] = 1;
	CHECK(worker_get_note(buffer_bytes(&b), 0x123, &used, &note) ==
	      -EBADMSG);
}

static void versions_are_negotiated_both_ways(void)
{
	static const struct {
		uint64_t version;
		int rc;
		uint64_t want;
	} cases[] = {
		{ 0x115, -EPROTONOSUPPORT, 0x115 }, /* Nix 2.3 */
		{ 0x116, -EPROTONOSUPPORT, 0x116 },
		{ 0x117, 0, 0x117 },
		{ 0x122, 0, 0x122 }, /* 2.8 */
		{ 0x123, 0, 0x123 },
		{ 0x126, 0, 0x123 }, /* 2.24 and later */
		{ 0x217, -EPROTONOSUPPORT, 0x217 },
		{ 0x017, -EPROTONOSUPPORT, 0x017 },
		{ (uint64_t)1 << 32 | 0x123, -EBADMSG, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_buffer struct buffer b;
		uint64_t version = 0;
		size_t used = 0;

		buffer_init(&b, 64);
		put_number(&b, 0x6478696f);
		put_number(&b, cases[i].version);
		CHECK(worker_get_hello(buffer_bytes(&b), &used, &version) ==
		      cases[i].rc);
		CHECK(version == cases[i].want);
		CHECK(used == (cases[i].rc == -EBADMSG ? 0 : 16));
	}
}

static void something_else_than_a_daemon_is_told_at_once(void)
{
	struct bytes http = bytes_of_text("HTTP/1.1");
	uint64_t version;
	size_t used;

	CHECK(worker_get_hello(http, &used, &version) == -EBADMSG);
	http.len = 7;
	CHECK(worker_get_hello(http, &used, &version) == WORKER_MORE);
}

static void the_welcome_depends_on_the_version(void)
{
	static const struct {
		uint64_t version;
		size_t used;
	} cases[] = { { 0x117, 0 },
		      { 0x120, 0 },
		      { 0x121, 16 },
		      { 0x122, 16 },
		      { 0x123, 24 } };
	cleanup_buffer struct buffer b;
	enum worker_trust trust;
	size_t used = 0;

	buffer_init(&b, 64);
	put(&b, "2.8.0");
	put_number(&b, 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(worker_get_welcome(buffer_bytes(&b), cases[i].version,
		                         &used, &trust) == 0);
		CHECK(used == cases[i].used);
		CHECK(trust == (cases[i].used == 24 ? WORKER_NOT_TRUSTED
		                                    : WORKER_TRUST_UNKNOWN));
		for (size_t len = 0; len < cases[i].used; len++) {
			struct bytes part = { b.data, len };

			CHECK(worker_get_welcome(part, cases[i].version, &used,
			                         &trust) == WORKER_MORE);
		}
	}
	b.len -= 8;
	put_number(&b, 3);
	CHECK(worker_get_welcome(buffer_bytes(&b), 0x123, &used, &trust) ==
	      -EBADMSG);
}

static void put_error(struct buffer *b, uint64_t traces)
{
	put_number(b, 0x63787470);
	put(b, "Error");
	put_number(b, 0);
	put(b, "Error");
	put(b, "it broke");
	put_number(b, 0);
	put_number(b, traces);
	for (uint64_t i = 0; i < traces; i++) {
		put_number(b, 0);
		put(b, "while");
	}
}

static void put_fields(struct buffer *b)
{
	put_number(b, 2);
	put_number(b, 0);
	put_number(b, 77);
	put_number(b, 1);
	put(b, "text");
}

static void check_note(struct buffer *b, uint64_t version,
                       enum worker_note_type type, const char *text)
{
	struct worker_note note = { .type = WORKER_NOTE_OTHER };
	size_t whole = b->len, used = 0;

	buffer_append_text(b, "trail");
	CHECK(worker_get_note(buffer_bytes(b), version, &used, &note) == 0);
	CHECK(used == whole && note.type == type);
	CHECK(!text || bytes_equal(note.text, bytes_of_text(text)));
	for (size_t len = 0; len < whole; len++) {
		struct bytes part = { b->data, len };

		CHECK(worker_get_note(part, version, &used, &note) ==
		      WORKER_MORE);
	}
	buffer_rewind(b);
}

static void every_kind_of_note_is_read_and_every_truncation_asks_for_more(void)
{
	cleanup_buffer struct buffer b;

	buffer_init(&b, 4096);
	put_number(&b, 0x616c7473);
	check_note(&b, 0x123, WORKER_NOTE_LAST, NULL);
	put_error(&b, 0);
	check_note(&b, 0x11a, WORKER_NOTE_ERROR, "it broke");
	put_error(&b, 2);
	check_note(&b, 0x123, WORKER_NOTE_ERROR, "it broke");
	put_number(&b, 0x63787470);
	put(&b, "old");
	put_number(&b, 1);
	check_note(&b, 0x119, WORKER_NOTE_ERROR, "old");
	put_number(&b, 0x6f6c6d67);
	put(&b, "a log line\n");
	check_note(&b, 0x123, WORKER_NOTE_OTHER, NULL);
	put_number(&b, 0x53545254);
	put_number(&b, 1);
	put_number(&b, 2);
	put_number(&b, 3);
	put(&b, "activity");
	put_fields(&b);
	put_number(&b, 0);
	check_note(&b, 0x123, WORKER_NOTE_OTHER, NULL);
	put_number(&b, 0x53544f50);
	put_number(&b, 1);
	check_note(&b, 0x123, WORKER_NOTE_OTHER, NULL);
	put_number(&b, 0x52534c54);
	put_number(&b, 1);
	put_number(&b, 101);
	put_fields(&b);
	check_note(&b, 0x123, WORKER_NOTE_OTHER, NULL);
}

static void notes_that_no_question_of_ours_causes_are_refused(void)
{
	/* Wants bytes of us; sends us bytes; nobody knows. */
	static const uint64_t words[] = { 0x64617461, 0x64617416, 0,
		                          UINT64_MAX };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		cleanup_buffer struct buffer b;
		struct worker_note note;
		size_t used;

		buffer_init(&b, 64);
		put_number(&b, words[i]);
		put_number(&b, 1);
		CHECK(worker_get_note(buffer_bytes(&b), 0x123, &used, &note) ==
		      -EBADMSG);
	}
}

static void done_is_one_and_nothing_else(void)
{
	for (uint64_t value = 0; value < 3; value++) {
		cleanup_buffer struct buffer b;
		struct bytes part;
		size_t used = 0;

		buffer_init(&b, 64);
		put_number(&b, value);
		part = (struct bytes){ b.data, 7 };
		CHECK(worker_get_done(part, &used) == WORKER_MORE);
		CHECK(worker_get_done(buffer_bytes(&b), &used) ==
		      (value == 1 ? 0 : -EBADMSG));
		CHECK(used == (value == 1 ? 8 : 0));
	}
}

static void requests_are_the_bytes_that_nix_expects(void)
{
	static const uint8_t hello[] = { 'c',  'x', 'i', 'n', 0, 0, 0, 0,
		                         0x23, 1,   0,   0,   0, 0, 0, 0 };
	cleanup_buffer struct buffer b, want;

	buffer_init(&b, 4096);
	buffer_init(&want, 4096);
	worker_put_hello(&b);
	CHECK(b.len == sizeof(hello) && memcmp(b.data, hello, b.len) == 0);

	buffer_rewind(&b);
	worker_put_query_info(&b, DIR, A);
	worker_put_add_temp_root(&b, DIR, B);
	put_number(&want, 26);
	put(&want, DIR "/" A);
	put_number(&want, 11);
	put(&want, DIR "/" B);
	CHECK(bytes_equal(buffer_bytes(&b), buffer_bytes(&want)));
}

int main(void)
{
	static const struct test tests[] = {
		{ "a path info is read whole", a_path_info_is_read_whole },
		{ "signatures that newer Nix chokes on are left out",
		  signatures_that_newer_nix_chokes_on_are_left_out },
		{ "every truncated path info asks for more",
		  every_truncated_path_info_asks_for_more },
		{ "a path that is not valid is an outcome",
		  a_path_that_is_not_valid_is_an_outcome },
		{ "a path info that makes no sense is refused",
		  a_path_info_that_makes_no_sense_is_refused },
		{ "counts and lengths have limits, checked at once",
		  counts_and_lengths_have_limits_checked_at_once },
		{ "padding that is not zero is refused",
		  padding_that_is_not_zero_is_refused },
		{ "versions are negotiated both ways",
		  versions_are_negotiated_both_ways },
		{ "something else than a daemon is told at once",
		  something_else_than_a_daemon_is_told_at_once },
		{ "the welcome depends on the version",
		  the_welcome_depends_on_the_version },
		{ "every kind of note is read, and truncated asks for more",
		  every_kind_of_note_is_read_and_every_truncation_asks_for_more },
		{ "notes that no question of ours causes are refused",
		  notes_that_no_question_of_ours_causes_are_refused },
		{ "done is one and nothing else",
		  done_is_one_and_nothing_else },
		{ "requests are the bytes that Nix expects",
		  requests_are_the_bytes_that_nix_expects },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
