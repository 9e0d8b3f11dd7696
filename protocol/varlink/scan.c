#include "protocol/varlink/scan.h"

#include "protocol/varlink/plain.h"
#include "protocol/varlink/utf8.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Theory of Operation
 *
 * One pass, no recursion: a stack of open objects and lists, at most
 * SCAN_DEPTH_MAX high.  A member's name is compared with those before it in
 * the row; because names and their number are bounded, this stays linear in
 * the length.
 *
 *   value    scalar  -> closers
 *            '{' '[' -> pushed; empty: closers, else the first value
 *   closers  ','     -> the next value (in an object: name, colon, value)
 *            '}' ']' -> popped; closers again, or the end at height 0
 *
 * Names may not contain escapes, since then equal names could look different.
 * A string is never longer than what is written of it, so it is put together
 * where it stands.
 */

struct scanner {
	uint8_t *next;
	const uint8_t *end; /* there is a NUL, which is nowhere valid */
	int error;
	struct json_row *row;
	const char *name; /* of the value that comes next; NULL: none */
	uint32_t name_len;
	size_t string_count;
	size_t depth;
	size_t open[SCAN_DEPTH_MAX]; /* where in the row */
};

static void fail(struct scanner *s)
{
	if (!s->error)
		s->error = -EBADMSG;
}

static uint8_t peek(const struct scanner *s)
{
	return *s->next;
}

static void skip_space(struct scanner *s)
{
	while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' ||
	       peek(s) == '\r')
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
		fail(s);
}

/* ---- the row ---- */

static int grow(struct json_row *row)
{
	struct json_value *values = reallocarray(row->values, row->capacity * 2,
	                                         sizeof(*row->values));

	if (!values)
		return -ENOMEM;
	row->values = values;
	row->capacity *= 2;
	return 0;
}

/* NULL when there is no memory.  Good until the next one is added. */
static struct json_value *add_value(struct scanner *s, enum json_kind kind)
{
	struct json_row *row = s->row;
	struct json_value *value;

	if (row->count == row->capacity && grow(row) < 0) {
		s->error = -ENOMEM;
		return NULL;
	}
	if (s->depth > 0)
		row->values[s->open[s->depth - 1]].count++;
	value = &row->values[row->count++];
	*value = (struct json_value){
		.kind = kind,
		.size = 1,
		.name = s->name,
		.name_len = s->name_len,
	};
	s->name = NULL;
	s->name_len = 0;
	return value;
}

static void add_number(struct scanner *s, enum json_kind kind, int64_t number)
{
	struct json_value *value = add_value(s, kind);

	if (value)
		value->number = number;
}

static struct json_value *innermost(const struct scanner *s)
{
	return &s->row->values[s->open[s->depth - 1]];
}

/* ---- strings ---- */

static uint32_t take_hex_digit(struct scanner *s)
{
	uint8_t c = *s->next;

	if (c >= '0' && c <= '9') {
		s->next++;
		return c - (uint32_t)'0';
	}
	c |= 0x20; /* to lower case, where it is a letter */
	if (c >= 'a' && c <= 'f') {
		s->next++;
		return c - (uint32_t)'a' + 10;
	}
	fail(s);
	return 0;
}

static uint32_t take_hex4(struct scanner *s)
{
	uint32_t unit = 0;

	for (int i = 0; i < 4; i++)
		unit = unit << 4 | take_hex_digit(s);
	return unit;
}

/* The character of \uXXXX, perhaps of two such. */
static uint32_t take_unicode_escape(struct scanner *s)
{
	uint32_t unit = take_hex4(s), low;

	if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		fail(s);
	if (unit < 0xd800 || unit > 0xdbff)
		return unit;
	expect(s, '\\');
	expect(s, 'u');
	low = take_hex4(s);
	if (low < 0xdc00 || low > 0xdfff)
		fail(s);
	return 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
}

