/* pattern.h - shell patterns over object keys and names of store paths
 *
 * '*' stands for any bytes, '/' too; '?' for one byte; [abc], [a-z] and [!a]
 * for one byte of a set; '\' takes the next byte as it is.  Case counts, no
 * locale does.  A set that is empty, has no end, or holds '[' or '\' is refused
 * rather than taken for something else.
 */
#pragma once

#include "protocol/base/bytes.h"

#include <stdbool.h>

/* NULL, or what is wrong with it: malformed, or such that it can match
 * nothing.  A key never begins with '/', a name never has one. */
const char *pattern_check_key(const char *pattern);
const char *pattern_check_name(const char *pattern);

/* The whole text.  The pattern has been checked.  Takes time in the order of
 * the product of both lengths, whatever they are. */
bool pattern_matches(const char *pattern, struct bytes text);

/* Every text that begins with prefix: never true by mistake, but false for a
 * pattern that does not end in '*'. */
bool pattern_matches_below(const char *pattern, struct bytes prefix);
