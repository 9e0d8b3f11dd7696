#include "tests/lib/test.h"

#include "client/survey/filter.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <string.h>

#define HASH  "0c5b8vw40dy178xlpddw65q9gf1h2186"
#define OTHER "0c5b8vw40dy178xlpddw65q9gf1h2187"
#define STORE "/nix/store"

static bool takes(const char *word, const char *base)
{
	struct filter filter;
	char why[FILTER_WHY_MAX];

	return filter_parse(word, STORE, &filter, why) == 0 &&
	       text_has_prefix(base, filter.key_prefix) &&
	       filter_takes(&filter, base);
}

static void each_word_takes_what_it_says(void)
{
	static const struct {
		const char *word, *base;
		bool is_taken;
	} rows[] = {
		{ NULL, HASH "-hello", true },
		{ "", HASH "-hello", true },
		{ STORE, HASH "-hello", true },
		{ STORE "/", HASH "-hello", true },
		{ STORE "/0c5", HASH "-hello", true },
		{ STORE "/0c6", HASH "-hello", false },
		{ STORE "/" HASH, HASH "-hello", true },
		{ STORE "/" HASH, OTHER "-hello", false },
		{ STORE "/" HASH "-hello", HASH "-hello", true },
		{ STORE "/" HASH "-hello", HASH "-hello-2.12", true },
		{ STORE "/" HASH "-hello/", HASH "-hello", true },
		{ STORE "/" HASH "-hello/", HASH "-hello-2.12", false },
		{ STORE "/" HASH "-hello/bin/hello", HASH "-hello", true },
		{ "0", HASH "-hello", true },
		{ "1", HASH "-hello", false },
		{ HASH, HASH "-hello", true },
		{ HASH "-", HASH "-hello", true },
		{ HASH "-he", HASH "-hello", true },
		{ HASH "-hx", HASH "-hello", false },
		{ HASH "-hello", HASH "-hell", false },
		{ "*", HASH "-hello", true },
		{ "hello*", HASH "-hello-2.12", true },
		{ "hello?", HASH "-hello", false },
		{ "*-dev", HASH "-hello-dev", true },
		{ "*-dev", HASH "-hello-devel", false },
		{ "[gh]ello", HASH "-hello", true },
		{ HASH "*", HASH "-hello", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_taken = takes(rows[i].word, rows[i].base);

		if (is_taken != rows[i].is_taken)
			(void)printf("# %s %s\n", rows[i].word, rows[i].base);
		CHECK(is_taken == rows[i].is_taken);
	}
}

static void what_no_path_begins_with_is_refused(void)
{
	static const char *const words[] = {
		"hello",
		"e",
		"-",
		"0c5b8 ",
		"0C5B8",
		HASH "x",
		HASH "0-x",
		HASH "-a b",
		HASH "-a\n",
		HASH "-.",
		"/",
		"/nix",
		"/nix/storex",
		"/nix/storex/" HASH,
		"/gnu/store/" HASH "-x",
		STORE "//" HASH "-x/y/e",
		STORE "/0c5b8/",
		STORE "/hello",
		STORE "/" HASH "x",
	};
	struct filter before = { .key_prefix = "kept" }, filter = before;
	char why[FILTER_WHY_MAX];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		int rc = filter_parse(words[i], STORE, &filter, why);

		if (rc == 0)
			(void)printf("# %s\n", words[i]);
		CHECK(rc == -EINVAL);
		CHECK(why[0] && !strpbrk(why, "\n"));
		CHECK(strcmp(filter.key_prefix, before.key_prefix) == 0);
	}
}

static void a_base_has_a_longest(void)
{
	struct filter filter;
	char why[FILTER_WHY_MAX], word[STORE_PATH_BASE_SIZE + 2];

	memset(word, 'x', sizeof(word));
	memcpy(word, HASH "-", sizeof(HASH));
	word[STORE_PATH_BASE_MAX] = '\0';
	CHECK(filter_parse(word, STORE, &filter, why) == 0);
	CHECK(filter_takes(&filter, word));
	word[STORE_PATH_BASE_MAX] = 'x';
	word[STORE_PATH_BASE_MAX + 1] = '\0';
	CHECK(filter_parse(word, STORE, &filter, why) == -EINVAL);
}

int main(void)
{
	static const struct test tests[] = {
		{ "each word takes what it says",
		  each_word_takes_what_it_says },
		{ "what no path begins with is refused",
		  what_no_path_begins_with_is_refused },
		{ "a base has a longest", a_base_has_a_longest },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
