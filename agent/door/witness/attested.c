#include "agent/door/witness/attested.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 128 /* slots; at most half of them are taken */

static bool is_free(const struct digest_sha256 *slot)
{
	static const struct digest_sha256 none;

	return memcmp(slot, &none, sizeof(none)) == 0;
}

/* Where the digest is, or would be. */
static size_t find(const struct attested *set,
                   const struct digest_sha256 *digest)
{
	size_t mask = set->capacity - 1, at;

	memcpy(&at, digest->bytes, sizeof(at));
	for (at &= mask; !is_free(&set->slots[at]); at = (at + 1) & mask) {
		if (memcmp(&set->slots[at], digest, sizeof(*digest)) == 0)
			break;
	}
	return at;
}

void attested_clear(struct attested *set)
{
	free(set->slots);
	*set = (struct attested){ .slots = NULL };
}

bool attested_has(const struct attested *set,
                  const struct digest_sha256 *digest)
{
	return set->count > 0 && !is_free(&set->slots[find(set, digest)]);
}

static int grow(struct attested *set)
{
	struct attested larger = {
		.capacity = set->capacity > 0 ? 2 * set->capacity
		                              : CAPACITY_MIN,
		.count = set->count,
	};

	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < set->capacity; i++) {
		const struct digest_sha256 *slot = &set->slots[i];

		if (!is_free(slot))
			larger.slots[find(&larger, slot)] = *slot;
	}
	attested_clear(set);
	*set = larger;
	return 0;
}

int attested_add(struct attested *set, const struct digest_sha256 *digest)
{
	int rc = 0;

	if (attested_has(set, digest))
		return 0;
	if (set->count == ATTESTED_MAX)
		attested_clear(set);
	if (2 * set->count >= set->capacity)
		rc = grow(set);
	if (rc < 0)
		return rc;
	set->slots[find(set, digest)] = *digest;
	set->count++;
	return 0;
}
