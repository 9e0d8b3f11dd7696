/* notes.h - events on their way to the conductor, first in, first out */
#pragma once

#include "client/pack/pack.h"

struct note {
	struct pack_event event;
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
void notes_clear(struct notes *notes);

/* Frees a note and, if it still has one, its part. */
void note_free(struct note *note);
