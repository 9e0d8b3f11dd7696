#include "tests/lib/test.h"

#include "protocol/s3/uri_encode.h"

#include <errno.h>
#include <string.h>

static struct bytes text(const char *s)
{
	return bytes_of_text(s);
}

static void encoding_is_undone_by_decoding_for_every_byte(void)
{
	char memory[1024], back[1024];
	uint8_t all[255];
	struct buffer encoded, decoded;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)(i + 1);
	buffer_wrap(&encoded, memory, sizeof(memory));
	buffer_wrap(&decoded, back, sizeof(back));
	uri_encode(&encoded, (struct bytes){ all, sizeof(all) });
	CHECK(encoded.len == 66 + 3 * (255 - 66));
	CHECK(uri_decode(&decoded, buffer_bytes(&encoded)) == 0);
	CHECK(bytes_equal(buffer_bytes(&decoded),
	                  (struct bytes){ all, sizeof(all) }));
}

static bool decodes_not(struct bytes bytes)
{
	char memory[16];
	struct buffer out;

	buffer_wrap(&out, memory, sizeof(memory));
	return uri_decode(&out, bytes) == -EINVAL;
}

static void bad_escapes_are_refused(void)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
	} cases[] = {
		{ "", "" },      { "a+b", "a b" },  { "%2b%2B", "++" },
		{ "%", NULL },   { "%2", NULL },    { "a%2", NULL },
		{ "%00", NULL }, { "%g0", NULL },   { "%0g", NULL },
		{ "%01", "\1" }, { "%fF", "\xff" }, { "%%20", NULL },
		{ "% 1", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char memory[16];
		struct buffer out;
		int rc;

		buffer_wrap(&out, memory, sizeof(memory));
		rc = uri_decode(&out, text(cases[i].text));
		CHECK(rc == (cases[i].want ? 0 : -EINVAL));
		if (cases[i].want) {
			CHECK(bytes_equal(buffer_bytes(&out),
			                  text(cases[i].want)));
		}
	}
	CHECK(decodes_not((struct bytes){ (const uint8_t *)"%20", 2 }));
	CHECK(decodes_not((struct bytes){ (const uint8_t *)"%20", 1 }));
}

static bool has_the_order_of_the_encoded(uint8_t x, uint8_t y)
{
	char left[4] = "", right[4] = "";
	struct buffer l, r;
	int want, got;

	buffer_wrap(&l, left, 3);
	buffer_wrap(&r, right, 3);
	uri_encode(&l, (struct bytes){ &x, 1 });
	uri_encode(&r, (struct bytes){ &y, 1 });
	want = strcmp(left, right);
	got = uri_compare_encoded((struct bytes){ &x, 1 },
	                          (struct bytes){ &y, 1 });
	return (want < 0) == (got < 0) && (want > 0) == (got > 0);
}

static void the_order_without_encoding_is_the_order_of_the_encoded(void)
{
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			CHECK(has_the_order_of_the_encoded((uint8_t)a,
			                                   (uint8_t)b));
		}
	}
	CHECK(uri_compare_encoded(text("a"), text("a")) == 0);
	CHECK(uri_compare_encoded(text("a"), text("ab")) < 0);
	CHECK(uri_compare_encoded(text("ab"), text("a")) > 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "encoding is undone by decoding for every byte",
		  encoding_is_undone_by_decoding_for_every_byte },
		{ "bad escapes are refused", bad_escapes_are_refused },
		{ "the order without encoding is the order of the encoded",
		  the_order_without_encoding_is_the_order_of_the_encoded },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
