#include "protocol/nix/store_query.h"

#include "protocol/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_NAME_SIZE 33 /* of an unknown parameter */

#define FOR_S3   (1U << STORE_URI_S3)
#define FOR_FILE (1U << STORE_URI_FILE)

static const struct {
	const char *name;
	unsigned kinds;
} parameters[] = {
	[STORE_ADDRESSING_STYLE] = { "addressing-style", FOR_S3 },
	[STORE_COMPRESSION] = { "compression", FOR_S3 | FOR_FILE },
	[STORE_ENDPOINT] = { "endpoint", FOR_S3 },
	[STORE_PRIORITY] = { "priority", FOR_S3 | FOR_FILE },
	[STORE_PROFILE] = { "profile", FOR_S3 },
	[STORE_REGION] = { "region", FOR_S3 },
	[STORE_SCHEME] = { "scheme", FOR_S3 },
};

_Static_assert(sizeof(parameters) / sizeof(parameters[0]) ==
                       STORE_PARAMETER_COUNT,
               "a row for each parameter");

int store_complain(struct store_complaint *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(to->out, to->size, format, args);
	va_end(args);
	return -EINVAL;
}

int store_percent_decode(struct bytes text, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c == '%') {
			if (text.len - i < 3 ||
			    text_unhex((const char *)text.data + i + 1, 2, &c,
			               1) < 0)
				return -EINVAL;
			i += 2;
		}
		if (c == '\0' || at + 1 >= size)
			return -EINVAL;
		out[at++] = (char)c;
	}
	out[at] = '\0';
	return 0;
}

static enum store_parameter find_parameter(struct bytes name)
{
	enum store_parameter p = STORE_ADDRESSING_STYLE;

	while (p < STORE_PARAMETER_COUNT &&
	       !bytes_equal(name, bytes_of_text(parameters[p].name)))
		p++;
	return p;
}

/* One "name=value". */
static int take_parameter(struct bytes text, enum store_uri_kind kind,
                          struct store_query *query, struct store_complaint *to)
{
	const uint8_t *equals = memchr(text.data, '=', text.len);
	size_t len = equals ? (size_t)(equals - text.data) : text.len;
	enum store_parameter p;

	p = find_parameter((struct bytes){ text.data, len });
	if (p == STORE_PARAMETER_COUNT) {
		char shown[SHOWN_NAME_SIZE];

		text_printable((const char *)text.data, len, shown,
		               sizeof(shown));
		return store_complain(to, "unknown parameter '%s'", shown);
	}
	if ((parameters[p].kinds & 1U << kind) == 0) {
		return store_complain(to, "%s: only an s3:// cache has this",
		                      parameters[p].name);
	}
	if (!equals) {
		return store_complain(to, "%s: has no value",
		                      parameters[p].name);
	}
	if (query->raw[p].data) {
		return store_complain(to, "%s: is given twice",
		                      parameters[p].name);
	}

	query->raw[p] = (struct bytes){ equals + 1, text.len - len - 1 };
	return 0;
}

int store_query_parse(const char *text, enum store_uri_kind kind,
                      struct store_query *ret_query, struct store_complaint *to)
{
	struct store_query query = { .raw = { { NULL, 0 } } };

	while (*text != '\0') {
		struct bytes one = { (const uint8_t *)text,
			             strcspn(text, "&") };
		int rc = one.len > 0 ? take_parameter(one, kind, &query, to)
		                     : 0;

		if (rc < 0)
			return rc;
		text += one.len + (text[one.len] == '&' ? 1 : 0);
	}

	*ret_query = query;
	return 0;
}

int store_query_get(const struct store_query *query,
                    enum store_parameter parameter,
                    char out[STORE_QUERY_VALUE_SIZE],
                    struct store_complaint *to)
{
	const struct bytes *raw = &query->raw[parameter];
	const char *name = parameters[parameter].name;

	out[0] = '\0';
	if (!raw->data)
		return 0;
	if (raw->len == 0)
		return store_complain(to, "%s: is empty", name);
	if (store_percent_decode(*raw, out, STORE_QUERY_VALUE_SIZE) < 0) {
		return store_complain(
			to, "%s: is too long or has a wrong percent escape",
			name);
	}
	return 0;
}
