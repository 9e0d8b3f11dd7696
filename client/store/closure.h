/* closure.h - store paths and all they refer to, references first */
#pragma once

#include "client/store/daemon.h"

#include <sys/types.h>

struct closure {
	struct path_info *paths; /* owned; every path after all it refers to */
	size_t count;
	size_t *by_name; /* owned; indexes of paths in the order of their names */
};

void closure_clear(struct closure *closure);

/* A path as a person gives it: a store path, a path inside one, a symbolic
 * link to either (./result).  -ENOENT, -EINVAL with a sentence. */
must_check int closure_resolve(struct daemon *daemon, const char *path,
                               char ret_base[STORE_PATH_BASE_SIZE],
                               struct daemon_error *error);

/* The roots and everything they refer to, each once, level by level; without
 * follow only the roots.  Temporary roots are taken first.  -ENOENT if one is
 * not valid. */
must_check int closure_compute(struct daemon *daemon,
                               const struct strings *roots, bool follow,
                               struct closure *ret_closure,
                               struct daemon_error *error);

/* Index of a base name, or -1.  O(log n). */
ssize_t closure_find(const struct closure *closure, const char *base);
