#include "protocol/s3/place.h"

#include "protocol/base/text.h"

#include <string.h>

static void append_lower(struct buffer *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool is_upper = text[i] >= 'A' && text[i] <= 'Z';
		int lower = text[i] + (is_upper ? 'a' - 'A' : 0);

		buffer_append_char(out, (char)lower);
	}
}

void s3_place_append_host(struct buffer *out, const struct s3_place *place)
{
	const char *usual = place->is_plain_http ? ":80" : ":443";
	size_t len = strlen(place->endpoint);

	if (text_has_suffix(place->endpoint, usual))
		len -= strlen(usual);
	if (place->is_virtual_host) {
		append_lower(out, place->bucket, strlen(place->bucket));
		buffer_append_char(out, '.');
	}
	append_lower(out, place->endpoint, len);
}

void s3_place_append_name(struct buffer *out, const struct s3_place *place,
                          struct bytes name)
{
	if (place->prefix[0] != '\0') {
		buffer_append_text(out, place->prefix);
		buffer_append_char(out, '/');
	}
	buffer_append_bytes(out, name);
}

void s3_place_append_path(struct buffer *out, const struct s3_place *place,
                          struct bytes key)
{
	buffer_append_char(out, '/');
	if (!place->is_virtual_host) {
		buffer_append_text(out, place->bucket);
		if (key.len > 0)
			buffer_append_char(out, '/');
	}
	if (key.len > 0)
		s3_place_append_name(out, place, key);
}
