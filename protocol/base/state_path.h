/* state_path.h - where a user's files are that outlive a run, for both programs
 */
#pragma once

#include "protocol/base/attributes.h"

#include <limits.h>

/* Their names. */
#define STATE_PATH_AUDIT   "audit.jsonl"
#define STATE_PATH_JOURNAL "journal.sqlite"

/* The environment as far as it matters here; NULL: not set. */
struct state_path_env {
	const char *service_dir; /* $STATE_DIRECTORY, see systemd.exec(5) */
	const char *state_home;  /* $XDG_STATE_HOME */
	const char *home;        /* $HOME */
};

/* Reads the three variables; borrows from the environment. */
struct state_path_env state_path_read_env(void);

/* $STATE_DIRECTORY/NAME, else $XDG_STATE_HOME/nixcache/NAME, else
 * $HOME/.local/state/nixcache/NAME.  What is not absolute is not set, as the
 * XDG specification has it.  0, or -ENOENT if there is none, or it is too
 * long. */
must_check int state_path_usual(const struct state_path_env *env,
                                const char *name, char ret_path[PATH_MAX]);

/* The folders above a file; those that are missing are made for us alone.  0
 * or -errno. */
must_check int state_path_make_folders(const char *path);
