#include "tests/lib/test.h"

#include "client/pack/inside.h"
#include "client/pack/slab.h"
#include "protocol/base/digest.h"

#include <stdlib.h>
#include <string.h>

#define PARTS 3

/* A pack without threads, and a job in it with blocks that wait. */
struct rig {
	struct pack pack;
	struct job *job;
};

static void rig_make(struct rig *r)
{
	const struct pack_start start = { .blocks = 0 };
	struct job *job = calloc(1, sizeof(*job));

	*r = (struct rig){ .pack = { .event_fd = -1 }, .job = job };
	CHECK(job != NULL);
	r->pack.budget = budget_new(256ULL * 1024 * 1024);
	(void)pthread_mutex_init(&r->pack.lock, NULL);
	(void)pthread_cond_init(&r->pack.has_work, NULL);
	job->id = 5;
	job->expected_size = 77;
	job->next_part = 1;
	job->is_begun = true;
	job->farewell = calloc(1, sizeof(*job->farewell));
	CHECK(job->farewell && assembly_init(&job->assembly, &start) == 0);
	job->farewell->event.job = 5;
	jobs_add(&r->pack.active, job);
}

static void rig_remove(struct rig *r)
{
	notes_clear(&r->pack.notes);
	CHECK(budget_used(r->pack.budget) == 0);
	budget_release(r->pack.budget);
	(void)pthread_cond_destroy(&r->pack.has_work);
	(void)pthread_mutex_destroy(&r->pack.lock);
}

/* Whole blocks of noise, each a part; a use of the job is kept. */
static void gather_parts(struct rig *r)
{
	struct pack *p = &r->pack;

	r->job->uses = PARTS + 1;
	for (size_t i = 0; i < PARTS; i++) {
		struct block *block = calloc(1, sizeof(*block));

		if (!block)
			abort();
		CHECK(budget_take(p->budget, SLAB_SIZE) == 0);
		CHECK(region_init(&block->bytes, p->budget, SLAB_SIZE) == 0);
		memset(block->bytes.data, 'a' + (int)i, SLAB_SIZE);
		block->bytes.len = SLAB_SIZE;
		block->job = r->job;
		block->index = i;
		block->is_last = i == PARTS - 1;
		blocks_add(&r->job->compressed, block);
	}
	(void)pthread_mutex_lock(&p->lock);
	locked_gather(p, r->job);
	(void)pthread_mutex_unlock(&p->lock);
}

static void drop_use(struct rig *r)
{
	(void)pthread_mutex_lock(&r->pack.lock);
	locked_unuse(r->job);
	(void)pthread_mutex_unlock(&r->pack.lock);
}

static void expect_part(struct pack *p, unsigned number)
{
	struct note *note = locked_next_note(p);
	const struct pack_part *part;
	uint8_t md5[DIGEST_MD5_LEN];

	CHECK(note && note->event.type == PACK_PART && note->event.job == 5);
	part = note->event.part;
	CHECK(part->number == number && part->is_last == (number == PARTS));
	CHECK(digest_md5((struct bytes){ part->data, part->len }, md5) == 0);
	CHECK(memcmp(md5, part->md5, sizeof(md5)) == 0);
	note_free(note);
}

static void parts_go_out_in_order_whoever_is_first(void)
{
	static const unsigned orders[][PARTS] = {
		{ 1, 2, 3 }, { 3, 2, 1 }, { 2, 3, 1 }, { 1, 3, 2 }
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		unsigned expected = 1;
		bool is_there[PARTS + 2] = { false };
		struct note *end;
		struct rig r;

		rig_make(&r);
		gather_parts(&r);
		CHECK(!r.pack.notes.first);
		for (size_t k = 0; k < PARTS; k++) {
			seal_apart(&r.pack, notes_take_part(&r.pack.unsealed,
			                                    orders[i][k]));
			is_there[orders[i][k]] = true;
			while (is_there[expected])
				expect_part(&r.pack, expected++);
			CHECK(expected > PARTS || !r.pack.notes.first);
		}
		end = locked_next_note(&r.pack);
		CHECK(end && end->event.type == PACK_DONE);
		CHECK(end->event.nar_size == 77 && end->event.has_file_hash);
		CHECK(end->event.file_size == PARTS * SLAB_SIZE);
		note_free(end);
		CHECK(!r.pack.notes.first && !r.pack.active.first);
		drop_use(&r);
		rig_remove(&r);
	}
}

static void a_job_that_ends_takes_its_parts_with_it(void)
{
	struct rig r;

	rig_make(&r);
	gather_parts(&r);
	seal_apart(&r.pack, notes_take_part(&r.pack.unsealed, 2));
	(void)pthread_mutex_lock(&r.pack.lock);
	locked_end(&r.pack, r.job);
	(void)pthread_mutex_unlock(&r.pack.lock);
	CHECK(budget_used(r.pack.budget) == 2 * SLAB_SIZE);
	seal_apart(&r.pack, notes_take_part(&r.pack.unsealed, 3));
	seal_apart(&r.pack, notes_take_part(&r.pack.unsealed, 1));
	CHECK(!r.pack.notes.first);
	drop_use(&r);
	rig_remove(&r);
}

int main(void)
{
	static const struct test tests[] = {
		{ "parts go out in order, whoever is first",
		  parts_go_out_in_order_whoever_is_first },
		{ "a job that ends takes its parts with it",
		  a_job_that_ends_takes_its_parts_with_it },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
