#include "tests/attack/needles.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE (NEEDLE_NAME_MAX + 1 + 2 * NEEDLE_LEN_MAX + 2)

/* Marks the first two bytes that some needle begins with: most positions are
 * passed over with one look. */
struct needles {
	struct needle items[NEEDLES_MAX];
	size_t count;
	bool begins[UINT16_MAX + 1];
};

static uint16_t first_two(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool add_line(struct needles *needles, char *line)
{
	struct needle *needle = &needles->items[needles->count];
	char *hex = strchr(line, ' ');
	size_t digits;

	line[strcspn(line, "\n")] = '\0';
	if (!hex || hex - line > NEEDLE_NAME_MAX ||
	    needles->count == NEEDLES_MAX)
		return false;

	*hex++ = '\0';
	digits = strlen(hex);
	needle->len = digits / 2;
	if (needle->len < NEEDLE_LEN_MIN || needle->len > NEEDLE_LEN_MAX ||
	    text_unhex(hex, digits, needle->bytes, needle->len) < 0)
		return false;

	memcpy(needle->name, line, (size_t)(hex - line));
	needles->begins[first_two(needle->bytes)] = true;
	needles->count++;
	return true;
}

struct needles *needles_read(int fd)
{
	struct needles *needles = calloc(1, sizeof(*needles));
	FILE *in = fdopen(fd, "r");
	char line[LINE_SIZE];
	bool is_good = needles && in;

	while (is_good && fgets(line, sizeof(line), in))
		is_good = add_line(needles, line);
	if (in)
		(void)fclose(in);
	if (is_good && needles->count > 0)
		return needles;

	free(needles);
	return NULL;
}

void needles_free(struct needles *needles)
{
	free(needles);
}

static const struct needle *find_here(const struct needles *needles,
                                      const uint8_t *at, size_t left)
{
	for (size_t i = 0; i < needles->count; i++) {
		const struct needle *needle = &needles->items[i];

		if (needle->len <= left &&
		    memcmp(needle->bytes, at, needle->len) == 0)
			return needle;
	}
	return NULL;
}

const struct needle *needles_find(const struct needles *needles,
                                  struct bytes bytes, size_t *at)
{
	while (*at + NEEDLE_LEN_MIN <= bytes.len) {
		const uint8_t *here = bytes.data + *at;
		const struct needle *needle = NULL;

		if (needles->begins[first_two(here)])
			needle = find_here(needles, here, bytes.len - *at);
		(*at)++;
		if (needle)
			return needle;
	}
	return NULL;
}
