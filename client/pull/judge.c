#include "client/pull/judge.h"

#include "client/catalog/believed.h"

#include <stdio.h>

#define NAMED_MAX 20 /* a cache without signatures has them all alike */

/* NULL: it is believed. */
static const char *complaint(enum trust_verdict verdict)
{
	switch (verdict) {
	case TRUST_SIGNED:
	case TRUST_CONTENT:
		return NULL;
	case TRUST_UNSIGNED:
		return "it is not signed by a key of the cache (public-key), of "
		       "its upstreams or of nix.conf (trusted-public-keys); "
		       "nothing was fetched";
	case TRUST_FORGED:
		return "it bears a signature in the name of a trusted key, and "
		       "that key did not make it for this narinfo; nothing was "
		       "fetched";
	}
	return "no verdict";
}

static void tell(const char *store_dir, const struct pull_path *path,
                 const char *why, struct progress *progress)
{
	char name[STORE_PATH_SIZE];

	(void)snprintf(name, sizeof(name), "%s/%s", store_dir, path->base);
	progress_failed(progress, name, why);
}

static size_t judge_all(const struct pull_paths *paths, const char *store_dir,
                        const struct trust *trust, struct progress *progress)
{
	size_t bad = 0;

	for (size_t i = 0; i < paths->count; i++) {
		const struct pull_path *path = paths->items[i];
		const char *why;

		if (path->state != PULL_FOUND)
			continue;
		why = complaint(
			trust_judge(trust, store_dir, &path->info->path));
		if (why && bad++ < NAMED_MAX)
			tell(store_dir, path, why, progress);
	}
	if (bad > NAMED_MAX) {
		progress_notice(progress, "and %zu more paths like these",
		                bad - NAMED_MAX);
	}
	return bad;
}

int judge_paths(const struct pull_paths *paths, const struct agent_cache *cache,
                struct progress *progress, size_t *ret_bad)
{
	__attribute__((
		__cleanup__(trust_clear))) struct trust trust = { .count = 0 };
	char why[BELIEVED_WHY_MAX];
	int rc = believed_load(cache, &trust, why);

	if (rc == 0 && why[0]) {
		progress_notice(progress,
		                "Nix's trusted-public-keys do not count: %s",
		                why);
	}
	if (rc == 0)
		*ret_bad = judge_all(paths, cache->store_dir, &trust, progress);
	return rc;
}
