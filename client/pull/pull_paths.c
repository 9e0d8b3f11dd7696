#include "client/pull/pull_paths.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY_FIRST 256

static int by_base(const void *a, const void *b)
{
	const struct pull_path *x = a, *y = b;

	return strcmp(x->base, y->base);
}

/* The tree only borrows what the array owns. */
static void keep(void *path)
{
	(void)path;
}

static void path_free(struct pull_path *path)
{
	if (path->info)
		narinfo_clear(path->info);
	free(path->info);
	free(path->why);
	free(path);
}

void pull_paths_clear(struct pull_paths *paths)
{
	tdestroy(paths->by_name, keep);
	for (size_t i = 0; i < paths->count; i++)
		path_free(paths->items[i]);
	free(paths->items);
	*paths = (struct pull_paths){ .count = 0 };
}

static int make_room(struct pull_paths *paths)
{
	size_t capacity = paths->capacity ? paths->capacity * 2
	                                  : CAPACITY_FIRST;
	struct pull_path **grown;

	if (paths->count < paths->capacity)
		return 0;
	grown = reallocarray(paths->items, capacity,
	                     sizeof(struct pull_path *));
	if (!grown)
		return -ENOMEM;
	paths->items = grown;
	paths->capacity = capacity;
	return 0;
}

struct pull_path *pull_paths_find(const struct pull_paths *paths,
                                  const char *base)
{
	struct pull_path key;
	struct pull_path **found;

	(void)snprintf(key.base, sizeof(key.base), "%s", base);
	found = tfind(&key, &paths->by_name, by_base);
	return found ? *found : NULL;
}

static int add(struct pull_paths *paths, const char *base,
               struct pull_path **ret_path)
{
	cleanup_free struct pull_path *path = NULL;
	int rc;

	if (paths->count == PULL_PATHS_MAX)
		return -E2BIG;
	rc = make_room(paths);
	if (rc < 0)
		return rc;
	path = calloc(1, sizeof(*path));
	if (!path)
		return -ENOMEM;
	path->index = paths->count;
	path->referrer = PULL_NO_PATH;
	(void)snprintf(path->base, sizeof(path->base), "%s", base);
	names_format_narinfo(path->base, path->key);
	if (!tsearch(path, &paths->by_name, by_base))
		return -ENOMEM;
	*ret_path = path;
	paths->items[paths->count++] = take_ptr(path);
	return 0;
}

int pull_paths_add(struct pull_paths *paths, const char *base,
                   struct pull_path **ret_path)
{
	struct pull_path *known = pull_paths_find(paths, base);

	if (!known)
		return add(paths, base, ret_path);
	*ret_path = known;
	return 0;
}

size_t pull_paths_count(const struct pull_paths *paths, enum pull_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < paths->count; i++) {
		if (paths->items[i]->state == state)
			count++;
	}
	return count;
}
