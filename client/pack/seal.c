#include "client/pack/inside.h"

#include "protocol/base/digest.h"

#include <string.h>

/* MD5 is slower than everything else that is done with bytes that were stored
 * (0.8 GB/s), and each part has its own: larger ones are hashed by whichever
 * packer is free. */
#define SMALL_MAX ((size_t)1024 * 1024)

static int seal(struct note *note)
{
	struct pack_part *part = note->event.part;
	int rc;

	rc = digest_md5((struct bytes){ part->data, part->len }, part->md5);
	if (rc == 0)
		note->is_sealed = true;
	return rc;
}

int seal_small(struct note *note)
{
	return note->event.part->len <= SMALL_MAX ? seal(note) : 0;
}

/* What comes next of the job, and after the last part that it is done. */
static void locked_send_sealed(struct pack *p, struct job *job)
{
	struct notes out = { .first = NULL };
	bool is_last = false;
	struct note *note;

	while ((note = notes_take_part(&job->sealed, job->next_part))) {
		job->next_part++;
		is_last = note->event.part->is_last;
		notes_add(&out, note);
	}
	if (is_last) {
		note = job->farewell;
		job->farewell = NULL;
		note->event.type = PACK_DONE;
		note->event.nar_hash = job->expected_hash; /* verified */
		note->event.nar_size = job->expected_size;
		notes_add(&out, note);
	}
	locked_send(p, &out);
	if (is_last)
		locked_end(p, job);
}

void locked_seal(struct pack *pack, struct job *job, struct notes *parts)
{
	struct note *note;

	while ((note = notes_take(parts))) {
		if (note->is_sealed) {
			notes_add(&job->sealed, note);
			continue;
		}
		note->owner = job;
		job->uses++;
		notes_add(&pack->unsealed, note);
		(void)pthread_cond_signal(&pack->has_work);
	}
	locked_send_sealed(pack, job);
}

void seal_apart(struct pack *pack, struct note *note)
{
	struct job *job = note->owner;
	int rc = seal(note);

	(void)pthread_mutex_lock(&pack->lock);
	if (rc < 0)
		locked_fail(pack, job, rc, strerrordesc_np(-rc));
	if (job->is_over) {
		note_free(note);
	} else {
		notes_add(&job->sealed, note);
		locked_send_sealed(pack, job);
	}
	locked_unuse(job);
	(void)pthread_mutex_unlock(&pack->lock);
}
