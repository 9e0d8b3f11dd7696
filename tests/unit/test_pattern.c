#include "agent/pattern.h"
#include "tests/lib/test.h"

#include <string.h>

static const struct {
	const char *pattern;
	const char *text;
	bool is_match;
} cases[] = {
	{ "*", "", true },
	{ "*", "nar/abc", true },
	{ "nar/*", "nar/", true },
	{ "nar/*", "nar/a/b.nar", true },
	{ "nar/*", "nar", false },
	{ "nar/*", "log/a", false },
	{ "*.narinfo", "abc.narinfo", true },
	{ "*.narinfo", "abc.narinfo.narinfo", true },
	{ "*.narinfo", "abc.narinfox", false },
	{ "a?c", "abc", true },
	{ "a?c", "a/c", true },
	{ "a?c", "ac", false },
	{ "[abc]x", "bx", true },
	{ "[abc]x", "dx", false },
	{ "[a-c]x", "bx", true },
	{ "[a-c]x", "-x", false },
	{ "[-a]x", "-x", true },
	{ "[a-]x", "-x", true },
	{ "[!a-c]x", "dx", true },
	{ "[!a-c]x", "bx", false },
	{ "[^a]x", "bx", true },
	{ "[A-Z]", "a", false },
	{ "[*]", "*", true },
	{ "[*]", "a", false },
	{ "\\*", "*", true },
	{ "\\*", "a", false },
	{ "\\[a]", "[a]", true },
	{ "a*b*c", "aXbYbZc", true },
	{ "a*b*c", "aXcYb", false },
	{ "abc", "abcd", false },
	{ "abcd", "abc", false },
	{ "*-hello", "0a-hello-hello", true },
	{ "**", "x", true },
};

static void a_pattern_matches_the_whole_text(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_match = pattern_matches(cases[i].pattern,
		                                bytes_of_text(cases[i].text));

		if (is_match != cases[i].is_match) {
			(void)printf("# %s %s\n", cases[i].pattern,
			             cases[i].text);
		}
		CHECK(is_match == cases[i].is_match);
		CHECK(!pattern_check_key(cases[i].pattern));
	}
}

static void what_is_malformed_is_refused(void)
{
	static const char *const bad[] = {
		"",       "/nar/*", "a[",   "a[b",      "[]",      "[]a]",
		"[!]",    "[!]a]",  "[^]",  "[c-a]",    "[[:a:]]", "a\\",
		"[a\\]]", "a b",    "a\tb", "\xc3\xa4", "a\x7f",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!pattern_check_key(bad[i]))
			(void)printf("# taken: %s\n", bad[i]);
		CHECK(pattern_check_key(bad[i]) != NULL);
		CHECK(pattern_check_name(bad[i]) != NULL);
	}
	CHECK(pattern_check_name("a/b") != NULL);
	CHECK(pattern_check_name("[/]") != NULL);
	CHECK(!pattern_check_name("*-hello-[0-9]*"));
}

static bool matches_below(const char *pattern, const char *prefix)
{
	return pattern_matches_below(pattern, bytes_of_text(prefix));
}

static void all_below_is_matched_by_a_star_at_the_end(void)
{
	CHECK(matches_below("*", ""));
	CHECK(matches_below("nar/*", "nar/"));
	CHECK(matches_below("nar/*", "nar/abc"));
	CHECK(!matches_below("nar/*", "nar"));
	CHECK(!matches_below("nar/*", ""));
	CHECK(!matches_below("*.narinfo", "abc.narinfo"));
	CHECK(!matches_below("nar/\\*", "nar/*"));
	CHECK(!matches_below("nar/[*]", "nar/*"));
	CHECK(!matches_below("nar/?", "nar/a"));
}

/* A matcher that goes back to every star does not come to an end here. */
static void many_stars_take_no_long_time(void)
{
	char pattern[513], text[4097];

	for (size_t i = 0; i < 512; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	pattern[511] = 'b';
	pattern[512] = '\0';
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CHECK(!pattern_matches(pattern, bytes_of_text(text)));
	pattern[511] = 'a';
	CHECK(pattern_matches(pattern, bytes_of_text(text)));
}

static const struct test tests[] = {
	{ "a pattern matches the whole text",
	  a_pattern_matches_the_whole_text },
	{ "what is malformed is refused", what_is_malformed_is_refused },
	{ "all below is matched by a star at the end",
	  all_below_is_matched_by_a_star_at_the_end },
	{ "many stars take no long time", many_stars_take_no_long_time },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
