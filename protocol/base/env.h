/* env.h - what is taken out of the environment, what children get */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

/* The value, NULL if unset or empty.  Borrowed from the environment. */
const char *env_find(const char *name);

/* Every string of that name is removed and overwritten where it stands, so
 * that /proc/PID/environ shows zeros, also in processes forked later. */
void env_wipe(const char *name);

/* The environment of a child: a NULL-terminated array of borrowed strings,
 * picked from the process's own by an allow-list. */
#define ENV_MAX 64
struct env {
	const char *entries[ENV_MAX + 1];
	size_t count;
};

/* HOME, USER, the display and the like; PATH is fixed. */
void env_init_child(struct env *env);

/* What op needs above that.  token: "OP_SERVICE_ACCOUNT_TOKEN=..." or NULL. */
void env_add_op(struct env *env, const char *token);

/* What makes a program that asks for passwords ask yes or no instead. */
void env_add_askpass(struct env *env);

/* What says where Nix's stores and settings are; not NIX_REMOTE. */
void env_add_nix(struct env *env);
