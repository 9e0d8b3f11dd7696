/* download.h - one NAR on its way from the cache to an importer */
#pragma once

#include "client/cache/cache.h"
#include "client/pull/importers.h"
#include "client/pull/pull_paths.h"
#include "protocol/s3/object_key.h"

/* Compressed bytes of one NAR that wait for an importer. */
#define DOWNLOAD_AHEAD_MAX ((size_t)2 * 1024 * 1024)
#define DOWNLOAD_WHY_MAX   768

struct download {
	size_t index; /* of its path */
	char key[OBJECT_KEY_MAX + 1];
	struct conduit *conduit; /* owned share */
	size_t ahead;            /* the conduit's limit */
	bool is_fetched;         /* the cache has given its last word */
	bool is_lent;            /* an importer has the task */
	struct import task;
	int exit_status; /* EXIT_DONE, or the fetch failed: why */
	char why[DOWNLOAD_WHY_MAX];
};

/* What a path's download may hold at most. */
size_t download_ahead(const struct pull_path *path);

/* Asks the cache for it; the result's tag is the path's index.  -errno with a
 * sentence in why. */
must_check int download_begin(struct cache *cache, const struct pull_path *path,
                              struct download **ret_download,
                              char why[DOWNLOAD_WHY_MAX]);
void download_free(struct download *download);

/* The cache's last word. */
void download_take_result(struct download *download,
                          const struct cache_result *result);

/* True if an importer would find enough to do: so none waits for a network
 * while another path is here in full. */
bool download_is_ripe(const struct download *download);

/* Has it imported. */
void download_hand_over(struct download *download, const struct pull_path *path,
                        struct importers *importers);

/* Nobody wants the rest.  It is over when both the cache and an importer that
 * has it have said so. */
void download_abandon(struct download *download);
bool download_is_over(const struct download *download);
