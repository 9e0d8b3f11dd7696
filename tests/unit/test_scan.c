/* The documents of tests/data/json are read by json_corpus.c; here are the
 * limits that would make large files, and the writer that must please it. */
#include "tests/lib/json_same.h"
#include "tests/lib/test.h"

#include "protocol/varlink/json_write.h"
#include "protocol/varlink/scan.h"
#include "protocol/varlink/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX ((size_t)2 * 1024 * 1024)

static int scan_string(const char *text)
{
	return json_check(bytes_of_text(text));
}

static int scan_strings(size_t count)
{
	cleanup_buffer struct buffer b;

	buffer_init(&b, TEXT_MAX);
	buffer_append_text(&b, "{\"a\":[");
	for (size_t i = 0; i + 1 < count; i++)
		buffer_append_text(&b, i > 0 ? ",\"\"" : "\"\"");
	buffer_append_text(&b, "]}");
	return json_check(buffer_bytes(&b));
}

static void strings_are_counted_names_included(void)
{
	CHECK(scan_strings(SCAN_STRINGS_MAX) == 0);
	CHECK(scan_strings(SCAN_STRINGS_MAX + 1) == -EBADMSG);
}

static int scan_members(size_t count)
{
	cleanup_buffer struct buffer b;

	buffer_init(&b, TEXT_MAX);
	buffer_append_char(&b, '{');
	for (size_t i = 0; i < count; i++) {
		json_put_next(&b);
		buffer_append_format(&b, "\"k%zu\":0", i);
	}
	buffer_append_char(&b, '}');
	return json_check(buffer_bytes(&b));
}

static void members_are_counted(void)
{
	CHECK(scan_members(SCAN_KEYS_MAX) == 0);
	CHECK(scan_members(SCAN_KEYS_MAX + 1) == -EBADMSG);
	CHECK(scan_members(50000) == -EBADMSG);
}

static void the_last_member_may_repeat_none_of_the_others(void)
{
	for (size_t twin = 0; twin + 1 < SCAN_KEYS_MAX; twin++) {
		cleanup_buffer struct buffer b;

		buffer_init(&b, TEXT_MAX);
		buffer_append_char(&b, '{');
		for (size_t i = 0; i + 1 < SCAN_KEYS_MAX; i++)
			buffer_append_format(&b, "\"k%zu\":0,", i);
		buffer_append_format(&b, "\"k%zu\":0}", twin);
		CHECK(json_check(buffer_bytes(&b)) == -EBADMSG);
	}
}

static void an_object_forgets_its_members_when_it_ends(void)
{
	CHECK(scan_string("{\"x\":[{\"a\":1},{\"a\":1},{\"b\":1,\"a\":1}]}") ==
	      0);
	CHECK(scan_string("{\"a\":{\"a\":1},\"b\":{\"a\":1}}") == 0);
	CHECK(scan_string("{\"a\":{\"b\":1},\"a\":1}") == -EBADMSG);
	CHECK(scan_string("{\"b\":{\"a\":1,\"c\":[{}]},\"c\":0,\"b\":0}") ==
	      -EBADMSG);
}

static void every_byte_value_in_a_string_is_judged(void)
{
	for (unsigned int c = 0; c < 256; c++) {
		uint8_t text[] = { '{', '"',        'a', '"', ':',
			           '"', (uint8_t)c, '"', '}' };
		bool is_plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

		CHECK((json_check((struct bytes){ text, sizeof(text) }) == 0) ==
		      is_plain);
	}
}

static void every_byte_value_after_an_integer_is_judged(void)
{
	for (unsigned int c = 0; c < 256; c++) {
		uint8_t text[] = {
			'{', '"', 'a', '"', ':', '1', (uint8_t)c, '}'
		};
		bool is_fine = (c >= '0' && c <= '9') || c == ' ' ||
		               c == '\t' || c == '\r' || c == '\n';

		CHECK((json_check((struct bytes){ text, sizeof(text) }) == 0) ==
		      is_fine);
	}
}

