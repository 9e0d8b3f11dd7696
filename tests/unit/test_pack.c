#include "tests/lib/pack_stage.h"
#include "tests/lib/test.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void small_paths_become_one_part(void)
{
	static const enum pack_compression kinds[] = { PACK_ZSTD, PACK_XZ,
		                                       PACK_NONE };
	static const size_t sizes[] = { 0, 1, 100000, 1 };
	struct store s;

	store_make(&s, sizes, 4);
	for (size_t k = 0; k < 3; k++) {
		struct pack *p = open_pack(kinds[k]);
		struct outcome outcomes[4];

		submit_all(p, &s, outcomes);
		run(p, outcomes, 4);
		for (size_t i = 0; i < 4; i++) {
			CHECK(outcomes[i].parts == 1);
			check_object(&outcomes[i], &s, i, kinds[k]);
			buffer_clear(&outcomes[i].bytes);
		}
		CHECK(pack_bytes_read(p) ==
		      s.sizes[0] + s.sizes[1] + s.sizes[2] + s.sizes[3]);
		pack_close(p);
	}
	store_remove(&s);
}

/* Large ones and small ones, with the smallest budget: nobody waits for ever,
 * and parts are what S3 takes. */
static void any_mix_of_sizes_fits_the_smallest_budget(void)
{
	static const enum pack_compression kinds[] = { PACK_ZSTD, PACK_NONE };
	static const size_t sizes[] = { 40 * MIB, 10,      17 * MIB, 5000,
		                        16 * MIB, 9 * MIB, 3,        33 * MIB };
	struct store s;

	store_make(&s, sizes, 8);
	for (size_t k = 0; k < 2; k++) {
		struct pack *p = open_pack(kinds[k]);
		struct outcome outcomes[8];

		submit_all(p, &s, outcomes);
		run(p, outcomes, 8);
		for (size_t i = 0; i < 8; i++) {
			CHECK(outcomes[i].parts > 1 ||
			      outcomes[i].bytes.len <= PACK_SINGLE_MAX);
			CHECK(outcomes[i].smallest >= PACK_PART_MIN);
			check_object(&outcomes[i], &s, i, kinds[k]);
			buffer_clear(&outcomes[i].bytes);
		}
		CHECK(outcomes[0].parts >= 3);
		pack_close(p);
	}
	store_remove(&s);
}

static void change_byte(const struct store *s, size_t index, off_t at)
{
	cleanup_close int fd = -1;
	char path[PATH_MAX];

	file_path(s, index, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, "\0\1\2", 3, at) == 3);
}

static void a_changed_path_never_gets_its_last_part(void)
{
	static const size_t sizes[] = { 1000, 40 * MIB, 1000 };
	struct pack *p = open_pack(PACK_NONE);
	struct outcome outcomes[3];
	struct store s;

	store_make(&s, sizes, 3);
	change_byte(&s, 0, 500);
	change_byte(&s, 1, 39 * (off_t)MIB);
	submit_all(p, &s, outcomes);
	run(p, outcomes, 3);
	for (size_t i = 0; i < 2; i++) {
		CHECK(outcomes[i].has_failed && !outcomes[i].has_last);
		CHECK(outcomes[i].end.error == -EBADMSG);
		CHECK(strstr(outcomes[i].end.detail,
		             "its NAR hash is sha256:"));
		CHECK(strstr(outcomes[i].end.detail, "--verify-path"));
		buffer_clear(&outcomes[i].bytes);
	}
	check_object(&outcomes[2], &s, 2, PACK_NONE);
	buffer_clear(&outcomes[2].bytes);
	pack_close(p);
	store_remove(&s);
}

static void another_size_than_expected_is_told(void)
{
	static const size_t sizes[] = { 1000, 1000, 1000, 1000 };
	static const long wrong[] = { 0, -8, 8, 100000 };
	struct pack *p = open_pack(PACK_ZSTD);
	struct outcome outcomes[4];
	struct store s;

	store_make(&s, sizes, 4);
	for (size_t i = 0; i < 4; i++) {
		outcome_init(&outcomes[i]);
		s.sizes[i] += (uint64_t)wrong[i];
		if (i == 0)
			s.sizes[i] = 0;
		submit(p, &s, i, NULL);
	}
	run(p, outcomes, 4);
	for (size_t i = 0; i < 4; i++) {
		CHECK(outcomes[i].has_failed && outcomes[i].parts == 0);
		CHECK(outcomes[i].end.error == -EBADMSG);
		CHECK(strstr(outcomes[i].end.detail,
		             i < 2 ? "more than" : "only"));
	}
	pack_close(p);
	store_remove(&s);
}

