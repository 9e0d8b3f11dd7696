/* Theory of Operation
 *
 * Entries stand in a ring, so that the oldest is the next to be overwritten,
 * and are found through chains of indices, one chain for each bucket.
 */
#include "client/serve/ledger.h"

#include "protocol/base/fd.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS   ((size_t)4096)
#define FIRST     ((size_t)64)
#define END       SIZE_MAX
#define FNV_START 0xcbf29ce484222325ULL /* FNV-1a, draft-eastlake-fnv */
#define FNV_PRIME 0x100000001b3ULL

struct slot {
	struct ledger_entry entry;
	size_t next; /* in its chain, or END */
};

struct ledger {
	struct slot *slots; /* owned */
	size_t capacity;
	size_t count;
	size_t count_max;
	size_t oldest; /* once the ring is full */
	size_t chains[BUCKETS];
};

static size_t bucket_of(const char *key)
{
	uint64_t sum = FNV_START;

	for (; *key; key++)
		sum = (sum ^ (uint8_t)*key) * FNV_PRIME;
	return (size_t)(sum % BUCKETS);
}

struct ledger *ledger_new(size_t count_max)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	assert(count_max > 0);
	if (!ledger)
		return NULL;
	ledger->count_max = count_max;
	for (size_t i = 0; i < BUCKETS; i++)
		ledger->chains[i] = END;
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	free(ledger->slots);
	free(ledger);
}

static size_t find_index(const struct ledger *ledger, const char *key)
{
	size_t i = ledger->chains[bucket_of(key)];

	while (i != END && strcmp(ledger->slots[i].entry.key, key) != 0)
		i = ledger->slots[i].next;
	return i;
}

const struct ledger_entry *ledger_find(const struct ledger *ledger,
                                       const char *key)
{
	size_t i = find_index(ledger, key);

	return i == END ? NULL : &ledger->slots[i].entry;
}

static void unlink_slot(struct ledger *ledger, size_t index)
{
	struct slot *slot = &ledger->slots[index];
	size_t *at = &ledger->chains[bucket_of(slot->entry.key)];

	while (*at != index)
		at = &ledger->slots[*at].next;
	*at = slot->next;
}

static bool has_room(struct ledger *ledger)
{
	size_t capacity = ledger->capacity > 0 ? ledger->capacity * 2 : FIRST;
	struct slot *slots;

	if (ledger->count < ledger->capacity)
		return true;
	if (capacity > ledger->count_max)
		capacity = ledger->count_max;
	slots = reallocarray(ledger->slots, capacity, sizeof(*slots));
	if (!slots)
		return false;
	ledger->slots = slots;
	ledger->capacity = capacity;
	return true;
}

/* A slot that stands in no chain, or END. */
static size_t free_slot(struct ledger *ledger)
{
	size_t index = ledger->oldest;

	if (ledger->count < ledger->count_max)
		return has_room(ledger) ? ledger->count++ : END;
	ledger->oldest = (index + 1) % ledger->count_max;
	unlink_slot(ledger, index);
	return index;
}

static void fill_entry(struct ledger_entry *entry, const char *key,
                       const char *compression, const struct unpack_sums *sums)
{
	*entry = (struct ledger_entry){ .noted_ms = clock_boot_ms() };
	memcpy(entry->key, key, strlen(key) + 1);
	memcpy(entry->compression, compression, strlen(compression) + 1);
	if (sums)
		entry->sums = *sums;
}

void ledger_note(struct ledger *ledger, const char *key,
                 const char *compression, const struct unpack_sums *sums)
{
	size_t index = find_index(ledger, key);
	size_t *chain = &ledger->chains[bucket_of(key)];

	assert(strlen(key) < sizeof(ledger->slots->entry.key));
	assert(strlen(compression) < LEDGER_COMPRESSION_MAX);
	if (index == END) {
		index = free_slot(ledger);
		if (index == END)
			return;
		ledger->slots[index].next = *chain;
		*chain = index;
	}
	fill_entry(&ledger->slots[index].entry, key, compression, sums);
}
