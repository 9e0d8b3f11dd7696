#include "client/serve/shelf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* For 32 MiB of narinfos of about 1 KiB: a handful in each. */
#define BUCKET_COUNT 8192U

struct shelf_entry {
	struct shelf_entry *next_in_bucket;
	struct shelf_entry *newer;
	struct shelf_entry *older;
	size_t cache;
	char hash_part[STORE_PATH_HASH_LEN];
	long long until;
	struct blob *blob; /* NULL: missing */
};

struct shelf {
	size_t size_max;
	size_t size;
	struct shelf_entry *newest;
	struct shelf_entry *oldest;
	struct shelf_entry *buckets[BUCKET_COUNT];
};

struct shelf *shelf_new(size_t size_max)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));

	if (shelf)
		shelf->size_max = size_max;
	return shelf;
}

static size_t size_of(const struct shelf_entry *entry)
{
	return sizeof(*entry) +
	       (entry->blob ? sizeof(*entry->blob) + entry->blob->len : 0);
}

/* A hash part is already as good as random; this mixes FNV's way (public
 * domain), so that chosen ones are no worse than a long chain for their own. */
static struct shelf_entry **bucket_of(struct shelf *shelf,
                                      const struct shelf_place *place)
{
	uint64_t mixed = 14695981039346656037ULL ^ place->cache;

	for (size_t i = 0; i < STORE_PATH_HASH_LEN; i++) {
		mixed ^= (uint8_t)place->hash_part[i];
		mixed *= 1099511628211ULL;
	}
	return &shelf->buckets[(mixed ^ (mixed >> 32)) % BUCKET_COUNT];
}

static bool is_at(const struct shelf_entry *entry,
                  const struct shelf_place *place)
{
	return entry->cache == place->cache &&
	       memcmp(entry->hash_part, place->hash_part,
	              STORE_PATH_HASH_LEN) == 0;
}

static struct shelf_entry **slot_of(struct shelf *shelf,
                                    const struct shelf_place *place)
{
	struct shelf_entry **at = bucket_of(shelf, place);

	while (*at && !is_at(*at, place))
		at = &(*at)->next_in_bucket;
	return at;
}

static void unlink_age(struct shelf *shelf, struct shelf_entry *entry)
{
	if (entry->newer) {
		entry->newer->older = entry->older;
	} else {
		shelf->newest = entry->older;
	}
	if (entry->older) {
		entry->older->newer = entry->newer;
	} else {
		shelf->oldest = entry->newer;
	}
}

static void link_newest(struct shelf *shelf, struct shelf_entry *entry)
{
	entry->newer = NULL;
	entry->older = shelf->newest;
	if (shelf->newest) {
		shelf->newest->newer = entry;
	} else {
		shelf->oldest = entry;
	}
	shelf->newest = entry;
}

static void remove_at(struct shelf *shelf, struct shelf_entry **slot)
{
	struct shelf_entry *entry = *slot;

	assert(entry);
	*slot = entry->next_in_bucket;
	unlink_age(shelf, entry);
	shelf->size -= size_of(entry);
	blob_release(entry->blob);
	free(entry);
}

static void remove_oldest(struct shelf *shelf)
{
	const struct shelf_place place = {
		.cache = shelf->oldest->cache,
		.hash_part = shelf->oldest->hash_part,
	};

	remove_at(shelf, slot_of(shelf, &place));
}

void shelf_free(struct shelf *shelf)
{
	if (!shelf)
		return;
	while (shelf->oldest)
		remove_oldest(shelf);
	free(shelf);
}

enum shelf_outcome shelf_find(struct shelf *shelf,
                              const struct shelf_place *place, long long now,
                              struct blob **ret_blob)
{
	struct shelf_entry **slot = slot_of(shelf, place);
	struct shelf_entry *entry = *slot;

	if (!entry)
		return SHELF_UNKNOWN;
	if (entry->until <= now) {
		remove_at(shelf, slot);
		return SHELF_UNKNOWN;
	}
	if (!entry->blob)
		return SHELF_MISSING;
	unlink_age(shelf, entry);
	link_newest(shelf, entry);
	*ret_blob = entry->blob;
	return SHELF_FOUND;
}

void shelf_put(struct shelf *shelf, const struct shelf_place *place,
               struct blob *blob, long long now)
{
	struct shelf_entry *entry;
	struct shelf_entry **slot;

	shelf_forget(shelf, place);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return;
	entry->cache = place->cache;
	memcpy(entry->hash_part, place->hash_part, STORE_PATH_HASH_LEN);
	entry->until = now + (blob ? SHELF_KEEP_MS : SHELF_MISSING_MS);
	entry->blob = blob ? blob_share(blob) : NULL;

	slot = bucket_of(shelf, place);
	entry->next_in_bucket = *slot;
	*slot = entry;
	link_newest(shelf, entry);
	shelf->size += size_of(entry);
	while (shelf->size > shelf->size_max)
		remove_oldest(shelf);
}

void shelf_forget(struct shelf *shelf, const struct shelf_place *place)
{
	struct shelf_entry **slot = slot_of(shelf, place);

	if (*slot)
		remove_at(shelf, slot);
}
