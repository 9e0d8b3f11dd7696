#include "tests/bench/object_table.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY_FIRST 1024

void object_table_init(struct object_table *table)
{
	*table = (struct object_table){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

/* The first whose key is not before that one. */
static size_t find_place(const struct object_table *table, const char *key)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(table->objects[middle]->key, key) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static bool is_at(const struct object_table *table, size_t place,
                  const char *key)
{
	return place < table->count &&
	       strcmp(table->objects[place]->key, key) == 0;
}

static void next_etag(struct object_table *table, char etag[ETAG_LEN + 1])
{
	(void)snprintf(etag, ETAG_LEN + 1, "%0*" PRIx64, ETAG_LEN,
	               ++table->versions);
}

void object_table_make_etag(struct object_table *table,
                            char ret_etag[ETAG_LEN + 1])
{
	(void)pthread_mutex_lock(&table->lock);
	next_etag(table, ret_etag);
	(void)pthread_mutex_unlock(&table->lock);
}

static int make_room(struct object_table *table)
{
	size_t capacity = table->capacity > 0 ? 2 * table->capacity
	                                      : CAPACITY_FIRST;
	struct object **grown;

	if (table->count < table->capacity)
		return 0;
	grown = reallocarray(table->objects, capacity, sizeof(struct object *));
	if (!grown)
		return -ENOMEM;
	table->objects = grown;
	table->capacity = capacity;
	return 0;
}

static int place_object(struct object_table *table, struct object *object)
{
	size_t place = find_place(table, object->key);
	int rc = make_room(table);

	if (rc < 0)
		return rc;
	next_etag(table, object->etag);
	if (!is_at(table, place, object->key)) {
		memmove(table->objects + place + 1, table->objects + place,
		        (table->count - place) * sizeof(struct object *));
		table->count++;
	}
	table->objects[place] = object;
	return 0;
}

int object_table_put(struct object_table *table, const char *key,
                     struct body body, char ret_etag[ETAG_LEN + 1])
{
	cleanup_free struct object *object = calloc(1, sizeof(*object));
	cleanup_free char *name = strdup(key);
	int rc;

	if (!object || !name)
		return -ENOMEM;
	object->key = name;
	object->body = body;
	(void)pthread_mutex_lock(&table->lock);
	rc = place_object(table, object);
	(void)pthread_mutex_unlock(&table->lock);
	if (rc < 0)
		return rc;
	memcpy(ret_etag, object->etag, sizeof(object->etag));
	(void)take_ptr(name);
	(void)take_ptr(object);
	return 0;
}

const struct object *object_table_find(struct object_table *table,
                                       const char *key)
{
	const struct object *found = NULL;
	size_t place;

	(void)pthread_mutex_lock(&table->lock);
	place = find_place(table, key);
	if (is_at(table, place, key))
		found = table->objects[place];
	(void)pthread_mutex_unlock(&table->lock);
	return found;
}

void object_table_remove(struct object_table *table, const char *key)
{
	size_t place;

	(void)pthread_mutex_lock(&table->lock);
	place = find_place(table, key);
	if (is_at(table, place, key)) {
		table->count--;
		memmove(table->objects + place, table->objects + place + 1,
		        (table->count - place) * sizeof(struct object *));
	}
	(void)pthread_mutex_unlock(&table->lock);
}

void object_table_remove_all(struct object_table *table, const char *prefix)
{
	size_t len = strlen(prefix), kept = 0;

	(void)pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i < table->count; i++) {
		if (strncmp(table->objects[i]->key, prefix, len) != 0)
			table->objects[kept++] = table->objects[i];
	}
	table->count = kept;
	(void)pthread_mutex_unlock(&table->lock);
}

void object_table_list(struct object_table *table, const char *prefix,
                       const char *after, size_t max,
                       struct object_page *ret_page)
{
	const char *from = strcmp(after, prefix) > 0 ? after : prefix;
	size_t len = strlen(prefix);

	ret_page->count = 0;
	ret_page->is_cut = false;
	(void)pthread_mutex_lock(&table->lock);
	for (size_t i = find_place(table, from);
	     i < table->count && !ret_page->is_cut; i++) {
		const struct object *object = table->objects[i];

		if (strncmp(object->key, prefix, len) != 0)
			break;
		if (strcmp(object->key, after) == 0)
			continue;
		if (ret_page->count == max) {
			ret_page->is_cut = true;
		} else {
			ret_page->objects[ret_page->count++] = object;
		}
	}
	(void)pthread_mutex_unlock(&table->lock);
}
