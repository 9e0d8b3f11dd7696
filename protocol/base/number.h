/* number.h - strict reading of numbers, durations and sizes from text */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>
#include <stdint.h>

/* Decimal digits only, no sign, no space.  0, or -EINVAL, or -ERANGE. */
must_check int number_parse(const char *text, uint64_t max,
                            uint64_t *ret_value);

/* "90" or "90s", "15m", "12h", "2d", "1h30m"; the result is in seconds. */
must_check int number_parse_duration(const char *text, uint64_t *ret_seconds);

/* "1048576", "256M", "1G" (powers of 1024; K M G T, an optional iB or B). */
must_check int number_parse_size(const char *text, uint64_t *ret_bytes);

/* "12.3 MiB" and the like; size must be at least NUMBER_SIZE_TEXT. */
#define NUMBER_SIZE_TEXT 16
void number_format_size(uint64_t bytes, char *out, size_t size);
