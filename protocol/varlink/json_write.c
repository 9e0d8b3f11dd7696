#include "protocol/varlink/json_write.h"

#include "protocol/varlink/plain.h"
#include "protocol/varlink/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void json_put_next(struct buffer *out)
{
	uint8_t last = out->len > 0 ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		buffer_append_char(out, ',');
}

void json_put_key(struct buffer *out, const char *key)
{
	json_put_next(out);
	buffer_append_char(out, '"');
	buffer_append_text(out, key);
	buffer_append_text(out, "\":");
}

static void put_escaped(struct buffer *out, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";

	if (c >= 0x20) {
		const char text[] = { '\\', (char)c };

		buffer_append(out, text, sizeof(text));
	} else {
		const char text[] = {
			'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15],
		};

		buffer_append(out, text, sizeof(text));
	}
}

/* How many bytes at the start can be copied as they are. */
static size_t copied_len(struct bytes text)
{
	size_t i = plain_len(text.data, text.len);

	while (i < text.len && text.data[i] >= 0x80) {
		size_t len = utf8_char_len(text.data + i, text.len - i);

		if (len == 0)
			break;
		i += len;
		i += plain_len(text.data + i, text.len - i);
	}
	return i;
}

void json_put_text(struct buffer *out, struct bytes text)
{
	buffer_append_char(out, '"');
	while (text.len > 0) {
		size_t len = copied_len(text);

		buffer_append(out, text.data, len);
		text.data += len;
		text.len -= len;
		if (text.len == 0)
			break;

		if (*text.data >= 0x80 || *text.data == '\0') {
			buffer_append_text(out, REPLACEMENT);
		} else {
			put_escaped(out, *text.data);
		}
		text.data++;
		text.len--;
	}
	buffer_append_char(out, '"');
}

void json_put_int(struct buffer *out, int64_t value)
{
	if (value < 0)
		buffer_append_char(out, '-');
	buffer_append_u64(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_put_text_member(struct buffer *out, const char *key,
                          struct bytes text)
{
	json_put_key(out, key);
	json_put_text(out, text);
}

void json_put_texts_member(struct buffer *out, const char *key,
                           const struct strings *texts)
{
	json_put_key(out, key);
	buffer_append_char(out, '[');
	for (size_t i = 0; i < texts->count; i++) {
		json_put_next(out);
		json_put_text(out, bytes_of_text(texts->items[i]));
	}
	buffer_append_char(out, ']');
}

void json_put_int_member(struct buffer *out, const char *key, int64_t value)
{
	json_put_key(out, key);
	json_put_int(out, value);
}

void json_put_true_member(struct buffer *out, const char *key)
{
	json_put_key(out, key);
	buffer_append_text(out, "true");
}
