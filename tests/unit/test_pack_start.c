#include "tests/lib/pack_stage.h"
#include "tests/lib/test.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STARTS_MAX 8

/* Where each part but the last of a whole run ends. */
struct starts {
	struct pack_start at[STARTS_MAX];
	size_t count;
};

/* Packs a path from its beginning. */
static void pack_whole(const struct store *s, size_t index,
                       enum pack_compression compression, struct outcome *o,
                       struct starts *starts)
{
	struct pack *p = open_pack(compression);
	uint64_t bytes = 0;

	outcome_init(o);
	*starts = (struct starts){ .count = 0 };
	submit(p, s, index, NULL);
	while (!o->has_last) {
		struct pack_event event;

		wait_event(p, &event);
		CHECK(event.type == PACK_PART);
		bytes += event.part->len;
		o->has_last = event.part->is_last;
		if (!o->has_last) {
			CHECK(starts->count < STARTS_MAX);
			starts->at[starts->count++] = (struct pack_start){
				.blocks = event.part->blocks,
				.parts = event.part->number,
				.bytes = bytes,
				.so_far = event.part->so_far,
			};
		}
		buffer_append(&o->bytes, event.part->data, event.part->len);
		pack_part_free(event.part);
	}
	pack_close(p);
}

/* Where the last part but one of a path ends, stored as it is. */
static struct pack_start late_start(const struct store *s, size_t index)
{
	struct outcome whole;
	struct starts starts;

	pack_whole(s, index, PACK_NONE, &whole, &starts);
	buffer_clear(&whole.bytes);
	CHECK(starts.count > 0);
	return starts.at[starts.count - 1];
}

/* What is there already, and what comes after it, are the same object. */
static void a_job_goes_on_behind_any_of_its_parts(void)
{
	static const enum pack_compression kinds[] = { PACK_ZSTD, PACK_NONE };
	static const size_t sizes[] = { 70 * MIB + 5 };
	struct store s;

	store_make(&s, sizes, 1);
	for (size_t k = 0; k < 2; k++) {
		struct outcome whole;
		struct starts starts;

		pack_whole(&s, 0, kinds[k], &whole, &starts);
		CHECK(starts.count >= 3);
		for (size_t i = 0; i < starts.count; i++) {
			struct pack *p = open_pack(kinds[k]);
			struct outcome o;

			outcome_init_started(&o, &starts.at[i]);
			buffer_append(&o.bytes, whole.bytes.data,
			              starts.at[i].bytes);
			submit(p, &s, 0, &starts.at[i]);
			run(p, &o, 1);
			CHECK(!o.end.has_file_hash);
			check_object(&o, &s, 0, kinds[k]);
			CHECK(pack_bytes_read(p) == s.sizes[0]);
			buffer_clear(&o.bytes);
			pack_close(p);
		}
		buffer_clear(&whole.bytes);
	}
	store_remove(&s);
}

static void a_start_that_cannot_be_is_refused(void)
{
	static const struct {
		struct pack_start start;
		int rc;
	} cases[] = {
		{ { .blocks = 0, .parts = 0, .bytes = 0 }, 0 },
		{ { .blocks = 1, .parts = 1, .bytes = 1 }, 0 },
		{ { .blocks = 2, .parts = 1, .bytes = 1 }, -EINVAL },
		{ { .blocks = UINT64_MAX, .parts = 1, .bytes = 1 }, -EINVAL },
		{ { .blocks = 1, .parts = 0, .bytes = 1 }, -EINVAL },
		{ { .blocks = 1, .parts = 1, .bytes = 0 }, -EINVAL },
		{ { .blocks = 0, .parts = 1, .bytes = 0 }, -EINVAL },
		{ { .blocks = 0, .parts = 0, .bytes = 1 }, -EINVAL },
	};
	struct pack *p = open_pack(PACK_ZSTD);
	const struct nix_hash hash = { { 0 } };
	const struct pack_source source = { "/none", &hash,
		                            2 * PACK_BLOCK_SIZE };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(pack_submit(p, i, &source, &cases[i].start) ==
		      cases[i].rc);
	}
	pack_close(p);
}

