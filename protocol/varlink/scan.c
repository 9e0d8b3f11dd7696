#include "protocol/varlink/scan.h"

#include "protocol/varlink/utf8.h"

#include <errno.h>
#include <string.h>

/*
 * Theory of Operation
 *
 * One pass, no recursion: a stack of open objects and arrays, at most
 * SCAN_DEPTH_MAX high.  Each open object keeps where its members' names stand
 * in the text, so that a name can be compared with those before it; because
 * names and their number are bounded, this stays linear in the length.
 *
 *   value    scalar  -> closers
 *            '{' '[' -> pushed; empty: closers, else the first value
 *   closers  ','     -> the next value (in an object: name, colon, value)
 *            '}' ']' -> popped; closers again, or the end at height 0
 *
 * Names may not contain escapes, since then equal names could look different.
 */

struct level {
	bool is_object;
	size_t key_count;
	struct bytes keys[SCAN_KEYS_MAX];
};

struct scanner {
	const uint8_t *next;
	const uint8_t *end;
	bool failed;
	size_t string_count;
	size_t depth;
	struct level levels[SCAN_DEPTH_MAX];
};

/* The next byte, or NUL (which is nowhere valid) at the end. */
static uint8_t peek(const struct scanner *s)
{
	return s->next < s->end ? *s->next : '\0';
}

static void skip_space(struct scanner *s)
{
	while (s->next < s->end && (*s->next == ' ' || *s->next == '\t' ||
	                            *s->next == '\n' || *s->next == '\r'))
		s->next++;
}

static bool take(struct scanner *s, char c)
{
	if (peek(s) != (uint8_t)c)
		return false;
	s->next++;
	return true;
}

static void expect(struct scanner *s, char c)
{
	if (!take(s, c))
		s->failed = true;
}

static unsigned int take_hex_digit(struct scanner *s)
{
	uint8_t c = peek(s);

	s->next += s->next < s->end ? 1 : 0;
	if (c >= '0' && c <= '9')
		return c - (unsigned int)'0';
	if (c >= 'a' && c <= 'f')
		return c - (unsigned int)'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - (unsigned int)'A' + 10;
	s->failed = true;
	return 0;
}

static unsigned int take_hex4(struct scanner *s)
{
	unsigned int unit = 0;

	for (int i = 0; i < 4; i++)
		unit = unit << 4 | take_hex_digit(s);
	return unit;
}

static void scan_unicode_escape(struct scanner *s)
{
	unsigned int unit = take_hex4(s);

	if (unit >= 0xd800 && unit <= 0xdbff) {
		unsigned int low;

		expect(s, '\\');
		expect(s, 'u');
		low = take_hex4(s);
		if (low < 0xdc00 || low > 0xdfff)
			s->failed = true;
		return;
	}
	if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		s->failed = true;
}

static void scan_escape(struct scanner *s)
{
	uint8_t c = peek(s);

	s->next += s->next < s->end ? 1 : 0;
	if (c == 'u') {
		scan_unicode_escape(s);
	} else if (c == '\0' || !strchr("\"\\/bfnrt", c)) {
		s->failed = true;
	}
}

/* One character of a string that is not its closing quote. */
static void scan_char(struct scanner *s, bool may_escape)
{
	size_t len;

	if (*s->next == '\\') {
		s->next++;
		if (!may_escape) {
			s->failed = true;
		} else {
			scan_escape(s);
		}
		return;
	}

	len = utf8_char_len(s->next, (size_t)(s->end - s->next));
	if (*s->next < 0x20 || len == 0)
		s->failed = true;
	s->next += len;
}

/* Nearly all of a text, and so worth a loop without calls. */
static void skip_plain(struct scanner *s)
{
	const uint8_t *at = s->next;

	while (at < s->end && *at >= 0x20 && *at < 0x80 && *at != '"' &&
	       *at != '\\')
		at++;
	s->next = at;
}

static struct bytes scan_string(struct scanner *s, bool may_escape)
{
	const uint8_t *start;

	expect(s, '"');
	start = s->next;
	if (++s->string_count > SCAN_STRINGS_MAX)
		s->failed = true;
	skip_plain(s);
	while (!s->failed && s->next < s->end && *s->next != '"') {
		scan_char(s, may_escape);
		skip_plain(s);
	}
	expect(s, '"');
	if (s->failed)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ start, (size_t)(s->next - start) - 1 };
}

static void scan_key(struct scanner *s)
{
	struct level *level = &s->levels[s->depth - 1];
	struct bytes key;

	skip_space(s);
	key = scan_string(s, false);
	if (key.len > SCAN_KEY_MAX || level->key_count == SCAN_KEYS_MAX)
		s->failed = true;
	if (s->failed)
		return;

	for (size_t i = 0; i < level->key_count; i++) {
		if (bytes_equal(level->keys[i], key))
			s->failed = true;
	}
	level->keys[level->key_count++] = key;
	skip_space(s);
	expect(s, ':');
}

static void scan_integer(struct scanner *s)
{
	const uint8_t *start;

	(void)take(s, '-');
	start = s->next;
	while (s->next < s->end && *s->next >= '0' && *s->next <= '9')
		s->next++;
	if (s->next == start || s->next - start > SCAN_DIGITS_MAX ||
	    (*start == '0' && s->next - start > 1))
		s->failed = true;
}

static void scan_word(struct scanner *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->next) < len ||
	    memcmp(s->next, word, len) != 0) {
		s->failed = true;
	} else {
		s->next += len;
	}
}

static void scan_scalar(struct scanner *s)
{
	switch (peek(s)) {
	case '"':
		(void)scan_string(s, true);
		break;
	case 't':
		scan_word(s, "true");
		break;
	case 'f':
		scan_word(s, "false");
		break;
	case 'n':
		scan_word(s, "null");
		break;
	default:
		scan_integer(s);
		break;
	}
}

/* Opens an object or array.  True if it is empty, and so a whole value. */
static bool scan_opener(struct scanner *s, bool is_object)
{
	struct level *level;

	s->next++;
	if (s->depth == SCAN_DEPTH_MAX) {
		s->failed = true;
		return false;
	}

	skip_space(s);
	if (take(s, is_object ? '}' : ']'))
		return true;

	level = &s->levels[s->depth++];
	level->is_object = is_object;
	level->key_count = 0;
	if (is_object)
		scan_key(s);
	return false;
}

/* After a value: closes what ends here, or goes to the next value. */
static void scan_closers(struct scanner *s)
{
	while (!s->failed && s->depth > 0) {
		const struct level *level = &s->levels[s->depth - 1];

		skip_space(s);
		if (take(s, ',')) {
			if (level->is_object)
				scan_key(s);
			return;
		}
		expect(s, level->is_object ? '}' : ']');
		s->depth--;
	}
}

int scan_check(struct bytes text)
{
	struct scanner s;

	s.next = text.data;
	s.end = text.data + text.len;
	s.failed = false;
	s.string_count = 0;
	s.depth = 0;

	skip_space(&s);
	if (peek(&s) != '{')
		return -EBADMSG;
	do {
		uint8_t c;

		skip_space(&s);
		c = peek(&s);
		if (c == '{' || c == '[') {
			if (scan_opener(&s, c == '{'))
				scan_closers(&s);
		} else {
			scan_scalar(&s);
			scan_closers(&s);
		}
	} while (!s.failed && s.depth > 0);

	skip_space(&s);
	return s.failed || s.next != s.end ? -EBADMSG : 0;
}
