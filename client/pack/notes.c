#include "client/pack/notes.h"

#include <stdlib.h>

void note_free(struct note *note)
{
	if (!note)
		return;
	pack_part_free(note->event.part);
	free(note);
}

void notes_add(struct notes *notes, struct note *note)
{
	note->next = NULL;
	if (notes->last) {
		notes->last->next = note;
	} else {
		notes->first = note;
	}
	notes->last = note;
}

void notes_add_all(struct notes *notes, struct notes *more)
{
	struct note *note;

	while ((note = notes_take(more)))
		notes_add(notes, note);
}

struct note *notes_take(struct notes *notes)
{
	struct note *note = notes->first;

	if (!note)
		return NULL;
	notes->first = note->next;
	if (!notes->first)
		notes->last = NULL;
	return note;
}

struct note *notes_take_part(struct notes *notes, unsigned number)
{
	struct note *before = NULL, *note = notes->first;

	while (note && note->event.part->number != number) {
		before = note;
		note = note->next;
	}
	if (!note)
		return NULL;
	if (before) {
		before->next = note->next;
	} else {
		notes->first = note->next;
	}
	if (notes->last == note)
		notes->last = before;
	return note;
}

void notes_clear(struct notes *notes)
{
	struct note *note;

	while ((note = notes_take(notes)))
		note_free(note);
}
