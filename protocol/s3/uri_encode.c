#include "protocol/s3/uri_encode.h"

#include "protocol/base/alnum.h"

#include <errno.h>

/* RFC 3986 section 2.3.  A table, since every byte of every key, token and
 * credential is looked at. */
static bool is_unreserved(uint8_t c)
{
	static const bool unreserved[UINT8_MAX + 1] = {
		ALNUM_ROWS,   ['-'] = true, ['_'] = true,
		['.'] = true, ['~'] = true,
	};

	return unreserved[c];
}

/* What stays as it is goes over in runs: most of a key does. */
static void encode(struct buffer *out, struct bytes text, bool keeps_slash)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t start = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (!is_unreserved(c) && !(keeps_slash && c == '/')) {
			char escape[] = { '%', digits[c >> 4], digits[c & 15] };

			buffer_append(out, text.data + start, i - start);
			buffer_append(out, escape, sizeof(escape));
			start = i + 1;
		}
	}
	if (start < text.len)
		buffer_append(out, text.data + start, text.len - start);
}

void uri_encode(struct buffer *out, struct bytes text)
{
	encode(out, text, false);
}

void uri_encode_path(struct buffer *out, struct bytes text)
{
	encode(out, text, true);
}

/* '%' sorts before every unreserved byte and the digits of an escape sort as
 * the byte they stand for, so no encoded text is needed to compare two. */
static int encoded_rank(uint8_t c)
{
	return is_unreserved(c) ? 256 + c : c;
}

int uri_compare_encoded(struct bytes a, struct bytes b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		int difference =
			encoded_rank(a.data[i]) - encoded_rank(b.data[i]);

		if (difference != 0)
			return difference;
	}
	if (a.len == b.len)
		return 0;
	return a.len < b.len ? -1 : 1;
}

/* The value of a hex digit, or -1. */
static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int uri_decode(struct buffer *out, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		int high, low;

		if (c != '%') {
			c = c == '+' ? ' ' : c;
			buffer_append(out, &c, 1);
			continue;
		}
		if (text.len - i < 3)
			return -EINVAL;
		high = hex_value(text.data[i + 1]);
		low = hex_value(text.data[i + 2]);
		if (high < 0 || low < 0 || high + low == 0)
			return -EINVAL;
		buffer_append_char(out, (char)(high * 16 + low));
		i += 2;
	}
	return buffer_end(out);
}
