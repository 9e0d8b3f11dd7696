#include "client/pack/inside.h"
#include "client/pack/stored.h"

#include <errno.h>
#include <string.h>

/* One of these, or none: the pack stops. */
struct work {
	struct note *part; /* to be sealed */
	struct block *block;
	int level; /* for the block; 0: as always */
};

static int locked_level(struct pack *p, const struct block *block,
                        bool has_waited)
{
	const struct level_sight sight = {
		.len = block->bytes.len,
		.held = budget_held(p->budget),
		.limit = p->limit,
		.has_waited = has_waited,
	};

	return p->is_auto ? level_next(&p->level, &sight) : 0;
}

/* Parts first: they are what gives memory back. */
static struct work next_work(struct pack *p)
{
	struct work work = { .part = NULL };
	bool has_waited = true;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->is_stopping && !p->blocks.first && !p->unsealed.first) {
		has_waited = false;
		(void)pthread_cond_wait(&p->has_work, &p->lock);
	}
	if (!p->is_stopping) {
		work.part = notes_take(&p->unsealed);
		if (!work.part)
			work.block = blocks_take(&p->blocks);
	}
	if (work.block) {
		work.level = locked_level(p, work.block, has_waited);
		p->queued -= work.block->bytes.len;
		(void)pthread_cond_broadcast(&p->has_room);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return work;
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

static void finish(struct pack *p, struct block *block, int rc)
{
	struct job *job = block->job;

	(void)pthread_mutex_lock(&p->lock);
	if (rc < 0)
		locked_fail(p, job, rc, strerrordesc_np(-rc));
	job->uses++;
	blocks_add(&job->compressed, block);
	locked_gather(p, job);
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

static void pack_block(struct packer *packer, const struct work *work)
{
	int rc = 0;

	if (work->level > 0)
		compressor_set_level(packer->compressor, work->level);
	if (is_wanted(packer->pack, work->block))
		rc = compress(packer, work->block);
	finish(packer->pack, work->block, rc);
}

void *packer_run(void *packer)
{
	struct packer *self = packer;

	for (;;) {
		struct work work = next_work(self->pack);

		if (work.part) {
			seal_apart(self->pack, work.part);
		} else if (work.block) {
			pack_block(self, &work);
		} else {
			return NULL;
		}
	}
}