/* After the backslash. */
static uint8_t *take_escape(struct scanner *s, uint8_t *out)
{
	static const char escapes[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	uint8_t c = peek(s);
	const char *at = c != '\0' ? strchr(escapes, c) : NULL;

	if (at) {
		s->next++;
		*out++ = (uint8_t)meanings[at - escapes];
	} else if (take(s, 'u')) {
		uint32_t character = take_unicode_escape(s);

		if (!s->error)
			out += utf8_put(character, out);
	} else {
		fail(s);
	}
	return out;
}

/* The plain bytes that follow, to out. */
static uint8_t *take_plain(struct scanner *s, uint8_t *out)
{
	size_t len = plain_len(s->next, (size_t)(s->end - s->next));

	if (out != s->next)
		memmove(out, s->next, len);
	s->next += len;
	return out + len;
}

/* One character that is neither plain nor the closing quote. */
static uint8_t *take_char(struct scanner *s, uint8_t *out, bool may_escape)
{
	size_t len;

	if (peek(s) == '\\') {
		s->next++;
		if (may_escape)
			return take_escape(s, out);
		fail(s);
		return out;
	}
	len = s->next < s->end
	              ? utf8_char_len(s->next, (size_t)(s->end - s->next))
	              : 0;
	if (len < 2) { /* a control character, or no character */
		fail(s);
		return out;
	}
	memmove(out, s->next, len);
	s->next += len;
	return out + len;
}

/* With its NUL; NULL on failure. */
static char *scan_string(struct scanner *s, bool may_escape, size_t *ret_len)
{
	uint8_t *start, *out;

	expect(s, '"');
	start = s->next;
	if (++s->string_count > SCAN_STRINGS_MAX)
		fail(s);
	out = take_plain(s, start);
	while (!s->error && peek(s) != '"') {
		out = take_char(s, out, may_escape);
		out = take_plain(s, out);
	}
	if (s->error)
		return NULL;
	s->next++;
	*out = '\0';
	*ret_len = (size_t)(out - start);
	return (char *)start;
}

static void scan_key(struct scanner *s)
{
	const struct json_value *object = innermost(s), *member;
	const char *name;
	size_t len = 0;

	skip_space(s);
	name = scan_string(s, false, &len);
	if (len > SCAN_KEY_MAX || object->count == SCAN_KEYS_MAX)
		fail(s);
	if (s->error)
		return;

	member = json_first(object);
	for (uint32_t i = 0; i < object->count; i++) {
		if (member->name_len == len &&
		    memcmp(member->name, name, len) == 0)
			fail(s);
		member = json_after(member);
	}
	s->name = name;
	s->name_len = (uint32_t)len;
	skip_space(s);
	expect(s, ':');
}

/* ---- values ---- */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static void scan_integer(struct scanner *s)
{
	const bool is_negative = take(s, '-');
	const uint8_t *start = s->next;
	int64_t number = 0;

	while (is_digit(*s->next) && s->next - start < SCAN_DIGITS_MAX)
		number = 10 * number + (*s->next++ - '0');
	if (s->next == start || is_digit(*s->next) ||
	    (*start == '0' && s->next - start > 1)) {
		fail(s);
		return;
	}
	add_number(s, JSON_INT, is_negative ? -number : number);
}

static void scan_word(struct scanner *s, const char *word, enum json_kind kind,
                      int64_t number)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->next) < len ||
	    memcmp(s->next, word, len) != 0) {
		fail(s);
		return;
	}
	s->next += len;
	add_number(s, kind, number);
}

static void scan_text_value(struct scanner *s)
{
	size_t len;
	char *text = scan_string(s, true, &len);
	struct json_value *value = text ? add_value(s, JSON_TEXT) : NULL;

	if (value) {
		value->text = text;
		value->count = (uint32_t)len;
	}
}

static void scan_scalar(struct scanner *s)
{
	switch (peek(s)) {
	case '"':
		scan_text_value(s);
		break;
	case 't':
		scan_word(s, "true", JSON_BOOL, 1);
		break;
	case 'f':
		scan_word(s, "false", JSON_BOOL, 0);
		break;
	case 'n':
		scan_word(s, "null", JSON_NULL, 0);
		break;
	default:
		scan_integer(s);
		break;
	}
}

/* Opens an object or list.  True if it is empty, and so a whole value. */
static bool scan_opener(struct scanner *s, bool is_object)
{
	const size_t at = s->row->count;

	s->next++;
	if (s->depth == SCAN_DEPTH_MAX) {
		fail(s);
		return false;
	}
	if (!add_value(s, is_object ? JSON_OBJECT : JSON_LIST))
		return false;

	skip_space(s);
	if (take(s, is_object ? '}' : ']'))
		return true;

	s->open[s->depth++] = at;
	if (is_object)
		scan_key(s);
	return false;
}

/* After a value: closes what ends here, or goes to the next value. */
static void scan_closers(struct scanner *s)
{
	while (!s->error && s->depth > 0) {
		struct json_value *inner = innermost(s);
		const bool is_object = inner->kind == JSON_OBJECT;

		skip_space(s);
		if (take(s, ',')) {
			if (is_object)
				scan_key(s);
			return;
		}
		expect(s, is_object ? '}' : ']');
		inner->size = (uint32_t)(s->row->count - s->open[s->depth - 1]);
		s->depth--;
	}
}

int scan_text(uint8_t *text, size_t len, struct json_row *row)
{
	struct scanner s = { .end = text + len, .row = row };

	s.next = text;
	row->count = 0;
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
	} while (!s.error && s.depth > 0);

	skip_space(&s);
	if (!s.error && s.next != s.end)
		fail(&s);
	return s.error;
}
