/* pull_paths.h - the store paths of a pull, each once, and what is known of it
 *
 * A path keeps its index and its place in memory as others are added.
 */
#pragma once

#include "client/cache/names.h"
#include "protocol/nix/narinfo.h"

#include <stdbool.h>

#define PULL_PATHS_MAX ((size_t)1000000)
#define PULL_NO_PATH   SIZE_MAX

enum pull_state {
	PULL_NEW,    /* not looked for yet */
	PULL_VALID,  /* the local store has it, with all it refers to */
	PULL_NEEDED, /* the local store lacks it */
	PULL_ASKED,  /* its narinfo is on its way */
	PULL_FOUND,  /* info is what the cache says of it */
	PULL_ABSENT, /* neither here nor in the cache */
	PULL_BAD,    /* what the cache says of it is worthless: why */
};

struct pull_path {
	size_t index;
	enum pull_state state;
	bool is_root;    /* was asked for */
	size_t referrer; /* who first referred to it, or PULL_NO_PATH */
	char base[STORE_PATH_BASE_SIZE];
	char key[NAMES_NARINFO_SIZE]; /* of its narinfo */
	struct narinfo *info;         /* owned; NULL until then */
	char *why;                    /* owned, or NULL */
};

struct pull_paths {
	struct pull_path **items; /* owned, as what they point to */
	size_t count;
	size_t capacity;
	void *by_name; /* owned; see tsearch(3) */
};

void pull_paths_clear(struct pull_paths *paths);

/* Adds a path that is new, or finds it.  base is a valid base name.  -E2BIG
 * beyond PULL_PATHS_MAX, -ENOMEM. */
must_check int pull_paths_add(struct pull_paths *paths, const char *base,
                              struct pull_path **ret_path);

/* NULL if it is not there. */
struct pull_path *pull_paths_find(const struct pull_paths *paths,
                                  const char *base);

size_t pull_paths_count(const struct pull_paths *paths, enum pull_state state);

/* For cleanup_pull_paths on a local struct pull_paths. */
#define cleanup_pull_paths __attribute__((__cleanup__(pull_paths_clear)))
