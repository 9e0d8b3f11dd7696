#include "client/pack/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void show_readable(struct pack *p)
{
	uint64_t one = 1;

	(void)!write(p->event_fd, &one, sizeof(one));
}

void blocks_add(struct blocks *blocks, struct block *block)
{
	block->next = NULL;
	if (blocks->last) {
		blocks->last->next = block;
	} else {
		blocks->first = block;
	}
	blocks->last = block;
}

/* Takes the block out that comes after `before`; NULL: the first. */
static struct block *take_after(struct blocks *blocks, struct block *before)
{
	struct block *block = before ? before->next : blocks->first;

	if (!block)
		return NULL;
	if (before) {
		before->next = block->next;
	} else {
		blocks->first = block->next;
	}
	if (blocks->last == block)
		blocks->last = before;
	return block;
}

struct block *blocks_take(struct blocks *blocks)
{
	return take_after(blocks, NULL);
}

struct block *blocks_take_index(struct blocks *blocks, size_t index)
{
	struct block *before = NULL;

	for (struct block *b = blocks->first; b; b = b->next) {
		if (b->index == index)
			return take_after(blocks, before);
		before = b;
	}
	return NULL;
}

void jobs_add(struct jobs *jobs, struct job *job)
{
	job->next = NULL;
	job->previous = jobs->last;
	if (jobs->last) {
		jobs->last->next = job;
	} else {
		jobs->first = job;
	}
	jobs->last = job;
}

void jobs_remove(struct jobs *jobs, struct job *job)
{
	if (job->previous) {
		job->previous->next = job->next;
	} else {
		jobs->first = job->next;
	}
	if (job->next) {
		job->next->previous = job->previous;
	} else {
		jobs->last = job->previous;
	}
}

struct job *jobs_find(const struct jobs *jobs, size_t id)
{
	struct job *job = jobs->first;

	while (job && job->id != id)
		job = job->next;
	return job;
}

void locked_send(struct pack *pack, struct notes *notes)
{
	if (!notes->first)
		return;
	if (!pack->notes.first)
		show_readable(pack);
	notes_add_all(&pack->notes, notes);
}

struct note *locked_next_note(struct pack *pack)
{
	struct note *note = notes_take(&pack->notes);
	uint64_t count;

	if (note && !pack->notes.first)
		(void)!read(pack->event_fd, &count, sizeof(count));
	return note;
}

void locked_unsend(struct pack *pack, size_t id)
{
	struct notes kept = { .first = NULL };
	struct note *note;

	while ((note = locked_next_note(pack))) {
		if (note->event.job == id) {
			note_free(note);
		} else {
			notes_add(&kept, note);
		}
	}
	locked_send(pack, &kept);
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
	notes_clear(&job->sealed);
	jobs_remove(job->is_begun ? &pack->active : &pack->waiting, job);
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
	struct notes farewell = { .first = NULL };
	struct note *note = job->farewell;

	if (job->is_over)
		return;

	locked_unsend(pack, job->id);
	job->farewell = NULL;
	note->event.type = PACK_FAILED;
	note->event.error = rc;
	(void)snprintf(note->event.detail, sizeof(note->event.detail), "%s",
	               detail);
	notes_add(&farewell, note);
	locked_send(pack, &farewell);
	locked_end(pack, job);
}

void locked_block_free(struct block *block)
{
	struct job *job = block->job;

	region_clear(&block->bytes);
	free(block);
	locked_unuse(job);
}
