/* test_nix_conf_edit.c - what use puts into a file it can take out again, to
 * the byte, and Nix sees it there */
#include "client/nixconf/nix_conf.h"
#include "client/nixconf/nix_conf_edit.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define URL  "http://127.0.0.1:7757"
#define KEY  "main-1:AAAA"
#define MARK " # nixcache use main"
#define LINES                                 \
	"extra-substituters = " URL MARK "\n" \
	"extra-trusted-public-keys = " KEY MARK "\n"

static struct nix_conf_addition addition_of(const char *label, const char *url,
                                            const char *key)
{
	struct nix_conf_addition a = { .label = label };

	CHECK(strings_add(&a.substituters, url, strlen(url)) == 0);
	CHECK(strings_add(&a.public_keys, key, strlen(key)) == 0);
	return a;
}

static void addition_clear(struct nix_conf_addition *a)
{
	strings_clear(&a->substituters);
	strings_clear(&a->public_keys);
}

static bool is_text(const struct buffer *b, const char *want, size_t len)
{
	return b->len == len && (len == 0 || memcmp(b->data, want, len) == 0);
}

static void check_text(const char *what, const struct buffer *b,
                       const char *want)
{
	if (is_text(b, want, strlen(want)))
		return;
	printf("# %s: %.*s\n", what, (int)b->len, (const char *)b->data);
	FAIL("the text wanted");
}

/* Adds, adds again, removes; the text between is for the caller to look at. */
static struct buffer round_trip(const char *what, struct bytes text,
                                const struct nix_conf_addition *a)
{
	struct buffer once = { 0 }, twice = { 0 }, gone = { 0 };

	CHECK(nix_conf_edit_add(text, a, &once) == 0);
	CHECK(nix_conf_edit_add(buffer_bytes(&once), a, &twice) == 0);
	if (!bytes_equal(buffer_bytes(&once), buffer_bytes(&twice))) {
		printf("# %s\n", what);
		FAIL("adding again changes nothing");
	}
	CHECK(nix_conf_edit_remove(buffer_bytes(&twice), a->label, &gone) == 0);
	if (!bytes_equal(buffer_bytes(&gone), text)) {
		printf("# %s\n", what);
		FAIL("removing gives back what was there");
	}
	buffer_clear(&twice);
	buffer_clear(&gone);
	return once;
}

