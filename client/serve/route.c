#include "client/serve/route.h"

#include "protocol/base/text.h"

#include <string.h>

/* A name of a cache, a slash and a key. */
#define TARGET_MAX ((size_t)1024)

/* %XX is decoded once; '+' stands for itself, unlike in a query.  False on a
 * bad or NUL escape, or if it is longer than any key. */
static bool decode(const char *raw, size_t len, char out[TARGET_MAX + 1])
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)raw[i];

		if (used == TARGET_MAX)
			return false;
		if (byte == '%') {
			if (len - i < 3 ||
			    text_unhex(raw + i + 1, 2, &byte, 1) < 0)
				return false;
			i += 2;
		}
		if (byte == '\0')
			return false;
		out[used++] = (char)byte;
	}
	out[used] = '\0';
	return true;
}

static bool take_key(const char *text, size_t cache, struct route *ret_route)
{
	size_t len = strlen(text);
	enum object_key_kind kind = len <= OBJECT_KEY_MAX
	                                    ? object_key_kind(text, len)
	                                    : OBJECT_KEY_INVALID;

	if (kind == OBJECT_KEY_INVALID)
		return false;
	ret_route->cache = cache;
	ret_route->kind = kind;
	memcpy(ret_route->key, text, len + 1);
	return true;
}

static bool parse_part(const char *raw, size_t len, const struct strings *names,
                       struct route *ret_route)
{
	char target[TARGET_MAX + 1];

	if (!decode(raw, len, target))
		return false;
	if (take_key(target, ROUTE_ROOT, ret_route))
		return true;
	for (size_t i = 0; i < names->count; i++) {
		size_t name_len = strlen(names->items[i]);

		if (strncmp(target, names->items[i], name_len) == 0 &&
		    target[name_len] == '/' &&
		    take_key(target + name_len + 1, i, ret_route))
			return true;
	}
	return false;
}

/* A name with '?' in it comes unencoded from Nix 2.8, so the whole is tried
 * before a query is cut off. */
bool route_parse(const char *raw, const struct strings *names,
                 struct route *ret_route)
{
	const char *query = strchr(raw, '?');

	if (raw[0] != '/')
		return false;
	raw++;
	if (parse_part(raw, strlen(raw), names, ret_route))
		return true;
	return query && query >= raw &&
	       parse_part(raw, (size_t)(query - raw), names, ret_route);
}
