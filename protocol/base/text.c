#include "protocol/base/text.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* The length of the ANSI sequence ESC [ ... letter at text, or 0. */
static size_t ansi_len(const char *text, size_t len)
{
	size_t i = 2;

	if (len < 3 || text[0] != '\033' || text[1] != '[')
		return 0;
	while (i < len &&
	       (text[i] == ';' || (text[i] >= '0' && text[i] <= '9')))
		i++;
	return i < len ? i + 1 : 0;
}

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* C1 as a byte of its own, and C1 again as what follows 0xc2. */
static bool is_c1(unsigned char c)
{
	return c >= 0x80 && c < 0xa0;
}

/* How many bytes may still continue a character after c, of which tail could
 * before it (RFC 3629 section 3). */
static unsigned tail_after(unsigned char c, unsigned tail)
{
	if (c < 0x80 || c > 0xf4)
		return 0;
	if (c < 0xc0)
		return tail > 0 ? tail - 1 : 0;
	return c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
}

void text_printable(const char *text, size_t len, char *out, size_t size)
{
	unsigned tail = 0;
	size_t at = 0;

	for (size_t i = 0; i < len && at + 1 < size; i++) {
		unsigned char c = (unsigned char)text[i];
		size_t skip = ansi_len(text + i, len - i);

		if (skip > 0) {
			i += skip - 1;
			tail = 0;
			continue;
		}
		if (c == 0xc2 && i + 1 < len &&
		    is_c1((unsigned char)text[i + 1])) {
			c = '\0';
			i++;
		}
		if (is_control(c) || (is_c1(c) && tail == 0))
			c = '?';
		tail = tail_after(c, tail);
		out[at++] = (char)c;
	}
	out[at] = '\0';
}

bool text_is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] > 0x7f)
			return false;
	}
	return true;
}

bool text_has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), tail = strlen(suffix);

	return len >= tail && strcmp(text + len - tail, suffix) == 0;
}

void text_hex(const uint8_t *in, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[in[i] >> 4];
		*out++ = digits[in[i] & 15];
	}
	*out = '\0';
}

int text_unhex(const char *text, size_t text_len, uint8_t *out, size_t len)
{
	size_t got;

	if (text_len != 2 * len ||
	    sodium_hex2bin(out, len, text, text_len, NULL, &got, NULL) != 0 ||
	    got != len)
		return -EINVAL;
	return 0;
}

void text_base64(const uint8_t *in, size_t len, char *out)
{
	(void)sodium_bin2base64(out, TEXT_BASE64_SIZE(len), in, len,
	                        sodium_base64_VARIANT_ORIGINAL);
}

int text_unbase64(const char *text, size_t text_len, uint8_t *out, size_t len)
{
	size_t got;

	/* libsodium 1.0.18 takes every byte above 0x7f for a '/'. */
	if (text_len + 1 != TEXT_BASE64_SIZE(len) ||
	    !text_is_ascii(text, text_len) ||
	    sodium_base642bin(out, len, text, text_len, NULL, &got, NULL,
	                      sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    got != len)
		return -EINVAL;
	return 0;
}
