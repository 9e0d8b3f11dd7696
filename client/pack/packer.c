#include "client/pack/inside.h"

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

/* The block's bytes become compressed ones, and what they do not need of
 * the memory taken for both goes back. */
static int compress(struct packer *packer, struct block *block)
{
	struct bytes in = { block->bytes.data, block->bytes.len };
	struct pack *p = packer->pack;
	struct region out;
	int rc;

	if (p->compression == PACK_NONE)
		return 0;

	rc = region_init(&out, p->budget,
	                 compress_bound(p->compression, in.len));
	block->room_charge = 0; /* the region's now, or given back */
	if (rc < 0)
		return rc;
	rc = compressor_run(packer->compressor, in, out.data, out.size,
	                    &out.len);
	if (rc == 0)
		rc = region_fit(&out);
	if (rc < 0) {
		region_clear(&out);
		return rc;
	}
	region_clear(&block->bytes);
	block->bytes = out;
	return 0;
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
		locked_block_free(p, block);
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
