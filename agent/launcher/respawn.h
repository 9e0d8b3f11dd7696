/* respawn.h - forks a role, ends it, and counts how often it died
 *
 * A role ignores the signals of a terminal and of a service manager: only the
 * launcher ends it, or its own filter, or the launcher's death.
 */
#pragma once

#include "agent/launcher/launcher.h"

#include <stdbool.h>

#define RESPAWN_DEATHS_MAX 3
#define RESPAWN_DEATHS_MS  60000

struct role {
	pid_t pid; /* 0: none */
};

/* Forks; the child runs entry and never returns.  0 or -errno. */
must_check int role_fork(struct role *role,
                         int (*entry)(const struct role_start *),
                         const struct role_start *start);

/* Kills and waits. */
void role_end(struct role *role);

/* Waits for a role that is about to end; waitpid's status. */
int role_reap(struct role *role);

/* True if the role has died; *ret_status is waitpid's. */
bool role_has_died(struct role *role, int *ret_status);

/* The exit status that a dead role means for the agent. */
int role_exit_status(int status);

/* True if the place is unsafe for it: another try would end as this one. */
bool role_is_hopeless(int status);

/* How it died, as a sentence. */
void role_describe_death(const char *name, int status, char *out, size_t size);

struct deaths {
	long long at_ms[RESPAWN_DEATHS_MAX]; /* the last ones */
	unsigned count;
};

/* Notes a death now; true if there have been too many in too short a time. */
bool deaths_note(struct deaths *deaths, long long now_ms);
