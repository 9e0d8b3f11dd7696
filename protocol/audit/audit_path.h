/* audit_path.h - where the audit log is unless it is told, for both programs */
#pragma once

#include "protocol/base/attributes.h"

#include <limits.h>

/* The environment as far as it matters here; NULL: not set. */
struct audit_path_env {
	const char *service_dir; /* $STATE_DIRECTORY, see systemd.exec(5) */
	const char *state_home;  /* $XDG_STATE_HOME */
	const char *home;        /* $HOME */
};

/* Reads the three variables; borrows from the environment. */
struct audit_path_env audit_path_read_env(void);

/* $STATE_DIRECTORY/audit.jsonl, else $XDG_STATE_HOME/nixcache/audit.jsonl,
 * else $HOME/.local/state/nixcache/audit.jsonl.  What is not absolute is not
 * set, as the XDG specification has it.  0, or -ENOENT if there is none, or it
 * is too long. */
must_check int audit_path_usual(const struct audit_path_env *env,
                                char ret_path[PATH_MAX]);
