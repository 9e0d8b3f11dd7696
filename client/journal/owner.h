/* owner.h - who of the processes that use a journal is alive
 *
 * Beside the journal lies a file of no content, FILE.lock.  The kernel gives a
 * lock back when its process ends, in whatever way: no pid that may be another's
 * by now, none of another boot or container, none that may not be looked at.
 *
 * A process that owns uploads locks one byte of it, at an offset drawn by lot,
 * and that offset is its name in the journal.  The first byte is shared by all
 * that have the journal open: SQLite finds what is left of a transaction by the
 * name of the file, so that one must not be moved away from under another
 * (sqlite.org/howtocorrupt.html section 4.3).
 */
#pragma once

#include "client/journal/state.h"

#define OWNER_STEP_MS 5 /* between two looks at a lock */

/* Makes sure that journal->owner is ours.  0 or -errno. */
must_check int owner_take(struct journal *journal);

/* Whether another process that owns is alive; also true where it cannot be
 * told. */
bool owner_is_other(const struct journal *journal, int64_t owner);

/* From now on nobody puts the file aside.  0; -EBUSY: somebody is at it for
 * longer than JOURNAL_WAIT_MS; -errno. */
must_check int owner_enter(struct journal *journal);

/* Gives that up, and sees whether no other has it.  -EBUSY: another has. */
must_check int owner_try_alone(struct journal *journal);

void owner_leave(struct journal *journal);

/* Of FILE.lock, into size bytes. */
void owner_format_path(const struct journal *journal, char *out, size_t size);

void owner_clear(struct journal *journal);
