#include "client/pull/download.h"

#include "client/catalog/entry.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What the narinfo says of the file's size only ever makes it less: a cache
 * that lies waits for its own importer. */
size_t download_ahead(const struct pull_path *path)
{
	uint64_t size = path->info->file_size;

	if (size == 0 || size > DOWNLOAD_AHEAD_MAX)
		return DOWNLOAD_AHEAD_MAX;
	return size > CONDUIT_PIECE_MAX ? (size_t)size : CONDUIT_PIECE_MAX;
}

static int submit(struct cache *cache, struct download *d)
{
	const struct cache_step step = {
		.type = CACHE_FETCH,
		.tag = d->index,
		.key = d->key,
		.sink = d->conduit,
	};

	return cache_submit(cache, &step);
}

int download_begin(struct cache *cache, const struct pull_path *path,
                   struct download **ret_download, char why[DOWNLOAD_WHY_MAX])
{
	struct download *d = calloc(1, sizeof(*d));
	int rc;

	if (!d) {
		(void)snprintf(why, DOWNLOAD_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	d->index = path->index;
	d->ahead = download_ahead(path);
	rc = entry_nar_key(path->info, d->key);
	if (rc < 0) {
		(void)snprintf(why, DOWNLOAD_WHY_MAX,
		               "%s: its URL is not one inside the cache",
		               path->key);
	} else {
		rc = conduit_new(d->ahead, &d->conduit);
		if (rc == 0)
			rc = submit(cache, d);
		(void)snprintf(why, DOWNLOAD_WHY_MAX, "%s",
		               strerrordesc_np(-rc));
	}
	if (rc < 0) {
		download_free(d);
		return rc;
	}
	*ret_download = d;
	return 0;
}

void download_free(struct download *d)
{
	if (!d)
		return;
	if (d->conduit)
		conduit_release(d->conduit);
	free(d);
}

void download_take_result(struct download *d, const struct cache_result *result)
{
	d->is_fetched = true;
	switch (result->outcome) {
	case CACHE_OK:
		return;
	case CACHE_MISSING:
		d->exit_status = EXIT_FAILED;
		(void)snprintf(d->why, sizeof(d->why),
		               "%s: the cache lacks it, though it has its "
		               "narinfo",
		               d->key);
		return;
	case CACHE_EXISTS: /* never of a FETCH */
	case CACHE_FAILED:
		d->exit_status = result->exit_status ? result->exit_status
		                                     : EXIT_FAILED;
		(void)snprintf(d->why, sizeof(d->why), "%s", result->error);
		return;
	}
}

bool download_is_ripe(const struct download *d)
{
	return d->is_fetched || conduit_total(d->conduit) >= d->ahead / 4;
}

void download_hand_over(struct download *d, const struct pull_path *path,
                        struct importers *importers)
{
	d->task = (struct import){
		.kind = IMPORT_NAR,
		.index = d->index,
		.base = path->base,
		.info = &path->info->path,
		.compression = path->info->compression,
		.in = d->conduit,
	};
	d->is_lent = true;
	importers_submit(importers, &d->task);
}

void download_abandon(struct download *d)
{
	conduit_abandon(d->conduit);
}

bool download_is_over(const struct download *d)
{
	return d->is_fetched && !d->is_lent;
}
