#include "tests/lib/fake_pack.h"

#include "tests/lib/fake_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 4
#define PART_LEN  7 /* of each */

struct fake_part {
	struct pack_part part; /* first: freed by it */
	struct pack *pack;
	uint8_t bytes[PART_LEN + 1];
};

struct pack *fake_pack_new(unsigned seed)
{
	struct pack *pack = calloc(1, sizeof(*pack));

	if (!pack)
		abort();
	pack->random = (seed * 2246822519U) | 1;
	pack->budget = SIZE_MAX;
	return pack;
}

void fake_pack_free(struct pack *pack)
{
	free(pack);
}

struct pack_part *fake_pack_part(struct pack *pack, unsigned number,
                                 bool is_last)
{
	struct fake_part *fake = calloc(1, sizeof(*fake));

	if (!fake)
		abort();
	fake->pack = pack;
	(void)snprintf((char *)fake->bytes, sizeof(fake->bytes), "part%u",
	               number);
	fake->part = (struct pack_part){
		.data = fake->bytes,
		.len = PART_LEN,
		.number = number,
		.blocks = number,
		.is_last = is_last,
	};
	pack->held++;
	return &fake->part;
}

void pack_part_free(struct pack_part *part)
{
	struct fake_part *fake = (struct fake_part *)(void *)part;

	if (!part)
		return;
	fake->pack->held--;
	free(fake);
}

/* NOLINTNEXTLINE(readability-function-size): one path, and what is known */
int pack_submit(struct pack *pack, size_t job, const char *path,
                const struct nix_hash *expected_hash, uint64_t expected_size,
                const struct pack_start *start)
{
	struct fake_job *j = &pack->jobs[pack->count];

	(void)expected_hash;
	(void)expected_size;
	if (pack->submit_error < 0)
		return pack->submit_error;
	if (pack->count == FAKE_PACK_JOBS_MAX)
		abort();
	pack->count++;
	*j = (struct fake_job){ .job = job };
	if (start)
		j->start = *start;
	(void)snprintf(j->path, sizeof(j->path), "%s", path);
	j->given = j->start.parts;
	j->part_count =
		j->given + 1 + fake_cache_random(&pack->random, PARTS_MAX);
	if (fake_cache_random(&pack->random, 100) < pack->fail_percent) {
		j->fails_after = j->given + 1 +
		                 fake_cache_random(&pack->random,
		                                   j->part_count - j->given);
	}
	return 0;
}

void pack_cancel(struct pack *pack, size_t job)
{
	for (size_t i = 0; i < pack->count; i++) {
		if (pack->jobs[i].job != job)
			continue;
		pack->jobs[i].is_over = true;
		pack->jobs[i].is_cancelled = true;
	}
}

/* The last part comes only of a path whose hash was right (pack.h). */
static void step_job(struct pack *pack, struct fake_job *j,
                     struct pack_event *event)
{
	*event = (struct pack_event){ .job = j->job };
	if (j->fails_after > 0 && j->given + 1 >= j->fails_after) {
		event->type = PACK_FAILED;
		event->error = -EBADMSG;
		(void)snprintf(event->detail, sizeof(event->detail),
		               "%.200s: has changed, said a test", j->path);
		j->is_over = true;
	} else if (j->given < j->part_count) {
		j->given++;
		event->type = PACK_PART;
		event->part = fake_pack_part(pack, j->given,
		                             j->given == j->part_count);
		event->part->blocks =
			j->start.blocks + j->given - j->start.parts;
	} else {
		event->type = PACK_DONE;
		event->has_file_hash = j->start.parts == 0;
		event->file_size =
			j->start.bytes +
			(uint64_t)(j->part_count - j->start.parts) * PART_LEN;
		j->is_over = true;
	}
}

int pack_next(struct pack *pack, struct pack_event *ret_event)
{
	size_t start;

	if (pack->count == 0 || fake_cache_random(&pack->random, 3) == 0)
		return 0;
	start = fake_cache_random(&pack->random, (unsigned)pack->count);
	for (size_t i = 0; i < pack->count; i++) {
		struct fake_job *j = &pack->jobs[(start + i) % pack->count];

		if (j->is_over ||
		    (pack->held >= pack->budget && j->given < j->part_count))
			continue;
		step_job(pack, j, ret_event);
		return 1;
	}
	return 0;
}

int pack_fd(const struct pack *pack)
{
	(void)pack;
	return -1;
}

uint64_t pack_bytes_read(const struct pack *pack)
{
	return pack->count;
}

const char *pack_compression_suffix(enum pack_compression compression)
{
	return compression == PACK_ZSTD ? ".zst" : "";
}

const char *pack_compression_name(enum pack_compression compression)
{
	return compression == PACK_ZSTD ? "zstd" : "none";
}
