#include "tests/lib/pack_stage.h"

#include "tests/lib/test.h"

#include "client/pack/nar_reader.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <lzma.h>
#include <zstd.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void file_path(const struct store *s, size_t index, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%zu", s->dir, index);
}

void fill_noise(uint8_t *out, size_t len, uint64_t seed)
{
	uint64_t x = seed * 2654435761U + 88172645463325252U;

	for (size_t i = 0; i < len; i += 4) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(out + i, &x, len - i < 4 ? len - i : 4);
	}
}

void store_learn(struct store *s, size_t index)
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

void store_make(struct store *s, const size_t *sizes, size_t count)
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
		store_learn(s, i);
	}
}

void store_remove(const struct store *s)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < s->count; i++) {
		file_path(s, i, path);
		(void)unlink(path);
	}
	(void)rmdir(s->dir);
}

void submit(struct pack *p, const struct store *s, size_t index,
            const struct pack_start *start)
{
	char path[PATH_MAX];
	const struct pack_source source = { path, &s->hashes[index],
		                            s->sizes[index] };

	file_path(s, index, path);
	CHECK(pack_submit(p, index, &source, start) == 0);
}

struct pack *open_pack(enum pack_compression compression)
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

void wait_event(struct pack *p, struct pack_event *event)
{
	struct pollfd fd = { .fd = pack_fd(p), .events = POLLIN };

	while (!pack_next(p, event))
		(void)poll(&fd, 1, -1);
}

void outcome_init(struct outcome *o)
{
	*o = (struct outcome){ .smallest = SIZE_MAX };
	buffer_init(&o->bytes, 256 * MIB);
}

void outcome_init_started(struct outcome *o, const struct pack_start *start)
{
	outcome_init(o);
	o->parts = start->parts;
	o->blocks = start->blocks;
}

void submit_all(struct pack *p, const struct store *s, struct outcome *outcomes)
{
	for (size_t i = 0; i < s->count; i++) {
		outcome_init(&outcomes[i]);
		submit(p, s, i, NULL);
	}
}

static void take_part(struct outcome *o, struct pack_part *part)
{
	uint8_t md5[DIGEST_MD5_LEN];

	CHECK(!o->has_last);
	CHECK(part->number == ++o->parts);
	CHECK(part->len > 0);
	CHECK(part->blocks > o->blocks);
	o->blocks = part->blocks;
	CHECK(digest_md5((struct bytes){ part->data, part->len }, md5) == 0);
	CHECK(memcmp(md5, part->md5, sizeof(md5)) == 0);
	o->has_last = part->is_last;
	if (!part->is_last && part->len < o->smallest)
		o->smallest = part->len;
	buffer_append(&o->bytes, part->data, part->len);
	pack_part_free(part);
}

void run(struct pack *p, struct outcome *outcomes, size_t count)
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

void check_object(const struct outcome *o, const struct store *s, size_t index,
                  enum pack_compression compression)
{
	cleanup_buffer struct buffer nar;
	uint8_t hash[NIX_HASH_LEN];

	CHECK(o->is_done && o->has_last);
	CHECK(o->end.file_size == o->bytes.len);
	CHECK(o->end.nar_size == s->sizes[index]);
	CHECK(o->blocks ==
	      (s->sizes[index] + PACK_BLOCK_SIZE - 1) / PACK_BLOCK_SIZE);
	CHECK(nix_hash_equal(&o->end.nar_hash, &s->hashes[index]));
	CHECK(digest_sha256(buffer_bytes(&o->bytes), hash) == 0);
	CHECK(!o->end.has_file_hash ||
	      memcmp(hash, o->end.file_hash.sha256, sizeof(hash)) == 0);

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
