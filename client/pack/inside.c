#include "client/pack/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void show_readable(struct pack *p)
{
	uint64_t one = 1;

	(void)!write(p->event_fd, &one, sizeof(one));
}

void locked_send(struct pack *pack, struct notes *notes)
{
	if (TAILQ_EMPTY(notes))
		return;
	if (TAILQ_EMPTY(&pack->notes))
		show_readable(pack);
	TAILQ_CONCAT(&pack->notes, notes, link);
}

void locked_unsend(struct pack *pack, size_t id)
{
	struct notes kept = TAILQ_HEAD_INITIALIZER(kept);
	bool had_some = !TAILQ_EMPTY(&pack->notes);
	struct note *note;
	uint64_t count;

	while ((note = TAILQ_FIRST(&pack->notes))) {
		TAILQ_REMOVE(&pack->notes, note, link);
		if (note->event.job == id)
			note_free(note);
		else
			TAILQ_INSERT_TAIL(&kept, note, link);
	}
	TAILQ_CONCAT(&pack->notes, &kept, link);
	if (had_some && TAILQ_EMPTY(&pack->notes))
		(void)!read(pack->event_fd, &count, sizeof(count));
}

static void job_free(struct job *job)
{
	if (job->is_begun)
		assembly_clear(&job->assembly);
	note_free(job->farewell);
	free(job->path);
	free(job);
}

void locked_end(struct pack *pack, struct job *job)
{
	if (job->is_over)
		return;
	job->is_over = true;
	TAILQ_REMOVE(job->is_begun ? &pack->active : &pack->waiting, job, link);
	if (job->uses == 0)
		job_free(job);
}

void locked_unuse(struct job *job)
{
	job->uses--;
	if (job->uses == 0 && job->is_over)
		job_free(job);
}

void locked_fail(struct pack *pack, struct job *job, int rc, const char *detail)
{
	struct notes farewell = TAILQ_HEAD_INITIALIZER(farewell);
	struct note *note = job->farewell;

	if (job->is_over)
		return;

	locked_unsend(pack, job->id);
	job->farewell = NULL;
	note->event.type = PACK_FAILED;
	note->event.error = rc;
	(void)snprintf(note->event.detail, sizeof(note->event.detail), "%s",
	               detail);
	TAILQ_INSERT_TAIL(&farewell, note, link);
	locked_send(pack, &farewell);
	locked_end(pack, job);
}

void locked_block_free(struct pack *pack, struct block *block)
{
	struct job *job = block->job;

	region_clear(&block->bytes);
	budget_give(pack->budget, block->room_charge);
	free(block);
	locked_unuse(job);
}
