#include "client/verify/roster.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY_FIRST 256

static int by_hash(const void *a, const void *b)
{
	const struct roster_path *x = a, *y = b;

	return memcmp(x->base, y->base, STORE_PATH_HASH_LEN);
}

/* The tree only borrows what the array owns. */
static void keep(void *path)
{
	(void)path;
}

void roster_path_drop_info(struct roster_path *path)
{
	if (path->info)
		narinfo_clear(path->info);
	free(path->info);
	path->info = NULL;
}

static void path_free(struct roster_path *path)
{
	if (!path)
		return;
	roster_path_drop_info(path);
	free(path->base);
	free(path);
}

DEFINE_CLEANUP(struct roster_path *, path_free)

void roster_clear(struct roster *roster)
{
	tdestroy(roster->by_hash, keep);
	for (size_t i = 0; i < roster->count; i++)
		path_free(roster->items[i]);
	free(roster->items);
	*roster = (struct roster){ .count = 0 };
}

static int make_room(struct roster *roster)
{
	size_t capacity = roster->capacity ? roster->capacity * 2
	                                   : CAPACITY_FIRST;
	struct roster_path **grown;

	if (roster->count < roster->capacity)
		return 0;
	grown = reallocarray(roster->items, capacity,
	                     sizeof(struct roster_path *));
	if (!grown)
		return -ENOMEM;
	roster->items = grown;
	roster->capacity = capacity;
	return 0;
}

static int add(struct roster *roster, const char *text, size_t len,
               struct roster_path **ret_path)
{
	cleanup(path_free_at) struct roster_path *path = NULL;
	int rc;

	if (roster->count == ROSTER_MAX)
		return -E2BIG;
	rc = make_room(roster);
	if (rc < 0)
		return rc;
	path = calloc(1, sizeof(*path));
	if (!path)
		return -ENOMEM;
	path->base = strndup(text, len);
	if (!path->base)
		return -ENOMEM;
	path->index = roster->count;
	path->is_named = len > STORE_PATH_HASH_LEN;
	(void)snprintf(path->key, sizeof(path->key), "%.*s.narinfo",
	               STORE_PATH_HASH_LEN, text);
	if (!tsearch(path, &roster->by_hash, by_hash))
		return -ENOMEM;
	*ret_path = path;
	roster->items[roster->count++] = take_ptr(path);
	return 0;
}

int roster_add(struct roster *roster, const char *text, size_t len,
               struct roster_path **ret_path)
{
	char hash[STORE_PATH_HASH_LEN + 1];
	struct roster_path wanted = { .base = hash };
	struct roster_path **found;

	memcpy(hash, text, STORE_PATH_HASH_LEN);
	hash[STORE_PATH_HASH_LEN] = '\0';
	found = tfind(&wanted, &roster->by_hash, by_hash);
	if (!found)
		return add(roster, text, len, ret_path);
	*ret_path = *found;
	return 0;
}

int roster_name(struct roster_path *path, const char *base)
{
	char *copy = strdup(base);

	if (!copy)
		return -ENOMEM;
	free(path->base);
	path->base = copy;
	path->is_named = true;
	return 0;
}
