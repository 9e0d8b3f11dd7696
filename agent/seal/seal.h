/* seal.h - takes power away from a process, in stages, and reports each
 *
 * Stage 1, seal_start(): every process, before anything else.
 * Stage 2, seal_check_environment(): main, before it forks.
 * Stage 3, seal_door() or seal_vault(): a role, after it has all it needs.
 */
#pragma once

#include "agent/seal/report.h"

/* Non-dumpable, no core files (hard limit too).  Should: come first in main,
 * and again after a fork.  0 or -errno; a failure is fatal. */
must_check int seal_start(struct report *report);

/* 0; > 0 when this place is unsafe, and why says so: traced (TracerPid), or
 * executed inside a user namespace that an ordinary user owns. */
enum {
	SEAL_SAFE = 0,
	SEAL_TRACED = 1,
	SEAL_USER_NAMESPACE = 2,
};
must_check int seal_check_environment(char *why, size_t why_size);

/* A forked role: dies with its parent, checks that nobody traces it. */
must_check int seal_role(int expected_parent, struct report *report);

/* Everything a door can do without.  Mustn't: open, exec, socket, connect. */
must_check int seal_door(struct report *report);

/* Everything a vault can do without, except the system call filter: W^X,
 * namespaces, capabilities, Landlock, no new privileges. */
must_check int seal_vault_prepare(struct report *report);

/* The vault's filter: read on door and intake, write on door, poll,
 * clock_gettime, exit_group; all else kills.  Nothing may come after it but
 * serving. */
must_check int seal_vault(int door, int intake);

/* Fills in the row that seal_vault will earn (the report is sent before). */
void seal_vault_report(struct report *report);
