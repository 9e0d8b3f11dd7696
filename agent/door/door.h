/* door.h - the process that clients talk to: it sees requests, never a secret
 *
 * Sealed: it accepts, reads, writes and asks the vault; it cannot open, execute
 * or connect.
 */
#pragma once

#include "agent/audit_start.h"
#include "agent/config.h"
#include "agent/seal/report.h"

#include <sys/types.h>

#define DOOR_LISTENERS_MAX 8

struct door_start {
	const struct config *config;    /* borrowed */
	struct report *launcher_report; /* borrowed; kept up to date */
	pid_t launcher_pid; /* what eval's NIXCACHE_AGENT_PID names */
	int launcher;       /* packets */
	const struct agent_listener *listeners;
	size_t listener_count; /* at most DOOR_LISTENERS_MAX */
	struct audit_start audit;
};

/* The role's loop; returns an exit status, only when the launcher is gone or
 * the hardening failed. */
int door_run(const struct door_start *start);
