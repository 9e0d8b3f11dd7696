#include "protocol/base/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STRINGS_FIRST_CAPACITY 8

void strings_clear(struct strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free((void *)list->items);
	*list = (struct strings){ .items = NULL };
}

static int make_room(struct strings *list)
{
	size_t capacity = list->capacity ? list->capacity * 2
	                                 : STRINGS_FIRST_CAPACITY;
	char **items;

	if (list->count < list->capacity)
		return 0;

	items = (char **)reallocarray((void *)list->items, capacity,
	                              sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->capacity = capacity;
	return 0;
}

int strings_add(struct strings *list, const char *text, size_t len)
{
	int rc;

	rc = make_room(list);
	if (rc < 0)
		return rc;

	list->items[list->count] = strndup(text, len);
	if (!list->items[list->count])
		return -ENOMEM;

	list->count++;
	return 0;
}

int strings_add_all(struct strings *list, const struct strings *other)
{
	for (size_t i = 0; i < other->count; i++) {
		int rc = strings_add(list, other->items[i],
		                     strlen(other->items[i]));

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strings_sort(struct strings *list)
{
	size_t kept = 0;

	if (list->count < 2)
		return;

	qsort((void *)list->items, list->count, sizeof(*list->items), compare);
	for (size_t i = 1; i < list->count; i++) {
		if (strcmp(list->items[kept], list->items[i]) == 0) {
			free(list->items[i]);
		} else {
			list->items[++kept] = list->items[i];
		}
	}
	list->count = kept + 1;
}

bool strings_contain(const struct strings *sorted, const char *text)
{
	return sorted->count > 0 &&
	       bsearch((const void *)&text, (const void *)sorted->items,
	               sorted->count, sizeof(*sorted->items), compare) != NULL;
}
