#include "tests/lib/test.h"

#include "protocol/base/cursor.h"
#include "protocol/base/number.h"
#include "protocol/base/strings.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <string.h>

static void durations_are_strict(void)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t want;
	} cases[] = {
		{ "90", 0, 90 },       { "90s", 0, 90 },
		{ "15m", 0, 900 },     { "12h", 0, 43200 },
		{ "1h30m", 0, 5400 },  { "2d", 0, 172800 },
		{ "", -EINVAL, 0 },    { "h", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },  { "-1", -EINVAL, 0 },
		{ "1 h", -EINVAL, 0 }, { "99999999999999999999h", -ERANGE, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t got = 0;

		CHECK(number_parse_duration(cases[i].text, &got) ==
		      cases[i].rc);
		if (cases[i].rc == 0)
			CHECK(got == cases[i].want);
	}
}

static void sizes_are_strict(void)
{
	uint64_t got;

	CHECK(number_parse_size("256M", &got) == 0 && got == 256U << 20);
	CHECK(number_parse_size("1GiB", &got) == 0 && got == 1U << 30);
	CHECK(number_parse_size("100", &got) == 0 && got == 100);
	CHECK(number_parse_size("100iB", &got) == -EINVAL);
	CHECK(number_parse_size("1.5G", &got) == -EINVAL);
	CHECK(number_parse_size("99999999999T", &got) == -ERANGE);
}

static void a_buffer_stops_at_its_maximum_and_stays_failed(void)
{
	struct buffer b;

	buffer_init(&b, 4);
	buffer_append_text(&b, "abcd");
	CHECK(buffer_end(&b) == 0 && b.len == 4);
	buffer_append_text(&b, "e");
	CHECK(buffer_end(&b) == -EMSGSIZE);
	buffer_rewind(&b);
	buffer_append_u64(&b, 1234);
	CHECK(buffer_end(&b) == 0 && memcmp(b.data, "1234", 4) == 0);
	buffer_clear(&b);
}

static void every_truncation_of_a_cursor_fails(void)
{
	struct buffer b;

	buffer_init(&b, 64);
	buffer_put_u8(&b, 1);
	buffer_put_u32(&b, 0x01020304);
	buffer_put_u64_le(&b, 7);
	buffer_put_bytes(&b, bytes_of_text("hello"));
	for (size_t len = 0; len <= b.len; len++) {
		struct cursor c;

		cursor_init(&c, (struct bytes){ b.data, len });
		(void)cursor_get_u8(&c);
		(void)cursor_get_u32(&c);
		(void)cursor_get_u64_le(&c);
		(void)cursor_get_bytes(&c, 5);
		CHECK(cursor_end(&c) == (len == b.len ? 0 : -EBADMSG));
	}
	buffer_clear(&b);
}

static void strings_are_sorted_and_unique(void)
{
	struct strings list = { .items = NULL };

	CHECK(strings_add(&list, "b", 1) == 0);
	CHECK(strings_add(&list, "a", 1) == 0);
	CHECK(strings_add(&list, "b", 1) == 0);
	strings_sort(&list);
	CHECK(list.count == 2 && strcmp(list.items[0], "a") == 0);
	CHECK(strings_contain(&list, "b") && !strings_contain(&list, "c"));
	strings_clear(&list);
}

static void untrusted_text_loses_its_escapes(void)
{
	char out[64];

	text_printable("a\033[31mb\nc\x7f", 10, out, sizeof(out));
	CHECK(strcmp(out, "ab?c?") == 0);
	text_printable("abcdef", 6, out, 4);
	CHECK(strcmp(out, "abc") == 0);
}

static void no_form_of_a_c1_control_is_printable(void)
{
	static const struct {
		const char *what, *text, *printable;
	} rows[] = {
		{ "a character",
		  "a\xc2\x9b"
		  "31m",
		  "a?31m" },
		{ "a byte",
		  "a\x9b"
		  "31m",
		  "a?31m" },
		{ "behind half a character", "\xe2\xc2\x9b.", "\xe2?." },
		{ "behind a sequence", "\xc2\033[0m\x9b.", "\xc2?." },
		{ "one too many", "\xc3\xa9\x9b", "\xc3\xa9?" },
		{ "behind what begins nothing", "\xff\x9b", "\xff?" },
		{ "none: parts of characters",
		  "\xc3\x89 \xe2\x80\x99 \xf0\x9f\x98\x80",
		  "\xc3\x89 \xe2\x80\x99 \xf0\x9f\x98\x80" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[64];

		text_printable(rows[i].text, strlen(rows[i].text), out,
		               sizeof(out));
		if (strcmp(out, rows[i].printable) != 0)
			test_fail(__FILE__, __LINE__, rows[i].what);
	}
}

static void base64_is_read_in_one_spelling_only(void)
{
	static const uint8_t raw[4] = { 0xff, 0xff, 0xff, 0x01 };
	char text[TEXT_BASE64_SIZE(sizeof(raw))];
	uint8_t back[sizeof(raw)];

	text_base64(raw, sizeof(raw), text);
	CHECK(strcmp(text, "////AQ==") == 0);
	CHECK(text_unbase64(text, 8, back, sizeof(back)) == 0);
	CHECK(memcmp(raw, back, sizeof(raw)) == 0);
	/* Any other byte in any place is refused, or reads as other bytes. */
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		bool is_other = true;

		for (unsigned c = 0; c < 256; c++) {
			char other[sizeof(text)];

			memcpy(other, text, sizeof(other));
			other[i] = (char)c;
			if (other[i] != text[i] &&
			    text_unbase64(other, 8, back, sizeof(back)) == 0 &&
			    memcmp(raw, back, sizeof(raw)) == 0)
				is_other = false;
		}
		CHECK(is_other);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "durations are strict", durations_are_strict },
		{ "sizes are strict", sizes_are_strict },
		{ "a buffer stops at its maximum and stays failed",
		  a_buffer_stops_at_its_maximum_and_stays_failed },
		{ "every truncation of a cursor fails",
		  every_truncation_of_a_cursor_fails },
		{ "strings are sorted and unique",
		  strings_are_sorted_and_unique },
		{ "untrusted text loses its escapes",
		  untrusted_text_loses_its_escapes },
		{ "no form of a C1 control is printable",
		  no_form_of_a_c1_control_is_printable },
		{ "base64 is read in one spelling only",
		  base64_is_read_in_one_spelling_only },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
