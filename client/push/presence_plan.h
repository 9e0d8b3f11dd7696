/* presence_plan.h - which narinfos are looked up by listing, and which one by one
 *
 * Pure: decides from values, asks nobody.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A position is the first twelve nix32 digits of a narinfo's name as a number,
 * so positions are in the order of the keys.  PRESENCE_END is after all. */
#define PRESENCE_DIGITS    12
#define PRESENCE_TEXT_SIZE (PRESENCE_DIGITS + 1)
#define PRESENCE_END       (1ULL << (5 * PRESENCE_DIGITS))

/* Of the first narinfo that can come after this key, which may be any. */
uint64_t presence_position(const char *key);

/* What one list request asks for. */
struct presence_range {
	uint64_t from; /* position */
	uint64_t to;   /* of the first that is not in it */
	unsigned page_size;
	unsigned round; /* 1: the first */
};

#define PRESENCE_FIRST_MAX 32

/* How many ranges, which together are everything, are listed first to find
 * that many narinfos; 0: look them up one by one. */
must_check size_t presence_plan_first(
	size_t wanted, struct presence_range ret_ranges[PRESENCE_FIRST_MAX]);

/* What a page has brought that did not come to the end of its range. */
struct presence_page {
	size_t names;     /* narinfos and their like, at the cache's root */
	uint64_t reached; /* all before that is settled */
	size_t wanted;    /* narinfos of the range that are not */
};

/* How many ranges are listed for the rest; 0: look it up one by one.  Then
 * presence_plan_part() says each, index from 0. */
must_check size_t presence_plan_rest(const struct presence_range *range,
                                     const struct presence_page *page);
struct presence_range presence_plan_part(const struct presence_range *range,
                                         const struct presence_page *page,
                                         size_t count, size_t index);

/* How a list request says it: what its names begin with, and what they come
 * after ("": nothing). */
void presence_range_format(const struct presence_range *range,
                           char ret_prefix[PRESENCE_TEXT_SIZE],
                           char ret_after[PRESENCE_TEXT_SIZE]);
