#include "tests/lib/import_stage.h"
#include "tests/lib/nix_daemon.h"
#include "tests/lib/test.h"

#include "protocol/base/cursor.h"
#include "protocol/nix/worker.h"

#include <errno.h>
#include <string.h>

#define A    "00000000000000000000000000000001-a"
#define B    "00000000000000000000000000000002-b"
#define DRV  "00000000000000000000000000000003-a.drv"
#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void put_list(struct buffer *b, const char *const *items, size_t count)
{
	buffer_put_u64_le(b, count);
	for (size_t i = 0; i < count; i++)
		put_text(b, items[i]);
}

static void valid_paths_are_a_sorted_set_of_ours(void)
{
	static const char *const items[] = { DIR "/" B, DIR "/" A };
	struct strings bases = { .items = NULL };
	cleanup_buffer struct buffer b;
	size_t used = 0;

	buffer_init(&b, 4096);
	put_list(&b, items, 2);
	buffer_append_text(&b, "next");
	CHECK(worker_get_valid(buffer_bytes(&b), DIR, &used, &bases) == 0);
	CHECK(used == b.len - 4 && bases.count == 2);
	CHECK(strings_contain(&bases, A) && strings_contain(&bases, B));
	strings_clear(&bases);
	for (size_t len = 0; len < used; len++) {
		struct bytes part = { b.data, len };
		size_t none;

		CHECK(worker_get_valid(part, DIR, &none, &bases) ==
		      WORKER_MORE);
	}
	CHECK(worker_get_valid(buffer_bytes(&b), "/elsewhere", &used, &bases) ==
	      -EBADMSG);

	buffer_rewind(&b);
	buffer_put_u64_le(&b, WORKER_VALID_MAX);
	CHECK(worker_get_valid(buffer_bytes(&b), DIR, &used, &bases) ==
	      WORKER_MORE);
	buffer_rewind(&b);
	buffer_put_u64_le(&b, WORKER_VALID_MAX + 1);
	CHECK(worker_get_valid(buffer_bytes(&b), DIR, &used, &bases) ==
	      -EBADMSG);
}

static void the_question_for_valid_paths_depends_on_the_version(void)
{
	char a[] = A, *items[] = { a };
	const struct strings one = { .items = items, .count = 1 };

	for (uint64_t version = 0x11a; version <= 0x11b; version++) {
		cleanup_buffer struct buffer want, out;

		buffer_init(&want, 4096);
		buffer_init(&out, 4096);
		buffer_put_u64_le(&want, 31);
		buffer_put_u64_le(&want, 1);
		put_text(&want, DIR "/" A);
		if (version == 0x11b)
			buffer_put_u64_le(&want, 0);
		worker_put_query_valid(&out, version, DIR, &one);
		CHECK(bytes_equal(buffer_bytes(&out), buffer_bytes(&want)));
	}
}

static void the_question_for_substitutable_paths_does_not(void)
{
	char a[] = A, *items[] = { a };
	const struct strings one = { .items = items, .count = 1 };
	cleanup_buffer struct buffer want, out;

	buffer_init(&want, 4096);
	buffer_init(&out, 4096);
	buffer_put_u64_le(&want, 32);
	buffer_put_u64_le(&want, 1);
	put_text(&want, DIR "/" A);
	worker_put_query_substitutable(&out, DIR, &one);
	CHECK(bytes_equal(buffer_bytes(&out), buffer_bytes(&want)));
}

/* Field by field, in the order of Nix's wopAddToStoreNar. */
static void an_import_says_all_there_is_to_say(void)
{
	char a[] = A, b_base[] = B, sig[] = "cache-1:" SIG64, junk[] = "junk";
	char address[] = "fixed:sha256:" HASH;
	char *references[] = { a, b_base }, *signatures[] = { junk, sig };
	struct path_info info = {
		.base = A,
		.deriver = DRV,
		.nar_size = 4242,
		.references = { .items = references, .count = 2 },
		.signatures = { .items = signatures, .count = 2 },
		.content_address = address,
	};
	cleanup_buffer struct buffer want, out;

	for (uint8_t i = 0; i < NIX_HASH_LEN; i++)
		info.nar_hash.sha256[i] = i;
	buffer_init(&want, 4096);
	buffer_init(&out, 4096);
	buffer_put_u64_le(&want, 39);
	put_text(&want, DIR "/" A);
	put_text(&want, DIR "/" DRV);
	put_text(&want, HASH);
	put_list(&want, (const char *[]){ DIR "/" A, DIR "/" B }, 2);
	buffer_put_u64_le(&want, 0);
	buffer_put_u64_le(&want, 4242);
	buffer_put_u64_le(&want, 0);
	put_list(&want, (const char *[]){ sig }, 1);
	put_text(&want, address);
	buffer_put_u64_le(&want, 0);
	buffer_put_u64_le(&want, 1);
	worker_put_import(&out, DIR, &info);
	CHECK(bytes_equal(buffer_bytes(&out), buffer_bytes(&want)));

	info.deriver[0] = '\0';
	info.content_address = NULL;
	buffer_rewind(&out);
	buffer_rewind(&want);
	buffer_put_u64_le(&want, 39);
	put_text(&want, DIR "/" A);
	put_text(&want, "");
	put_text(&want, HASH);
	worker_put_import(&out, DIR, &info);
	CHECK(out.len > want.len && memcmp(out.data, want.data, want.len) == 0);
}

static void signatures_are_added_only_where_well_formed(void)
{
	char sig[] = "cache-1:" SIG64, junk[] = "junk";
	char *items[] = { junk, sig };
	const struct strings two = { .items = items, .count = 2 };
	cleanup_buffer struct buffer want, out;

	buffer_init(&want, 4096);
	buffer_init(&out, 4096);
	buffer_put_u64_le(&want, 37);
	put_text(&want, DIR "/" A);
	buffer_put_u64_le(&want, 1);
	put_text(&want, sig);
	worker_put_add_signatures(&out, DIR, A, &two);
	CHECK(bytes_equal(buffer_bytes(&out), buffer_bytes(&want)));
}

int main(void)
{
	static const struct test tests[] = {
		{ "valid paths are a sorted set of ours",
		  valid_paths_are_a_sorted_set_of_ours },
		{ "the question for valid paths depends on the version",
		  the_question_for_valid_paths_depends_on_the_version },
		{ "the question for substitutable paths does not",
		  the_question_for_substitutable_paths_does_not },
		{ "an import says all there is to say",
		  an_import_says_all_there_is_to_say },
		{ "signatures are added only where well-formed",
		  signatures_are_added_only_where_well_formed },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
