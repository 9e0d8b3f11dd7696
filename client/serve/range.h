/* range.h - which bytes of an object a Range header asks for (RFC 9110, 14) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct range {
	bool is_suffix; /* the last `first` bytes */
	uint64_t first;
	uint64_t last; /* inclusive; UINT64_MAX: to the end */
};

/* One range of bytes.  False for anything else (several ranges, other units,
 * nonsense), which a server may answer with the whole. */
bool range_parse(const char *text, struct range *ret_range);

/* What it is of an object of that size; the length is never 0.  False: nothing,
 * which is answered with 416. */
bool range_resolve(const struct range *range, uint64_t size,
                   uint64_t *ret_offset, uint64_t *ret_length);
