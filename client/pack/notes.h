/* notes.h - events on their way to the conductor, first in, first out */
#pragma once

#include "client/pack/pack.h"

struct note {
	struct pack_event event;
	struct job *owner; /* of a part on its way to be sealed; a use */
	bool is_sealed;    /* the part has its MD5 */
	struct note *next;
};

struct notes {
	struct note *first; /* owned */
	struct note *last;
};

void notes_add(struct notes *notes, struct note *note);
/* All of more, in its order; more becomes empty. */
void notes_add_all(struct notes *notes, struct notes *more);
/* The first, now the caller's, or NULL. */
struct note *notes_take(struct notes *notes);
/* The one that has the part of this number, or NULL. */
struct note *notes_take_part(struct notes *notes, unsigned number);
void notes_clear(struct notes *notes);

/* Frees a note and, if it still has one, its part. */
void note_free(struct note *note);
