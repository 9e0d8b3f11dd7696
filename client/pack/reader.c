#include "client/pack/inside.h"

#include "client/pack/nar_reader.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Small enough that what was read is still in the processor's cache when it
 * is hashed, and that a cancelled job is noticed soon. */
#define CHUNK_SIZE ((size_t)512 * 1024)

struct reading {
	struct pack *pack;
	struct job *job;
	struct nar_reader *nar;
	struct digest *sha256;
	uint64_t total;
	size_t index;
	char detail[256]; /* of a failure */
};

/* The next job, begun, or NULL when the pack stops. */
static struct job *next_job(struct pack *p)
{
	struct job *job;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->is_stopping && !p->waiting.first)
		(void)pthread_cond_wait(&p->has_jobs, &p->lock);
	job = p->is_stopping ? NULL : p->waiting.first;
	if (job) {
		jobs_remove(&p->waiting, job);
		jobs_add(&p->active, job);
		job->is_begun = true;
		job->uses++;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return job;
}

static int explain(struct reading *r, int rc)
{
	if (r->detail[0] == '\0') {
		(void)snprintf(r->detail, sizeof(r->detail), "%s",
		               strerrordesc_np(-rc));
	}
	return rc;
}

/* Counts what was read.  -ECANCELED when nobody wants more. */
static int report(struct reading *r, size_t len)
{
	struct pack *p = r->pack;
	bool is_over;

	(void)atomic_fetch_add(&p->bytes_read, len);
	(void)pthread_mutex_lock(&p->lock);
	is_over = p->is_stopping || r->job->is_over;
	(void)pthread_mutex_unlock(&p->lock);
	return is_over ? -ECANCELED : 0;
}

static int read_chunk(struct reading *r, uint8_t *out, size_t size,
                      size_t *ret_len)
{
	int rc;

	rc = nar_reader_read(r->nar, out, size, ret_len);
	if (rc < 0) {
		(void)snprintf(r->detail, sizeof(r->detail), "%s",
		               nar_reader_complaint(r->nar));
		return rc;
	}
	rc = digest_update(r->sha256, out, *ret_len);
	if (rc < 0)
		return explain(r, rc);
	return report(r, *ret_len);
}

static int size_differs(struct reading *r, const char *relation, uint64_t size)
{
	(void)snprintf(r->detail, sizeof(r->detail),
	               "changed on disk since it was registered: its NAR has "
	               "%s %llu bytes, the store says %llu; run nix-store "
	               "--verify-path",
	               relation, (unsigned long long)size,
	               (unsigned long long)r->job->expected_size);
	return -EBADMSG;
}

/* Reads len bytes, hashing on the way. */
static int fill(struct reading *r, struct region *bytes, size_t len)
{
	while (bytes->len < len) {
		size_t size = len - bytes->len, got;
		int rc;

		if (size > CHUNK_SIZE)
			size = CHUNK_SIZE;
		rc = read_chunk(r, bytes->data + bytes->len, size, &got);
		if (rc < 0)
			return rc;
		bytes->len += got;
		r->total += got;
		if (got < size)
			return size_differs(r, "only", r->total);
	}
	return 0;
}

/* All expected bytes are read: are they the right ones, and all? */
static int verify(struct reading *r)
{
	char got[NIX_HASH_TEXT_SIZE], expected[NIX_HASH_TEXT_SIZE];
	struct nix_hash hash;
	uint8_t beyond;
	size_t len;
	int rc;

	rc = read_chunk(r, &beyond, 1, &len);
	if (rc < 0)
		return rc;
	if (len > 0)
		return size_differs(r, "more than", r->total);

	rc = digest_final(r->sha256, hash.sha256);
	if (rc < 0)
		return explain(r, rc);
	if (nix_hash_equal(&hash, &r->job->expected_hash))
		return 0;

	nix_hash_format(&hash, got);
	nix_hash_format(&r->job->expected_hash, expected);
	(void)snprintf(r->detail, sizeof(r->detail),
	               "changed on disk since it was registered: its NAR hash "
	               "is %s, the store says %s; run nix-store --verify-path",
	               got, expected);
	return -EBADMSG;
}

/* Waits until the packers can use more, then for the memory. */
static int reserve(struct reading *r, uint64_t charge)
{
	struct pack *p = r->pack;
	int rc;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->is_stopping && !r->job->is_over &&
	       p->queued >= p->queued_max)
		(void)pthread_cond_wait(&p->has_room, &p->lock);
	rc = p->is_stopping || r->job->is_over ? -ECANCELED : 0;
	(void)pthread_mutex_unlock(&p->lock);
	if (rc < 0)
		return rc;
	return budget_take(p->budget, charge);
}

