#include "client/serve/range.h"

#include "protocol/base/number.h"

#include <string.h>
#include <strings.h>

#define UNIT       "bytes="
#define DIGITS_MAX 19 /* so that a number is below UINT64_MAX */

/* An empty text is no number. */
static bool take_number(const char *text, size_t len, uint64_t *ret_number)
{
	char digits[DIGITS_MAX + 1];

	if (len == 0 || len > DIGITS_MAX)
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	return number_parse(digits, UINT64_MAX - 1, ret_number) == 0;
}

bool range_parse(const char *text, struct range *ret_range)
{
	struct range range = { .last = UINT64_MAX };
	const char *dash, *end;

	if (strncasecmp(text, UNIT, strlen(UNIT)) != 0)
		return false;
	text += strlen(UNIT);
	dash = strchr(text, '-');
	if (!dash)
		return false;
	end = dash + strlen(dash);

	range.is_suffix = dash == text;
	if (range.is_suffix) {
		if (!take_number(dash + 1, (size_t)(end - dash) - 1,
		                 &range.first))
			return false;
	} else {
		if (!take_number(text, (size_t)(dash - text), &range.first))
			return false;
		if (dash[1] && (!take_number(dash + 1, (size_t)(end - dash) - 1,
		                             &range.last) ||
		                range.last < range.first))
			return false;
	}
	*ret_range = range;
	return true;
}

bool range_resolve(const struct range *range, uint64_t size,
                   uint64_t *ret_offset, uint64_t *ret_length)
{
	uint64_t offset = range->first;
	uint64_t last = range->last;

	if (range->is_suffix) {
		if (range->first == 0)
			return false;
		offset = range->first < size ? size - range->first : 0;
	}
	if (offset >= size)
		return false;
	if (last > size - 1)
		last = size - 1;
	*ret_offset = offset;
	*ret_length = last - offset + 1;
	return true;
}
