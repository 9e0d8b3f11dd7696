/* launcher.h - the process that starts, watches and replaces the other two
 *
 * Holds no secret and reads no client's bytes.  It is not sealed: no new
 * privileges or a system call filter would strip the setgid bit from op, and
 * 1Password's app accepts no other caller.
 */
#pragma once

#include "agent/audit_start.h"
#include "agent/config.h"
#include "agent/launcher/source.h"
#include "agent/seal/report.h"
#include "agent/start/ready.h"

#include <sys/types.h>

#define LAUNCHER_WATCHED_MAX 2

/* What a forked role is given; it closes every descriptor but these. */
struct role_start {
	const struct config *config;
	struct report *report; /* the launcher's measures, for the door */
	pid_t launcher_pid;
	int launcher; /* door: packets */
	int intake;   /* vault: read end of the secrets pipe */
	int door;     /* vault: frames */
	const struct agent_listener *listeners; /* door */
	size_t listener_count;
	struct audit_start audit; /* door */
};

/* main.c knows the roles; the launcher only starts them.  Each returns an exit
 * status and is alone in its process. */
struct launcher_roles {
	int (*door)(const struct role_start *start);
	int (*vault)(const struct role_start *start);
};

struct launcher_start {
	const char *config_path; /* for SIGHUP, or NULL */
	struct config *config;   /* now owned by the launcher */
	struct source *source;   /* likewise */
	int intake;              /* likewise: for the first vault */
	bool has_lifetime;       /* command line over configuration */
	uint32_t lifetime;
	bool has_idle;
	uint32_t idle;
	bool is_weak_memory_allowed; /* --allow-weak memory */
	const struct agent_listener *listeners;
	size_t listener_count;
	bool is_job; /* a short lifetime, and the end with it */
	/* pidfds of the command and of the job, -1: none: ends with either */
	int watched[LAUNCHER_WATCHED_MAX];
	int *ready; /* ready.h: told and closed once the agent answers */
	bool is_prefetch;
	struct report *report; /* rows may be added until the door starts */
};

/* The loop; returns the exit status of the agent.  A start that failed is not
 * told: ret_error says why, for the caller to tell when all is cleared away. */
int launcher_run(const struct launcher_start *start,
                 const struct launcher_roles *roles,
                 char ret_error[READY_ERROR_MAX]);
