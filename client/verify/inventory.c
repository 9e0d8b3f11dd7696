#include "client/verify/inventory.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/number.h"
#include "protocol/s3/object_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY_FIRST 1024

void inventory_clear(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->count; i++)
		free(inventory->nars[i].key);
	free(inventory->nars);
	*inventory = (struct inventory){ .count = 0 };
}

static int add_nar(struct inventory *inventory, struct cache_object *object)
{
	if (inventory->count == inventory->capacity) {
		size_t capacity = inventory->capacity ? inventory->capacity * 2
		                                      : CAPACITY_FIRST;
		struct inventory_nar *grown =
			reallocarray(inventory->nars, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		inventory->nars = grown;
		inventory->capacity = capacity;
	}
	if (inventory->count >= ROSTER_MAX)
		return -E2BIG;
	inventory->nars[inventory->count++] = (struct inventory_nar){
		.key = object->key,
		.size = object->size,
	};
	object->key = NULL;
	return 0;
}

static int add_object(struct inventory *inventory, struct roster *roster,
                      struct cache_object *object)
{
	size_t len = strlen(object->key);
	struct roster_path *path;

	switch (object_key_kind(object->key, len)) {
	case OBJECT_KEY_NARINFO:
		return roster_add(roster, object->key, STORE_PATH_HASH_LEN,
		                  &path);
	case OBJECT_KEY_NAR:
		return add_nar(inventory, object);
	case OBJECT_KEY_INVALID:
	case OBJECT_KEY_CACHE_INFO:
	case OBJECT_KEY_LISTING:
	case OBJECT_KEY_LOG:
	case OBJECT_KEY_DEBUG_INFO:
	case OBJECT_KEY_REALISATION:
	case OBJECT_KEY_BUILD_TRACE:
		break;
	}
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct inventory_nar *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static int list_page(struct cache *cache, const char *token,
                     struct cache_listing **ret_listing, char *why)
{
	const struct cache_step step = {
		.type = CACHE_LIST,
		.key = "",
		.token = token,
	};
	struct cache_result result;
	int rc = cache_run(cache, &step, &result);

	if (rc < 0) {
		(void)snprintf(why, INVENTORY_WHY_MAX, "list: %s",
		               strerrordesc_np(-rc));
		return EXIT_FAILED;
	}
	if (result.outcome != CACHE_OK) {
		(void)snprintf(why, INVENTORY_WHY_MAX, "%s", result.error);
		return result.exit_status ? result.exit_status : EXIT_FAILED;
	}
	*ret_listing = result.listing;
	return 0;
}

static int take_page(struct inventory *inventory, struct roster *roster,
                     const struct cache_listing *page, char *why)
{
	for (size_t i = 0; i < page->count; i++) {
		int rc = add_object(inventory, roster, &page->objects[i]);

		if (rc < 0) {
			(void)snprintf(why, INVENTORY_WHY_MAX, "list: %s",
			               strerrordesc_np(-rc));
			return EXIT_FAILED;
		}
	}
	return 0;
}

static int take_all(struct cache *cache, struct roster *roster,
                    struct inventory *inventory, char *why)
{
	cleanup_free char *token = NULL;
	bool is_last = false;

	while (!is_last) {
		struct cache_listing *page = NULL;
		int rc = list_page(cache, token, &page, why);

		if (rc != 0)
			return rc;
		rc = take_page(inventory, roster, page, why);
		free(token);
		token = take_ptr(page->token);
		is_last = !token;
		cache_listing_free(page);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int inventory_take(struct cache *cache, struct roster *roster,
                   struct inventory *ret_inventory, char why[INVENTORY_WHY_MAX])
{
	struct inventory inventory = { .count = 0 };
	int rc = take_all(cache, roster, &inventory, why);

	if (rc != 0) {
		inventory_clear(&inventory);
		return rc;
	}
	if (inventory.count > 0) {
		qsort(inventory.nars, inventory.count, sizeof(*inventory.nars),
		      by_key);
	}
	*ret_inventory = inventory;
	return 0;
}

struct inventory_nar *inventory_find(const struct inventory *inventory,
                                     const char *key)
{
	char copy[OBJECT_KEY_MAX + 1];
	const struct inventory_nar wanted = { .key = copy };

	if (inventory->count == 0)
		return NULL;
	(void)snprintf(copy, sizeof(copy), "%s", key);
	return bsearch(&wanted, inventory->nars, inventory->count,
	               sizeof(*inventory->nars), by_key);
}

void inventory_tell_unnamed(const struct inventory *inventory,
                            struct report *report)
{
	for (size_t i = 0; i < inventory->count; i++) {
		const struct inventory_nar *nar = &inventory->nars[i];
		char size[NUMBER_SIZE_TEXT];

		if (nar->is_named)
			continue;
		number_format_size(nar->size, size, sizeof(size));
		report_note(report, NOTE_UNNAMED, NULL, nar->key,
		            "no narinfo names it (%s): of a push that goes on, "
		            "or that was cut short",
		            size);
	}
}
