/* strings.h - an owned, bounded list of strings */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

struct strings {
	char **items; /* owned */
	size_t count;
	size_t capacity;
};

void strings_clear(struct strings *list);

/* Copies len bytes and adds a NUL.  0 or -ENOMEM. */
must_check int strings_add(struct strings *list, const char *text, size_t len);

/* Adds every item of other.  0 or -ENOMEM. */
must_check int strings_add_all(struct strings *list,
                               const struct strings *other);

/* Sorts by byte value and drops repeats. */
void strings_sort(struct strings *list);

/* Needs a sorted list. */
bool strings_contain(const struct strings *sorted, const char *text);

/* For cleanup(strings_clear) on a local struct strings. */
#define cleanup_strings __attribute__((__cleanup__(strings_clear)))
