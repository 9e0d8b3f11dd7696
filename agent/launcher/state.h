/* state.h - what the launcher knows: shared by its loop and its roles */
#pragma once

#include "agent/launcher/askpass.h"
#include "agent/launcher/audit_file.h"
#include "agent/launcher/launcher.h"
#include "agent/launcher/logind.h"
#include "agent/launcher/nix_store.h"
#include "agent/launcher/respawn.h"

struct launcher {
	const struct launcher_start *start;
	const struct launcher_roles *roles;
	struct config *config;
	struct source *source;
	struct role door;
	struct role vault;
	struct deaths vault_deaths;
	struct audit_file audit; /* opened before the first door */
	struct askpass asking;
	struct nix_store nix_store;
	struct logind *logind; /* NULL: no bus */
	int door_socket;
	int signals;
	int *ready;                /* -1: told already */
	char *error;               /* READY_ERROR_MAX: why the start failed */
	long long lifetime_end_ms; /* 0: not running */
	long long closing_end_ms;  /* 0: not asked to end */
	bool is_fetching;
	bool is_prefetching;
	bool is_ending;
	int exit_status;
};

/* The loop ends, and the agent with this status. */
static inline void launcher_end(struct launcher *l, int exit_status)
{
	l->is_ending = true;
	l->exit_status = exit_status;
}