static const struct {
	const char *what, *text, *want;
} rows[] = {
	{ "an empty file", "", LINES },
	{ "one line", "sandbox = true\n", "sandbox = true\n" LINES },
	{ "no newline at the end", "sandbox = true",
	  "sandbox = true\n"
	  "extra-substituters = " URL MARK " (and the line break before)\n"
	  "extra-trusted-public-keys = " KEY MARK "\n" },
	{ "empty lines at the end", "a = b\n\n\n", "a = b\n\n\n" LINES },
	{ "only a newline", "\n", "\n" LINES },
	{ "only spaces", "  ",
	  "  \n"
	  "extra-substituters = " URL MARK " (and the line break before)\n"
	  "extra-trusted-public-keys = " KEY MARK "\n" },
	{ "CRLF", "a = b\r\n# c\r\n",
	  "a = b\r\n# c\r\n"
	  "extra-substituters = " URL MARK "\r\n"
	  "extra-trusted-public-keys = " KEY MARK "\r\n" },
	{ "CRLF, no newline at the end", "a = b\r\nc = d",
	  "a = b\r\nc = d\r\n"
	  "extra-substituters = " URL MARK " (and the line break before)\r\n"
	  "extra-trusted-public-keys = " KEY MARK "\r\n" },
	{ "a carriage return at the end", "a = b\r",
	  "a = b\r\n"
	  "extra-substituters = " URL MARK " (and the line break before)\n"
	  "extra-trusted-public-keys = " KEY MARK "\n" },
	{ "the substituter is there", "substituters = x " URL " y\n",
	  "substituters = x " URL " y\n"
	  "extra-trusted-public-keys = " KEY MARK "\n" },
	{ "the key is there", "extra-trusted-public-keys = " KEY "\n",
	  "extra-trusted-public-keys = " KEY "\n"
	  "extra-substituters = " URL MARK "\n" },
	{ "both are there",
	  "binary-caches = " URL "\nextra-binary-cache-public-keys = " KEY,
	  "binary-caches = " URL "\nextra-binary-cache-public-keys = " KEY },
	{ "said and taken back",
	  "extra-substituters = " URL "\nsubstituters = x\n",
	  "extra-substituters = " URL "\nsubstituters = x\n" LINES },
	{ "said in a comment", "# extra-substituters = " URL "\n",
	  "# extra-substituters = " URL "\n" LINES },
	{ "said of another list", "trusted-substituters = " URL "\n",
	  "trusted-substituters = " URL "\n" LINES },
	{ "said of a longer URL", "substituters = " URL "/\n",
	  "substituters = " URL "/\n" LINES },
	{ "a list that is set", "substituters = x\ntrusted-public-keys = k:1\n",
	  "substituters = x\ntrusted-public-keys = k:1\n" LINES },
	{ "an include at the end", "!include more.conf\n",
	  "!include more.conf\n" LINES },
	{ "ours turned into a comment", "#extra-substituters = " URL MARK "\n",
	  "#extra-substituters = " URL MARK "\n" LINES },
	{ "our mark behind another setting", "sandbox = true" MARK "\n",
	  "sandbox = true" MARK "\n" LINES },
	{ "almost our mark", "extra-substituters = z # nixcache used main\n",
	  "extra-substituters = z # nixcache used main\n" LINES },
	{ "our mark and more", "extra-substituters = z" MARK " too\n",
	  "extra-substituters = z" MARK " too\n" LINES },
	{ "another label", "extra-substituters = z # nixcache use mainz\n",
	  "extra-substituters = z # nixcache use mainz\n" LINES },
	{ "the same URL under another label",
	  "extra-substituters = " URL " # nixcache use other\n",
	  "extra-substituters = " URL " # nixcache use other\n" LINES },
	{ "what Nix would refuse", "what is this",
	  "what is this\n"
	  "extra-substituters = " URL MARK " (and the line break before)\n"
	  "extra-trusted-public-keys = " KEY MARK "\n" },
};

static void what_goes_in_comes_out_to_the_byte(void)
{
	struct nix_conf_addition a = addition_of("main", URL, KEY);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer b = round_trip(rows[i].what,
		                             bytes_of_text(rows[i].text), &a);

		check_text(rows[i].what, &b, rows[i].want);
		buffer_clear(&b);
	}
	addition_clear(&a);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

/* Texts made of what matters, put together in any way. */
static void any_text_survives(void)
{
	static const char *const pieces[] = {
		"\n",
		"\r\n",
		" ",
		"#",
		"substituters = ",
		URL,
		KEY,
		"extra-",
		"=",
		"\r",
		"trusted-public-keys = a\n",
		"# nixcache use other",
		"include x\n",
		"netrc-file = /n\n",
		"# nixcache use main2\n",
		"\t",
		"substituters =\n",
	};
	struct nix_conf_addition a = addition_of("main", URL, KEY);
	uint32_t state = 7;

	a.netrc_file = "/n";
	for (int i = 0; i < 20000; i++) {
		struct buffer text, b;

		buffer_init(&text, 4096);
		for (uint32_t n = next_random(&state) % 12; n > 0; n--) {
			buffer_append_text(
				&text,
				pieces[next_random(&state) %
			               (sizeof(pieces) / sizeof(*pieces))]);
		}
		b = round_trip("random", buffer_bytes(&text), &a);
		buffer_clear(&b);
		buffer_clear(&text);
	}
	addition_clear(&a);
}

static void what_is_replaced_stays_where_it_was(void)
{
	struct nix_conf_addition a = addition_of("main", URL, KEY);
	struct buffer b = { 0 };

	CHECK(nix_conf_edit_add(bytes_of_text(
					"a = b\nextra-substituters = old" MARK
					"\nc = d\n"),
	                        &a, &b) == 0);
	check_text("in the middle", &b, "a = b\n" LINES "c = d\n");
	buffer_clear(&b);

	CHECK(nix_conf_edit_add(bytes_of_text("extra-substituters = old" MARK
	                                      "\nsubstituters = x\n"),
	                        &a, &b) == 0);
	check_text("taken back below", &b, "substituters = x\n" LINES);
	buffer_clear(&b);
	addition_clear(&a);
}

