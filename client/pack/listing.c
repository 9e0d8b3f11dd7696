#include "client/pack/listing.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ENTRIES 32
#define FIRST_NAMES   1024
#define READ_SIZE     8192

void listing_clear(struct listing *listing)
{
	free(listing->entries);
	free(listing->names);
	*listing = (struct listing){ .count = 0 };
}

static int reserve(struct listing *l, size_t len)
{
	if (l->count == LISTING_ENTRIES_MAX)
		return -E2BIG;
	if (l->count == l->capacity) {
		size_t capacity = l->capacity ? l->capacity * 2 : FIRST_ENTRIES;
		struct listing_entry *entries;

		entries = reallocarray(l->entries, capacity, sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		l->entries = entries;
		l->capacity = capacity;
	}
	if (!l->names || l->names_len + len > l->names_capacity) {
		size_t capacity = l->names_capacity ? l->names_capacity * 2
		                                    : FIRST_NAMES;
		char *names = realloc(l->names, capacity);

		if (!names)
			return -ENOMEM;
		l->names = names;
		l->names_capacity = capacity;
	}
	return 0;
}

static int add(struct listing *l, const char *name, uint8_t type)
{
	size_t len = strlen(name) + 1;
	int rc;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	rc = reserve(l, len);
	if (rc < 0)
		return rc;

	assert(l->names);
	memcpy(l->names + l->names_len, name, len);
	l->entries[l->count++] = (struct listing_entry){
		.offset = (uint32_t)l->names_len,
		.type = type,
	};
	l->names_len += len;
	return 0;
}

static int compare(const void *a, const void *b, void *names)
{
	const char *text = names;

	return strcmp(text + ((const struct listing_entry *)a)->offset,
	              text + ((const struct listing_entry *)b)->offset);
}

static int load(int directory, struct listing *l)
{
	_Alignas(struct dirent64) char records[READ_SIZE];

	for (;;) {
		ssize_t len = getdents64(directory, records, sizeof(records));

		if (len <= 0)
			return len < 0 ? -errno : 0;
		for (ssize_t at = 0; at < len;) {
			const struct dirent64 *record =
				(const void *)(records + at);
			int rc = add(l, record->d_name, record->d_type);

			if (rc < 0)
				return rc;
			at += record->d_reclen;
		}
	}
}

/* getdents(2) by hand, because readdir(3) would take the descriptor over and
 * a buffer of 32 KiB for each level. */
int listing_load(int directory, struct listing *ret_listing)
{
	struct listing l = { .count = 0 };
	int rc;

	rc = load(directory, &l);
	if (rc < 0) {
		listing_clear(&l);
		return rc;
	}
	if (l.count > 1) {
		qsort_r(l.entries, l.count, sizeof(*l.entries), compare,
		        l.names);
	}
	*ret_listing = l;
	return 0;
}
