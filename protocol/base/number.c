#include "protocol/base/number.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int take_digits(const char **at, uint64_t *ret_value)
{
	const char *start = *at;
	uint64_t value = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++) {
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**at - '0'),
		                           &value))
			return -ERANGE;
	}
	if (*at == start)
		return -EINVAL;

	*ret_value = value;
	return 0;
}

int number_parse(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;
	int rc;

	rc = take_digits(&text, &value);
	if (rc < 0)
		return rc;
	if (*text != '\0')
		return -EINVAL;
	if (value > max)
		return -ERANGE;

	*ret_value = value;
	return 0;
}

/* Seconds in one unit; 0 if the letter is none. */
static uint64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

int number_parse_duration(const char *text, uint64_t *ret_seconds)
{
	uint64_t total = 0;

	if (number_parse(text, UINT32_MAX, ret_seconds) == 0)
		return 0;

	do {
		uint64_t value = 0, unit;
		int rc = take_digits(&text, &value);

		if (rc < 0)
			return rc;
		unit = unit_seconds(*text++);
		if (unit == 0)
			return -EINVAL;
		if (__builtin_mul_overflow(value, unit, &value) ||
		    __builtin_add_overflow(total, value, &total) ||
		    total > UINT32_MAX)
			return -ERANGE;
	} while (*text != '\0');

	*ret_seconds = total;
	return 0;
}

int number_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t value = 0;
	int rc;

	rc = take_digits(&text, &value);
	if (rc < 0)
		return rc;

	unit = *text != '\0' ? strchr(units, *text) : NULL;
	if (unit) {
		uint64_t factor = 1ULL << (10 * (unit - units + 1));

		if (__builtin_mul_overflow(value, factor, &value))
			return -ERANGE;
		text++;
	}
	if (strcmp(text, "") != 0 && strcmp(text, "B") != 0 &&
	    (!unit || strcmp(text, "iB") != 0))
		return -EINVAL;

	*ret_bytes = value;
	return 0;
}

void number_format_size(uint64_t bytes, char *out, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(out, size, unit == 0 ? "%.0f %s" : "%.1f %s", value,
	               units[unit]);
}
