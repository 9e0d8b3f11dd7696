/* vault.h - the process that holds the keys: fixed frames in, fixed frames out
 *
 * Forked by the launcher with nothing in it but public configuration.  The
 * secrets come later through the intake pipe, straight into secret memory.
 */
#pragma once

#include "agent/config.h"
#include "agent/seal/report.h"

struct vault_start {
	const struct config *config; /* borrowed */
	int door;                    /* stream socket */
	int intake; /* read end of the secrets pipe, non-blocking */
	int parent; /* pid of the launcher */
};

/* The role's loop; returns an exit status, only when the door is gone or the
 * hardening failed: EXIT_UNSAFE, or ROLE_EXIT_UNLOCKED.  Then the caller may only _exit(): after the seal, exit()
 * and free() can make a call that kills.  Signals but SIGTERM are blocked. */
int vault_run(const struct vault_start *start);

/* The framing on the intake pipe, written by the launcher and by the source:
 *   <mark> 0\n<secret 0>\n<mark> 1\n<secret 1>\n ... <mark> end\n
 * where <mark> is "nixcache-" and 32 hex digits, new for every run, and the
 * numbers are slots in any order. */
#define VAULT_INTAKE_MAX  (64UL * 1024)
#define VAULT_MARK_PREFIX "nixcache-"
#define VAULT_MARK_LEN    (sizeof(VAULT_MARK_PREFIX) - 1 + 32)
