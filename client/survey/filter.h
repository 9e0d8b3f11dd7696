/* filter.h - which paths of a cache a person wants to see
 *
 *	/nix/store/0c5b8v         the beginning of a store path
 *	/nix/store/<base>/bin/x   the path that this lies in
 *	0c5b8v, 0c5b8v...-he      the beginning of a base name
 *	'*-dev'                   a pattern of fnmatch(3) for the whole name
 */
#pragma once

#include "protocol/nix/store_path.h"

struct filter {
	char key_prefix[STORE_PATH_HASH_LEN + 1]; /* of the narinfos */
	char base[STORE_PATH_BASE_SIZE];          /* its beginning */
	bool is_whole;                            /* and its end */
	const char *pattern;                      /* borrowed; NULL: any name */
};

#define FILTER_WHY_MAX 640

/* word is borrowed; NULL or empty: all of them.  -EINVAL with a sentence for a
 * word that no store path fits. */
must_check int filter_parse(const char *word, const char *store_dir,
                            struct filter *ret_filter,
                            char why[FILTER_WHY_MAX]);

/* base: a valid base name. */
bool filter_takes(const struct filter *filter, const char *base);