static void labels_do_not_touch_each_other(void)
{
	struct nix_conf_addition a = addition_of("main", URL, KEY);
	struct nix_conf_addition other =
		addition_of("other", "file:///o", "o-1:BBBB");
	struct buffer one = { 0 }, both = { 0 }, left = { 0 };

	other.netrc_file = "/etc/nix/n";
	CHECK(nix_conf_edit_add(bytes_of_text("x = y"), &a, &one) == 0);
	CHECK(nix_conf_edit_add(buffer_bytes(&one), &other, &both) == 0);
	CHECK(nix_conf_edit_remove(buffer_bytes(&both), "other", &left) == 0);
	CHECK(bytes_equal(buffer_bytes(&left), buffer_bytes(&one)));
	buffer_clear(&left);
	CHECK(nix_conf_edit_remove(buffer_bytes(&both), NULL, &left) == 0);
	check_text("all labels", &left, "x = y");
	buffer_clear(&left);
	CHECK(nix_conf_edit_remove(buffer_bytes(&both), "main", &left) == 0);
	check_text("the first", &left,
	           "x = y\n"
	           "extra-substituters = file:///o # nixcache use other\n"
	           "extra-trusted-public-keys = o-1:BBBB # nixcache use other\n"
	           "netrc-file = /etc/nix/n # nixcache use other\n");
	buffer_clear(&left);
	buffer_clear(&one);
	buffer_clear(&both);
	addition_clear(&a);
	addition_clear(&other);
}

static void words_that_would_break_the_file_are_refused(void)
{
	static const char *const bad[] = { "",     "a b",  "a#b",     "a\nb",
		                           "a\tb", "\x7f", "\xc3\xa4" };
	struct buffer b = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct nix_conf_addition a = addition_of("main", bad[i], KEY);

		CHECK(nix_conf_edit_add(bytes_of_text(""), &a, &b) == -EINVAL);
		addition_clear(&a);
		a = addition_of(bad[i], URL, KEY);
		CHECK(nix_conf_edit_add(bytes_of_text(""), &a, &b) == -EINVAL);
		a.label = "main";
		a.netrc_file = bad[i];
		CHECK(nix_conf_edit_add(bytes_of_text(""), &a, &b) == -EINVAL);
		addition_clear(&a);
	}
	CHECK(b.data == NULL);
}

static void put(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	CHECK(file && fputs(text, file) >= 0);
	CHECK(file && fclose(file) == 0);
	CHECK(chmod(path, mode) == 0);
}

static bool holds(const struct strings *list, const char *item)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], item) == 0)
			return true;
	}
	return false;
}

/* By our own reading, which is held against Nix elsewhere. */
static void it_is_in_effect_afterwards(void)
{
	struct nix_conf_addition a = addition_of("main", URL, KEY);
	char path[] = "/tmp/nix_conf_edit.XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(setenv("NIX_CONF_DIR", "/nonexistent", 1) == 0);
	CHECK(setenv("NIX_USER_CONF_FILES", path, 1) == 0);
	CHECK(unsetenv("NIX_CONFIG") == 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[NIX_CONF_WHY_MAX];
		struct nix_conf conf;

		put(path, rows[i].want, 0600);
		/* These Nix refuses as they are. */
		if (strstr(rows[i].what, "refuse") ||
		    strstr(rows[i].what, "include"))
			continue;
		if (nix_conf_load(&conf, why) < 0) {
			FAIL(why);
			continue;
		}
		CHECK(holds(&conf.substituters, URL));
		CHECK(holds(&conf.trusted_public_keys, KEY));
		nix_conf_clear(&conf);
	}
	CHECK(unlink(path) == 0);
	addition_clear(&a);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what goes in comes out, to the byte",
		  what_goes_in_comes_out_to_the_byte },
		{ "any text survives", any_text_survives },
		{ "it is in effect afterwards", it_is_in_effect_afterwards },
		{ "what is replaced stays where it was",
		  what_is_replaced_stays_where_it_was },
		{ "labels do not touch each other",
		  labels_do_not_touch_each_other },
		{ "words that would break the file are refused",
		  words_that_would_break_the_file_are_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
