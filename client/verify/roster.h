/* roster.h - the store paths that are verified, each once, by their hash parts
 *
 * A path keeps its place in memory as others are added.
 */
#pragma once

#include "client/cache/names.h"
#include "protocol/nix/narinfo.h"

#define ROSTER_MAX ((size_t)4 * 1000 * 1000)

enum roster_state {
	ROSTER_NEW,     /* nobody has looked yet */
	ROSTER_ASKED,   /* its narinfo is on its way */
	ROSTER_NAR,     /* info is there, its archive is being looked at */
	ROSTER_DONE,    /* all is said */
	ROSTER_MISSING, /* it has no narinfo */
};

struct roster_path {
	enum roster_state state;
	bool is_root; /* was asked for */
	bool is_named;
	size_t index;
	const struct roster_path *referrer; /* the first; NULL: none */
	char *base; /* owned; until is_named only its hash part */
	char key[NAMES_NARINFO_SIZE]; /* of its narinfo */
	struct narinfo *info;         /* owned; ROSTER_NAR */
};

struct roster {
	struct roster_path **items; /* owned, as what they point to */
	size_t count;
	size_t capacity;
	void *by_hash; /* owned; see tsearch(3) */
};

void roster_clear(struct roster *roster);

/* Adds a path that is new, or finds it.  text: a base name, or with the length
 * STORE_PATH_HASH_LEN only its hash part.  -E2BIG, -ENOMEM. */
must_check int roster_add(struct roster *roster, const char *text, size_t len,
                          struct roster_path **ret_path);

/* Gives a path its whole name.  -ENOMEM. */
must_check int roster_name(struct roster_path *path, const char *base);

/* Frees its info. */
void roster_path_drop_info(struct roster_path *path);
