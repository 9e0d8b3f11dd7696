#include "tests/lib/test.h"

#include "client/pack/nar_reader.h"
#include "client/pack/pack.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <lzma.h>
#include <zstd.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB      ((size_t)1024 * 1024)
#define FILE_MAX 8

/* A few files to pack, and what a store would know of them. */
struct store {
	char dir[64];
	size_t count;
	struct nix_hash hashes[FILE_MAX];
	uint64_t sizes[FILE_MAX];
};

static void file_path(const struct store *s, size_t index, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%zu", s->dir, index);
}

/* Cannot be compressed. */
static void fill_noise(uint8_t *out, size_t len, uint64_t seed)
{
	uint64_t x = seed * 2654435761U + 88172645463325252U;

	for (size_t i = 0; i < len; i += 4) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(out + i, &x, len - i < 4 ? len - i : 4);
	}
}

static void learn(struct store *s, size_t index)
{
	cleanup_nar_reader struct nar_reader *r = NULL;
	cleanup_digest struct digest *d = digest_new_sha256();
	cleanup_free uint8_t *chunk = malloc(MIB);
	char path[PATH_MAX];
	size_t len = 1;

	file_path(s, index, path);
	CHECK(d && chunk && nar_reader_open(path, &r) == 0);
	s->sizes[index] = 0;
	while (len > 0) {
		CHECK(nar_reader_read(r, chunk, MIB, &len) == 0);
		CHECK(digest_update(d, chunk, len) == 0);
		s->sizes[index] += len;
	}
	CHECK(digest_final(d, s->hashes[index].sha256) == 0);
}

static void store_make(struct store *s, const size_t *sizes, size_t count)
{
	*s = (struct store){ .count = count };
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/pack-XXXXXX");
	CHECK(mkdtemp(s->dir) != NULL);
	for (size_t i = 0; i < count; i++) {
		cleanup_free uint8_t *bytes = malloc(sizes[i] + 1);
		cleanup_close int fd = -1;
		char path[PATH_MAX];

		file_path(s, i, path);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		CHECK(bytes && fd >= 0);
		fill_noise(bytes, sizes[i], i + 1);
		CHECK(fd_write_full(fd, bytes, sizes[i]) == 0);
		learn(s, i);
	}
}

static void store_remove(const struct store *s)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < s->count; i++) {
		file_path(s, i, path);
		(void)unlink(path);
	}
	(void)rmdir(s->dir);
}

static void submit(struct pack *p, const struct store *s, size_t index)
{
	char path[PATH_MAX];

	file_path(s, index, path);
	CHECK(pack_submit(p, index, path, &s->hashes[index], s->sizes[index],
	                  NULL) == 0);
}

static struct pack *open_pack(enum pack_compression compression)
{
	struct pack_options options = {
		.compression = compression,
		.level = -1,
		.jobs = 2,
		.max_memory = PACK_BUDGET_MIN,
	};
	struct pack *p = NULL;

	CHECK(pack_open(&options, &p) == 0);
	return p;
}

static void wait_event(struct pack *p, struct pack_event *event)
{
	struct pollfd fd = { .fd = pack_fd(p), .events = POLLIN };

	while (!pack_next(p, event))
		(void)poll(&fd, 1, -1);
}

/* What came of one job. */
struct outcome {
	struct buffer bytes;
	unsigned parts;
	size_t smallest; /* of the parts that are not the last */
	bool has_last, is_done, has_failed;
	struct pack_event end;
};

static void outcome_init(struct outcome *o)
{
	*o = (struct outcome){ .smallest = SIZE_MAX };
	buffer_init(&o->bytes, 256 * MIB);
}

static void submit_all(struct pack *p, const struct store *s,
                       struct outcome *outcomes)
{
	for (size_t i = 0; i < s->count; i++) {
		outcome_init(&outcomes[i]);
		submit(p, s, i);
	}
}