/* All code points by their definition, and nothing else of up to 3 bytes. */
static void utf8_is_what_rfc_3629_says(void)
{
	size_t accepted = 0;

	for (unsigned int i = 0; i < 0x1000000; i++) {
		uint8_t at[3] = { (uint8_t)(i >> 16), (uint8_t)(i >> 8),
			          (uint8_t)i };

		if (utf8_char_len(at, 3) == 3)
			accepted++;
	}
	CHECK(accepted == 0x10000 - 0x800 - 0x800);
	CHECK(utf8_char_len((const uint8_t *)"\xf0\x8f\xbf\xbf", 4) == 0);
	CHECK(utf8_char_len((const uint8_t *)"\xf0\x90\x80\x80", 4) == 4);
	CHECK(utf8_char_len((const uint8_t *)"\xf4\x8f\xbf\xbf", 4) == 4);
	CHECK(utf8_char_len((const uint8_t *)"\xf4\x8f\xbf\xbf", 3) == 0);
	CHECK(utf8_char_len((const uint8_t *)"\xf4\x90\x80\x80", 4) == 0);
}

static void whatever_is_written_can_be_read(void)
{
	for (unsigned int c = 0; c < 0x10000; c++) {
		const uint8_t text[] = { 'a', (uint8_t)(c >> 8), (uint8_t)c };
		uint8_t memory[64];
		struct buffer b;

		buffer_wrap(&b, memory, sizeof(memory));
		buffer_append_char(&b, '{');
		json_put_text_member(&b, "k", (struct bytes){ text, 3 });
		buffer_append_char(&b, '}');
		CHECK(buffer_end(&b) == 0);
		CHECK(json_check(buffer_bytes(&b)) == 0);
	}
}

/* Every escape, next to everything that is none, at each place in a word. */
static void escapes_are_read_as_json_c_reads_them(void)
{
	static const char *const pieces[] = {
		"\\n",
		"\\\"",
		"\\\\",
		"\\/",
		"\\u0041",
		"\\u00e9",
		"\\u20AC",
		"\\ud83d\\uDE00",
		"a",
		"abcdefghijklmno",
		"\xc3\xa9",
		"\xe2\x82\xac",
		"\x7f",
		"\\u007f",
		"\xf0\x9f\x98\x80",
		"\\u07ff",
	};
	const size_t count = sizeof(pieces) / sizeof(pieces[0]);

	for (size_t i = 0; i < 8 * count * count; i++) {
		char text[128];

		(void)snprintf(text, sizeof(text),
		               "{\"k\":[\"%.*s%s%s\",-0,true],\"l\":{\"m\":"
		               "null}}",
		               (int)(i % 8), "1234567", pieces[i / 8 % count],
		               pieces[i / 8 / count]);
		CHECK(json_same(bytes_of_text(text)));
	}
}

static void text_is_escaped_and_mended(void)
{
	static const char want[] =
		"{\"k\":\"a\\\"b\\\\c\\u000a\\u001f/\xc3\xa9\xef\xbf\xbd"
		"\xef\xbf\xbd.\",\"n\":-9223372036854775808,\"t\":true}";
	static const uint8_t text[] = "a\"b\\c\n\x1f/\xc3\xa9\xff\0.";
	cleanup_buffer struct buffer b;

	buffer_init(&b, 256);
	buffer_append_char(&b, '{');
	json_put_text_member(&b, "k", (struct bytes){ text, sizeof(text) - 1 });
	json_put_int_member(&b, "n", INT64_MIN);
	json_put_true_member(&b, "t");
	buffer_append_char(&b, '}');
	CHECK(bytes_equal(buffer_bytes(&b), bytes_of_text(want)));
}

int main(void)
{
	static const struct test tests[] = {
		{ "strings are counted, names included",
		  strings_are_counted_names_included },
		{ "members are counted", members_are_counted },
		{ "the last member may repeat none of the others",
		  the_last_member_may_repeat_none_of_the_others },
		{ "an object forgets its members when it ends",
		  an_object_forgets_its_members_when_it_ends },
		{ "every byte value in a string is judged",
		  every_byte_value_in_a_string_is_judged },
		{ "every byte value after an integer is judged",
		  every_byte_value_after_an_integer_is_judged },
		{ "UTF-8 is what RFC 3629 says", utf8_is_what_rfc_3629_says },
		{ "escapes are read as json-c reads them",
		  escapes_are_read_as_json_c_reads_them },
		{ "whatever is written can be read",
		  whatever_is_written_can_be_read },
		{ "text is escaped and mended", text_is_escaped_and_mended },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
