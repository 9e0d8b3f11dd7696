/* owner.h - who of the processes that use a journal is alive
 *
 * Beside the journal lies a file of no content, FILE.lock.  A process that
 * owns uploads locks one byte of it, at an offset drawn by lot, and that offset
 * is its name in the journal.  The kernel gives the lock back when the process
 * ends, in whatever way: no pid that may be another's by now, none of another
 * boot or container, none that may not be looked at.
 */
#pragma once

#include "client/journal/state.h"

/* Makes sure that journal->owner is ours.  0 or -errno. */
must_check int owner_take(struct journal *journal);

/* Whether another process that owns is alive; also true where it cannot be
 * told. */
bool owner_is_other(const struct journal *journal, int64_t owner);

/* The right to put the file aside, held until owner_end_aside().  -EBUSY:
 * another has had it for JOURNAL_WAIT_MS. */
must_check int owner_begin_aside(struct journal *journal);
void owner_end_aside(struct journal *journal);

void owner_clear(struct journal *journal);
