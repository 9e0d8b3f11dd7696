#include "agent/pattern.h"

#include <string.h>

/* Past the closing ']' of the set that begins at at; NULL: malformed. */
static const char *set_end(const char *at)
{
	const char *members = at + (at[1] == '!' || at[1] == '^' ? 2 : 1);
	size_t len = strcspn(members, "[]\\");

	if (len == 0 || members[len] != ']')
		return NULL;
	for (size_t i = 1; i + 1 < len; i++) {
		if (members[i] == '-' && members[i - 1] > members[i + 1])
			return NULL;
	}
	return members + len + 1;
}

/* Past what stands for one byte, or for '*'; NULL: malformed. */
static const char *piece_end(const char *at)
{
	if (*at == '[')
		return set_end(at);
	if (*at == '\\')
		return at[1] != '\0' ? at + 2 : NULL;
	return at + 1;
}

static const char *check(const char *pattern, bool may_slash)
{
	const char *end;

	if (pattern[0] == '\0')
		return "is empty";
	if (pattern[0] == '/')
		return "must not begin with '/'";
	for (const char *at = pattern; *at != '\0'; at++) {
		if (*at < '!' || *at > '~')
			return "has a byte that is in no name";
		if (*at == '/' && !may_slash)
			return "is for the name below the store, without '/'";
	}
	for (const char *at = pattern; *at != '\0'; at = end) {
		end = piece_end(at);
		if (!end)
			return "has a '[' or '\\' that is not closed";
	}
	return NULL;
}

const char *pattern_check_key(const char *pattern)
{
	return check(pattern, true);
}

const char *pattern_check_name(const char *pattern)
{
	return check(pattern, false);
}

static bool is_in_set(const char *at, const char *end, char byte)
{
	bool is_negated = at[1] == '!' || at[1] == '^';
	bool is_member = false;

	for (at += is_negated ? 2 : 1; at < end - 1; at++) {
		if (at[1] == '-' && at + 2 < end - 1) {
			is_member = is_member ||
			            (at[0] <= byte && byte <= at[2]);
			at += 2;
		} else {
			is_member = is_member || *at == byte;
		}
	}
	return is_member != is_negated;
}

/* at is not '*'. */
static bool is_fit(const char *at, const char *end, char byte)
{
	switch (*at) {
	case '?':
		return true;
	case '[':
		return is_in_set(at, end, byte);
	case '\\':
		return at[1] == byte;
	default:
		return *at == byte;
	}
}

/* Only the last '*' is ever tried anew: what an earlier one took less, a later
 * one can take more. */
bool pattern_matches(const char *pattern, struct bytes text)
{
	const char *star = NULL;
	size_t at = 0, star_at = 0;

	while (at < text.len || *pattern != '\0') {
		const char *end = *pattern != '\0' ? piece_end(pattern) : NULL;

		if (*pattern == '*') {
			star = pattern++;
			star_at = at;
		} else if (end && at < text.len &&
		           is_fit(pattern, end, (char)text.data[at])) {
			pattern = end;
			at++;
		} else if (star && star_at < text.len) {
			at = ++star_at;
			pattern = star + 1;
		} else {
			return false;
		}
	}
	return true;
}

bool pattern_matches_below(const char *pattern, struct bytes prefix)
{
	const char *last = pattern, *end = pattern;

	while (end && *end != '\0') {
		last = end;
		end = piece_end(end);
	}
	return end && *last == '*' && pattern_matches(pattern, prefix);
}
