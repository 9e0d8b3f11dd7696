#include "client/pack/inside.h"

#include <errno.h>
#include <string.h>

/* What the lock is given up for: nobody else is at the assembly. */
static int gather(struct job *job, struct block *block, struct notes *parts)
{
	const struct assembly_block added = {
		.bytes = &block->bytes,
		.is_last = block->is_last,
		.so_far = &block->so_far,
	};
	int rc;

	rc = assembly_add(&job->assembly, &added, parts);
	for (struct note *note = parts->first; note && rc == 0;
	     note = note->next) {
		note->event.job = job->id;
		rc = seal_small(note);
	}
	return rc;
}

static void locked_fail_gathering(struct pack *p, struct job *job, int rc)
{
	locked_fail(p, job, rc,
	            rc == -EFBIG ? "too large for the parts of S3"
	                         : strerrordesc_np(-rc));
}

/* Without the lock in between. */
static void locked_gather_block(struct pack *p, struct block *block)
{
	struct notes parts = { .first = NULL };
	struct job *job = block->job;
	int rc;

	(void)pthread_mutex_unlock(&p->lock);
	rc = gather(job, block, &parts);
	(void)pthread_mutex_lock(&p->lock);

	if (rc == 0 && block->is_last && !job->is_over)
		rc = assembly_end(&job->assembly, &job->farewell->event);
	if (rc < 0)
		locked_fail_gathering(p, job, rc);
	if (job->is_over) {
		notes_clear(&parts);
	} else {
		locked_seal(p, job, &parts);
	}
}

/* One thread at a time gathers for a job: the others leave their block with
 * it. */
void locked_gather(struct pack *pack, struct job *job)
{
	struct block *block;

	if (job->is_gathering)
		return;

	job->is_gathering = true;
	job->uses++;
	while ((block = blocks_take_index(&job->compressed, job->next_index))) {
		job->next_index++;
		if (!job->is_over)
			locked_gather_block(pack, block);
		locked_block_free(block);
	}
	job->is_gathering = false;
	locked_unuse(job);
}