static void a_path_that_is_gone_fails_alone(void)
{
	static const size_t sizes[] = { 1000, 1000 };
	struct pack *p = open_pack(PACK_ZSTD);
	struct outcome outcomes[2];
	char path[PATH_MAX];
	struct store s;

	store_make(&s, sizes, 2);
	file_path(&s, 0, path);
	(void)unlink(path);
	submit_all(p, &s, outcomes);
	run(p, outcomes, 2);
	CHECK(outcomes[0].has_failed && outcomes[0].end.error == -ENOENT);
	CHECK(outcomes[0].end.detail[0] != '\0');
	check_object(&outcomes[1], &s, 1, PACK_ZSTD);
	buffer_clear(&outcomes[1].bytes);
	pack_close(p);
	store_remove(&s);
}

static void a_cancelled_job_says_nothing_more(void)
{
	static const size_t sizes[] = { 33 * MIB, 33 * MIB, 1000 };
	struct pack *p = open_pack(PACK_NONE);
	struct pack_event event;
	struct outcome outcomes[3];
	struct store s;

	store_make(&s, sizes, 3);
	for (size_t i = 0; i < 3; i++)
		outcome_init(&outcomes[i]);
	submit(p, &s, 0, NULL);
	submit(p, &s, 1, NULL);
	pack_cancel(p, 1);
	wait_event(p, &event);
	CHECK(event.job == 0 && event.type == PACK_PART);
	pack_part_free(event.part);
	pack_cancel(p, 0);
	pack_cancel(p, 77);
	submit(p, &s, 2, NULL);
	run(p, outcomes, 1);
	check_object(&outcomes[2], &s, 2, PACK_NONE);
	buffer_clear(&outcomes[2].bytes);
	CHECK(pack_next(p, &event) == 0);
	pack_close(p);
	store_remove(&s);
}

/* The pack is closed at whatever point its threads have come to. */
static void a_pack_ends_at_any_time_and_its_parts_stay(void)
{
	static const size_t sizes[] = { 24 * MIB, 1000, 17 * MIB };
	struct store s;

	store_make(&s, sizes, 3);
	for (size_t stop = 0; stop < 5; stop++) {
		struct pack *p = open_pack(PACK_ZSTD);
		struct pack_part *kept[8] = { NULL };
		size_t count = 0;

		for (size_t i = 0; i < 3; i++)
			submit(p, &s, i, NULL);
		for (size_t i = 0; i < stop; i++) {
			struct pack_event event;

			wait_event(p, &event);
			if (event.type == PACK_PART)
				kept[count++] = event.part;
		}
		pack_close(p);
		while (count > 0) {
			struct pack_part *part = kept[--count];
			uint8_t md5[DIGEST_MD5_LEN];

			CHECK(digest_md5((struct bytes){ part->data,
			                                 part->len },
			                 md5) == 0);
			CHECK(memcmp(md5, part->md5, sizeof(md5)) == 0);
			pack_part_free(part);
		}
	}
	store_remove(&s);
}

static void the_descriptor_is_readable_while_there_are_events(void)
{
	static const size_t sizes[] = { 10 };
	struct pack *p = open_pack(PACK_ZSTD);
	struct pollfd fd = { .fd = pack_fd(p), .events = POLLIN };
	struct pack_event event;
	struct store s;

	store_make(&s, sizes, 1);
	CHECK(pack_next(p, &event) == 0);
	CHECK(poll(&fd, 1, 0) == 0);
	submit(p, &s, 0, NULL);
	CHECK(poll(&fd, 1, -1) == 1);
	wait_event(p, &event);
	CHECK(event.type == PACK_PART);
	pack_part_free(event.part);
	CHECK(poll(&fd, 1, -1) == 1);
	wait_event(p, &event);
	CHECK(event.type == PACK_DONE);
	CHECK(poll(&fd, 1, 0) == 0);
	pack_close(p);
	store_remove(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "small paths become one part", small_paths_become_one_part },
		{ "any mix of sizes fits the smallest budget",
		  any_mix_of_sizes_fits_the_smallest_budget },
		{ "a changed path never gets its last part",
		  a_changed_path_never_gets_its_last_part },
		{ "another size than expected is told",
		  another_size_than_expected_is_told },
		{ "a path that is gone fails alone",
		  a_path_that_is_gone_fails_alone },
		{ "a cancelled job says nothing more",
		  a_cancelled_job_says_nothing_more },
		{ "a pack ends at any time, and its parts stay",
		  a_pack_ends_at_any_time_and_its_parts_stay },
		{ "the descriptor is readable while there are events",
		  the_descriptor_is_readable_while_there_are_events },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