static void take_part(struct outcome *o, struct pack_part *part)
{
	uint8_t md5[DIGEST_MD5_LEN];

	CHECK(!o->has_last);
	CHECK(part->number == ++o->parts);
	CHECK(part->len > 0);
	CHECK(digest_md5((struct bytes){ part->data, part->len }, md5) == 0);
	CHECK(memcmp(md5, part->md5, sizeof(md5)) == 0);
	o->has_last = part->is_last;
	if (!part->is_last && part->len < o->smallest)
		o->smallest = part->len;
	buffer_append(&o->bytes, part->data, part->len);
	pack_part_free(part);
}

/* Runs until `count` jobs have ended. */
static void run(struct pack *p, struct outcome *outcomes, size_t count)
{
	while (count > 0) {
		struct pack_event event;
		struct outcome *o;

		wait_event(p, &event);
		o = &outcomes[event.job];
		CHECK(!o->is_done && !o->has_failed);
		switch (event.type) {
		case PACK_PART:
			take_part(o, event.part);
			continue;
		case PACK_DONE:
			CHECK(o->has_last);
			o->is_done = true;
			break;
		case PACK_FAILED:
			o->has_failed = true;
			break;
		}
		o->end = event;
		count--;
	}
}

static void expect_zstd(const struct outcome *o, struct buffer *nar)
{
	size_t n;

	n = ZSTD_decompress(nar->data, nar->capacity, o->bytes.data,
	                    o->bytes.len);
	CHECK(!ZSTD_isError(n));
	nar->len = n;
}

static void expect_xz(const struct outcome *o, struct buffer *nar)
{
	lzma_stream s = LZMA_STREAM_INIT;

	CHECK(lzma_stream_decoder(&s, UINT64_MAX, LZMA_CONCATENATED) ==
	      LZMA_OK);
	s.next_in = o->bytes.data;
	s.avail_in = o->bytes.len;
	s.next_out = nar->data;
	s.avail_out = nar->capacity;
	CHECK(lzma_code(&s, LZMA_FINISH) == LZMA_STREAM_END);
	nar->len = nar->capacity - s.avail_out;
	lzma_end(&s);
}

/* The object decompresses to the NAR, and every number about it is right. */
static void check_object(const struct outcome *o, const struct store *s,
                         size_t index, enum pack_compression compression)
{
	cleanup_buffer struct buffer nar;
	uint8_t hash[NIX_HASH_LEN];

	CHECK(o->is_done && o->has_last);
	CHECK(o->end.file_size == o->bytes.len);
	CHECK(o->end.nar_size == s->sizes[index]);
	CHECK(nix_hash_equal(&o->end.nar_hash, &s->hashes[index]));
	CHECK(digest_sha256(buffer_bytes(&o->bytes), hash) == 0);
	CHECK(memcmp(hash, o->end.file_hash.sha256, sizeof(hash)) == 0);

	buffer_init(&nar, 256 * MIB);
	CHECK(buffer_reserve(&nar, s->sizes[index] + 1) != NULL);
	switch (compression) {
	case PACK_ZSTD:
		expect_zstd(o, &nar);
		break;
	case PACK_XZ:
		expect_xz(o, &nar);
		break;
	case PACK_NONE:
		buffer_append_bytes(&nar, buffer_bytes(&o->bytes));
		break;
	}
	CHECK(nar.len == s->sizes[index]);
	CHECK(digest_sha256(buffer_bytes(&nar), hash) == 0);
	CHECK(memcmp(hash, s->hashes[index].sha256, sizeof(hash)) == 0);
}

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
		submit(p, &s, i);
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
	submit(p, &s, 0);
	submit(p, &s, 1);
	pack_cancel(p, 1);
	wait_event(p, &event);
	CHECK(event.job == 0 && event.type == PACK_PART);
	pack_part_free(event.part);
	pack_cancel(p, 0);
	pack_cancel(p, 77);
	submit(p, &s, 2);
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
			submit(p, &s, i);
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
	submit(p, &s, 0);
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
