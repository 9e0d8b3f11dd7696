/* survey.h - asks store and cache about paths and all that they refer to */
#pragma once

#include "client/cache/cache.h"
#include "client/pull/pull_paths.h"
#include "client/store/daemon.h"

/* Of all narinfos together: what is kept of them is about as long. */
#define SURVEY_TEXT_MAX ((size_t)512 * 1024 * 1024)
#define SURVEY_WHY_MAX  768

struct survey {
	struct daemon *daemon;
	struct cache *cache; /* survey_ask() only */
	const char *store_dir;
	bool has_references;      /* what paths refer to is asked for as well */
	struct pull_paths *paths; /* filled in */
	size_t checked;           /* paths that were compared with the store */
	size_t text_len;          /* of the narinfos so far */
	int exit_status;          /* after a failure, with why: */
	char why[SURVEY_WHY_MAX];
};

/* Every PULL_NEW path becomes PULL_VALID or PULL_NEEDED, and from then on the
 * daemon connection keeps it from being collected.  0 or -errno with why. */
must_check int survey_check_store(struct survey *survey);

/* Every PULL_NEEDED path, and with has_references what it refers to, becomes
 * PULL_VALID, PULL_FOUND, PULL_ABSENT or PULL_BAD.  -errno with why; -EIO:
 * the cache has failed. */
must_check int survey_ask(struct survey *survey);