/* Before the start or behind it: the last part never comes. */
static void a_path_that_changed_since_is_noticed(void)
{
	static const off_t changed[] = { 5, 39 * (off_t)MIB };
	static const size_t sizes[] = { 40 * MIB, 40 * MIB, 1000 };
	struct pack *p = open_pack(PACK_NONE);
	struct outcome outcomes[3];
	struct store s;

	store_make(&s, sizes, 3);
	for (size_t i = 0; i < 2; i++) {
		const struct pack_start start = late_start(&s, i);
		cleanup_close int fd = -1;
		char path[PATH_MAX];

		CHECK(start.blocks * PACK_BLOCK_SIZE < (uint64_t)changed[1]);

		file_path(&s, i, path);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		CHECK(fd >= 0 && pwrite(fd, "\0\1\2", 3, changed[i]) == 3);
		outcome_init_started(&outcomes[i], &start);
		submit(p, &s, i, &start);
	}
	outcome_init(&outcomes[2]);
	submit(p, &s, 2, NULL);
	run(p, outcomes, 3);
	for (size_t i = 0; i < 2; i++) {
		CHECK(outcomes[i].has_failed && !outcomes[i].has_last);
		CHECK(outcomes[i].end.error == -EBADMSG);
		buffer_clear(&outcomes[i].bytes);
	}
	check_object(&outcomes[2], &s, 2, PACK_NONE);
	buffer_clear(&outcomes[2].bytes);
	pack_close(p);
	store_remove(&s);
}

/* The path is right now, but was not when its first parts were stored: they
 * were of a push that did not come to its end, and so was never told. */
static void what_was_stored_of_other_bytes_is_not_gone_on_with(void)
{
	static const size_t sizes[] = { 40 * MIB };
	struct pack *p = open_pack(PACK_NONE);
	struct pack_start start;
	struct outcome o;
	struct store s;

	store_make(&s, sizes, 1);
	start = late_start(&s, 0);
	start.so_far.sha256[31] ^= 1;
	outcome_init_started(&o, &start);
	submit(p, &s, 0, &start);
	run(p, &o, 1);
	CHECK(o.has_failed && o.end.error == -EBADMSG && o.bytes.len == 0);
	CHECK(strstr(o.end.detail, "other bytes") != NULL);
	buffer_clear(&o.bytes);
	pack_close(p);
	store_remove(&s);
}

/* It is shorter on disk than its start. */
static void a_path_that_has_shrunk_fails(void)
{
	static const struct pack_start start = { .blocks = 2,
		                                 .parts = 2,
		                                 .bytes = 9999 };
	static const size_t sizes[] = { 1 * MIB };
	struct pack *p = open_pack(PACK_ZSTD);
	struct outcome o;
	struct store s;

	store_make(&s, sizes, 1);
	s.sizes[0] = 3 * PACK_BLOCK_SIZE;
	outcome_init_started(&o, &start);
	submit(p, &s, 0, &start);
	run(p, &o, 1);
	CHECK(o.has_failed && o.end.error == -EBADMSG);
	CHECK(o.bytes.len == 0);
	pack_close(p);
	store_remove(&s);
}

/* At whatever point its reader is. */
static void a_job_with_a_start_can_be_cancelled(void)
{
	static const size_t sizes[] = { 64 * MIB, 1000 };
	struct pack_start start;
	struct store s;

	store_make(&s, sizes, 2);
	start = late_start(&s, 0);
	for (uint64_t seen = 0; seen < 60 * MIB; seen += 7 * MIB) {
		struct pack *p = open_pack(PACK_NONE);
		struct outcome outcomes[2];

		outcome_init(&outcomes[1]);
		submit(p, &s, 0, &start);
		while (pack_bytes_read(p) < seen)
			(void)sched_yield();
		pack_cancel(p, 0);
		submit(p, &s, 1, NULL);
		run(p, outcomes, 1);
		check_object(&outcomes[1], &s, 1, PACK_NONE);
		buffer_clear(&outcomes[1].bytes);
		pack_close(p);
	}
	store_remove(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a job goes on behind any of its parts",
		  a_job_goes_on_behind_any_of_its_parts },
		{ "a start that cannot be is refused",
		  a_start_that_cannot_be_is_refused },
		{ "a path that changed since is noticed",
		  a_path_that_changed_since_is_noticed },
		{ "what was stored of other bytes is not gone on with",
		  what_was_stored_of_other_bytes_is_not_gone_on_with },
		{ "a path that has shrunk fails",
		  a_path_that_has_shrunk_fails },
		{ "a job with a start can be cancelled",
		  a_job_with_a_start_can_be_cancelled },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
