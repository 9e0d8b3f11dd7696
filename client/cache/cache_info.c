#include "client/cache/cache_info.h"

#include "protocol/base/number.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct seen {
	bool store_dir;
	bool priority;
	bool want_mass_query;
};

static int read_store_dir(struct bytes value, struct cache_info *info)
{
	if (value.len >= sizeof(info->store_dir) ||
	    !store_dir_is_valid((const char *)value.data, value.len))
		return -EINVAL;
	memcpy(info->store_dir, value.data, value.len);
	info->store_dir[value.len] = '\0';
	return 0;
}

static int read_number(struct bytes value, uint64_t max, uint64_t *ret_number)
{
	char text[24];

	if (value.len >= sizeof(text))
		return -EINVAL;
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	return number_parse(text, max, ret_number) < 0 ? -EINVAL : 0;
}

static bool is_named(struct bytes name, const char *text)
{
	return bytes_equal(name, bytes_of_text(text));
}

static int read_field(struct bytes name, struct bytes value,
                      struct cache_info *info, struct seen *seen)
{
	uint64_t number = 0;
	bool *is_seen;
	int rc;

	if (is_named(name, "StoreDir")) {
		is_seen = &seen->store_dir;
		rc = read_store_dir(value, info);
	} else if (is_named(name, "Priority")) {
		is_seen = &seen->priority;
		rc = read_number(value, INT_MAX, &number);
		info->priority = (int)number;
	} else if (is_named(name, "WantMassQuery")) {
		is_seen = &seen->want_mass_query;
		/* Nix takes anything but "1" for no. */
		rc = 0;
		info->want_mass_query = is_named(value, "1");
	} else {
		return 0;
	}
	if (rc < 0 || *is_seen)
		return -EINVAL;
	*is_seen = true;
	return 0;
}

static struct bytes trimmed(struct bytes text)
{
	while (text.len > 0 && (*text.data == ' ' || *text.data == '\t')) {
		text.data++;
		text.len--;
	}
	while (text.len > 0 && strchr(" \t\r", text.data[text.len - 1]))
		text.len--;
	return text;
}

static int read_line(struct bytes line, struct cache_info *info,
                     struct seen *seen)
{
	const uint8_t *colon;
	size_t name_len;

	if (trimmed(line).len == 0)
		return 0;
	colon = memchr(line.data, ':', line.len);
	if (!colon)
		return -EINVAL;
	name_len = (size_t)(colon - line.data);
	return read_field(
		(struct bytes){ line.data, name_len },
		trimmed((struct bytes){ colon + 1, line.len - name_len - 1 }),
		info, seen);
}

int cache_info_parse(struct bytes text, struct cache_info *ret_info)
{
	struct cache_info info = { .priority = -1 };
	struct seen seen = { .store_dir = false };

	if (text.len > CACHE_INFO_MAX ||
	    (text.len > 0 && memchr(text.data, '\0', text.len)))
		return -EINVAL;

	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end ? (size_t)(end - text.data) : text.len;
		size_t step = end ? len + 1 : len;
		int rc;

		rc = read_line((struct bytes){ text.data, len }, &info, &seen);
		if (rc < 0)
			return rc;
		text.data += step;
		text.len -= step;
	}
	if (!seen.store_dir)
		return -EINVAL;
	*ret_info = info;
	return 0;
}

void cache_info_format(const struct cache_info *cache_info, struct buffer *out)
{
	buffer_append_format(out, "StoreDir: %s\n", cache_info->store_dir);
	if (cache_info->want_mass_query)
		buffer_append_text(out, "WantMassQuery: 1\n");
	if (cache_info->priority >= 0) {
		buffer_append_format(out, "Priority: %d\n",
		                     cache_info->priority);
	}
}
