/* listing.h - the entries of a directory, in the order of a NAR */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>
#include <stdint.h>

#define LISTING_ENTRIES_MAX (1U << 20)

struct listing_entry {
	uint32_t offset; /* of its name */
	uint8_t type;    /* DT_*; DT_UNKNOWN where the file system is silent */
};

struct listing {
	struct listing_entry *entries; /* owned; by the bytes of their names */
	size_t count;
	size_t capacity;
	char *names; /* owned; each ended by a NUL */
	size_t names_len;
	size_t names_capacity;
};

/* Reads the directory to its end, without "." and "..".  0, -E2BIG, -errno. */
must_check int listing_load(int directory, struct listing *ret_listing);
void listing_clear(struct listing *listing);

static inline const char *listing_name(const struct listing *listing,
                                       size_t index)
{
	return listing->names + listing->entries[index].offset;
}
