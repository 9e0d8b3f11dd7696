/* paths.h - the store paths of a cache, read from its narinfos
 *
 * Many narinfos are fetched at once; they come out in the order of their keys,
 * and no more than a page of the cache's listing is held.
 */
#pragma once

#include "client/cache/session.h"
#include "client/survey/filter.h"
#include "protocol/s3/object_key.h"

struct path_row {
	const char *key;                  /* of the narinfo; borrowed */
	char base[STORE_PATH_BASE_SIZE];  /* empty: not known */
	char nar_key[OBJECT_KEY_MAX + 1]; /* empty: no object of this cache */
	char compression[32];
	uint64_t nar_size;
	uint64_t file_size; /* 0: not known */
	int64_t modified;   /* of the narinfo; 0: not known */
	bool is_broken;     /* error says why */
	char error[768];
};

#define PATHS_WHY_MAX 768

struct paths;

/* All is borrowed.  with_sizes: the NAR is looked at where its narinfo does not
 * say how large it is.  0 or -ENOMEM. */
must_check int paths_open(const struct session *session,
                          const struct filter *filter, bool with_sizes,
                          struct paths **ret_paths);
/* Before the end of the rows only after the cache, which borrows from it. */
void paths_close(struct paths *paths);

/* 1: *ret_row is the next one, until the next call; 0: there is none; -errno:
 * paths_why() and paths_exit_status() tell. */
must_check int paths_next(struct paths *paths, const struct path_row **ret_row);
const char *paths_why(const struct paths *paths);
int paths_exit_status(const struct paths *paths);