/* A block of len bytes, with room for what they can become. */
static int block_new(struct reading *r, size_t len, struct block **ret_block)
{
	struct pack *p = r->pack;
	size_t size = compress_bound(p->compression, len);
	struct block *block;
	int rc;

	rc = reserve(r, region_charge(size));
	if (rc < 0)
		return rc;

	block = calloc(1, sizeof(*block));
	if (!block) {
		budget_give(p->budget, region_charge(size));
		return explain(r, -ENOMEM);
	}
	*block = (struct block){
		.job = r->job,
		.index = r->index++,
	};
	(void)pthread_mutex_lock(&p->lock);
	r->job->uses++;
	(void)pthread_mutex_unlock(&p->lock);
	*ret_block = block;

	rc = region_init(&block->bytes, p->budget, size);
	return rc < 0 ? explain(r, rc) : 0;
}

static void queue_block(struct pack *p, struct block *block)
{
	(void)pthread_mutex_lock(&p->lock);
	blocks_add(&p->blocks, block);
	p->queued += block->bytes.len;
	(void)pthread_cond_signal(&p->has_work);
	(void)pthread_mutex_unlock(&p->lock);
}

static void drop_block(struct pack *p, struct block *block)
{
	if (!block)
		return;
	(void)pthread_mutex_lock(&p->lock);
	locked_block_free(block);
	(void)pthread_mutex_unlock(&p->lock);
}

/* What an earlier process has stored was never compared with the hash of the
 * whole: it had not come to its end.  Only if it has read the same bytes as we
 * have is what follows from the whole hash true of its parts. */
static int verify_start(struct reading *r)
{
	struct nix_hash hash;
	int rc = digest_peek(r->sha256, hash.sha256);

	if (rc < 0)
		return explain(r, rc);
	if (nix_hash_equal(&hash, &r->job->start.so_far))
		return 0;
	(void)snprintf(r->detail, sizeof(r->detail),
	               "what a push that died has stored of it was read from "
	               "other bytes, and is dropped: push again");
	return -EBADMSG;
}

/* What an earlier process has packed: only hashed.  pack_submit() saw to it
 * that it ends before the last block. */
static int read_start(struct reading *r)
{
	uint64_t end = r->job->start.blocks * PACK_BLOCK_SIZE;
	struct budget *budget = r->pack->budget;
	struct region chunk = { .data = NULL };
	int rc;

	if (end == 0)
		return 0;
	rc = budget_take(budget, region_charge(CHUNK_SIZE));
	if (rc == 0)
		rc = region_init(&chunk, budget, CHUNK_SIZE);
	while (rc == 0 && r->total < end) {
		chunk.len = 0;
		rc = fill(r, &chunk, CHUNK_SIZE);
	}
	region_clear(&chunk);
	r->index = r->job->start.blocks;
	return rc < 0 ? explain(r, rc) : verify_start(r);
}

/* 1: more is to come; 0: that was the last block; -errno. */
static int read_block(struct reading *r)
{
	uint64_t left = r->job->expected_size - r->total;
	size_t len = left < PACK_BLOCK_SIZE ? (size_t)left : PACK_BLOCK_SIZE;
	struct block *block = NULL;
	int rc;

	rc = block_new(r, len, &block);
	if (rc == 0)
		rc = fill(r, &block->bytes, len);
	if (rc == 0 && r->total == r->job->expected_size) {
		rc = verify(r);
		if (rc == 0)
			block->is_last = true;
	} else if (rc == 0) {
		rc = digest_peek(r->sha256, block->so_far.sha256);
		if (rc < 0)
			rc = explain(r, rc);
	}
	if (rc < 0) {
		drop_block(r->pack, block);
		return rc;
	}

	rc = block->is_last ? 0 : 1;
	queue_block(r->pack, block);
	return rc;
}

static int read_job(struct reading *r)
{
	int rc;

	rc = nar_reader_open(r->job->path, &r->nar);
	if (rc == 0)
		rc = assembly_init(&r->job->assembly, &r->job->start);
	if (rc < 0)
		return explain(r, rc);
	if (r->job->expected_size == 0)
		return size_differs(r, "more than", 0);
	rc = read_start(r);
	if (rc < 0)
		return rc;
	do {
		rc = read_block(r);
	} while (rc > 0);
	return rc;
}

static void finish(struct reading *r, int rc)
{
	struct pack *p = r->pack;

	(void)pthread_mutex_lock(&p->lock);
	if (rc < 0 && rc != -ECANCELED)
		locked_fail(p, r->job, rc, r->detail);
	locked_unuse(r->job);
	(void)pthread_mutex_unlock(&p->lock);
}

void *reader_run(void *pack)
{
	struct job *job;

	while ((job = next_job(pack))) {
		struct reading r = { .pack = pack, .job = job };
		int rc;

		r.sha256 = digest_new_sha256();
		rc = r.sha256 ? read_job(&r) : explain(&r, -ENOMEM);
		finish(&r, rc);
		nar_reader_close(r.nar);
		digest_free(r.sha256);
	}
	return NULL;
}
