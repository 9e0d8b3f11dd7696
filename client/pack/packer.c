#include "client/pack/inside.h"
#include "client/pack/stored.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The next block, or NULL when the pack stops. */
static struct block *next_block(struct pack *p)
{
	struct block *block;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->is_stopping && !p->blocks.first)
		(void)pthread_cond_wait(&p->has_blocks, &p->lock);
	block = p->is_stopping ? NULL : blocks_take(&p->blocks);
	if (block) {
		p->queued -= block->bytes.len;
		(void)pthread_cond_broadcast(&p->has_room);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return block;
}

/* Was this so of an earlier block, and is it of this one? */
static bool is_noise(struct packer *packer, const struct block *block,
                     struct bytes in)
{
	struct pack *p = packer->pack;
	bool was_noise;

	(void)pthread_mutex_lock(&p->lock);
	was_noise = block->job->is_noise;
	(void)pthread_mutex_unlock(&p->lock);
	return was_noise && !compressor_probe(packer->compressor, in);
}

static void note_gain(struct pack *p, const struct block *block, bool pays)
{
	(void)pthread_mutex_lock(&p->lock);
	block->job->is_noise = !pays;
	(void)pthread_mutex_unlock(&p->lock);
}

static void store(struct region *bytes)
{
	stored_make(bytes->data, bytes->len);
	bytes->len = stored_size(bytes->len);
}

/* The block gets what is in the scratch.  Slabs change their places. */
static int take_scratch(struct packer *packer, struct region *bytes, size_t len)
{
	uint8_t *slab = packer->scratch;

	if (!bytes->is_slab) {
		memcpy(bytes->data, slab, len);
		bytes->len = len;
		return region_fit(bytes);
	}
	packer->scratch = bytes->data;
	bytes->data = slab;
	bytes->len = len;
	return 0;
}

/* The block's bytes become compressed ones.  What is larger than the room for
 * them is stored; xz does that by itself. */
static int compress(struct packer *packer, struct block *block)
{
	struct bytes in = { block->bytes.data, block->bytes.len };
	struct pack *p = packer->pack;
	size_t len = 0;
	int rc;

	if (p->compression == PACK_NONE)
		return 0;
	if (is_noise(packer, block, in)) {
		store(&block->bytes);
		return 0;
	}
	rc = compressor_run(packer->compressor, in, packer->scratch,
	                    block->bytes.size, &len);
	if (p->compression == PACK_ZSTD) {
		note_gain(p, block, rc == 0 && compress_pays(in.len, len));
		if (rc == -ENOSPC) {
			store(&block->bytes);
			return 0;
		}
	}
	return rc < 0 ? rc : take_scratch(packer, &block->bytes, len);
}

static void locked_say_done(struct pack *p, struct job *job)
{
	struct notes farewell = { .first = NULL };
	struct note *note = job->farewell;
	int rc;

	rc = assembly_end(&job->assembly, &note->event);
	if (rc < 0) {
		locked_fail(p, job, rc, strerrordesc_np(-rc));
		return;
	}
	job->farewell = NULL;
	note->event.type = PACK_DONE;
	note->event.nar_hash = job->expected_hash; /* verified by the reader */
	note->event.nar_size = job->expected_size;
	notes_add(&farewell, note);
	locked_send(p, &farewell);
	locked_end(p, job);
}

/* Called and left with the lock held; without it in between. */
static void gather(struct pack *p, struct block *block)
{
	struct notes parts = { .first = NULL };
	struct job *job = block->job;
	int rc;

	(void)pthread_mutex_unlock(&p->lock);
	rc = assembly_add(&job->assembly, &block->bytes, block->is_last,
	                  &parts);
	for (struct note *note = parts.first; note; note = note->next)
		note->event.job = job->id;
	(void)pthread_mutex_lock(&p->lock);

	if (job->is_over || rc < 0)
		notes_clear(&parts);
	if (rc < 0) {
		locked_fail(p, job, rc,
		            rc == -EFBIG ? "too large for the parts of S3"
		                         : strerrordesc_np(-rc));
	}
	if (job->is_over)
		return;

	locked_send(p, &parts);
	if (block->is_last)
		locked_say_done(p, job);
}

/* Gathers what can be gathered.  One thread at a time does so for a job: the
 * others leave their block with it. */
static void locked_gather_all(struct pack *p, struct job *job)
{
	struct block *block;

	if (job->is_gathering)
		return;

	job->is_gathering = true;
	job->uses++;
	while ((block = blocks_take_index(&job->compressed, job->next_index))) {
		job->next_index++;
		if (!job->is_over)
			gather(p, block);
		locked_block_free(block);
	}
	job->is_gathering = false;
	locked_unuse(job);
}

static void finish(struct pack *p, struct block *block, int rc)
{
	struct job *job = block->job;

	(void)pthread_mutex_lock(&p->lock);
	if (rc < 0)
		locked_fail(p, job, rc, strerrordesc_np(-rc));
	job->uses++;
	blocks_add(&job->compressed, block);
	locked_gather_all(p, job);
	locked_unuse(job);
	(void)pthread_mutex_unlock(&p->lock);
}

static bool is_wanted(struct pack *p, const struct block *block)
{
	bool is_over;

	(void)pthread_mutex_lock(&p->lock);
	is_over = block->job->is_over;
	(void)pthread_mutex_unlock(&p->lock);
	return !is_over;
}

void *packer_run(void *packer)
{
	struct packer *self = packer;
	struct block *block;

	while ((block = next_block(self->pack))) {
		int rc = 0;

		if (is_wanted(self->pack, block))
			rc = compress(self, block);
		finish(self->pack, block, rc);
	}
	return NULL;
}
