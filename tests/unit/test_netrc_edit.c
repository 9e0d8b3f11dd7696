/* test_netrc_edit.c - one line in a netrc file, and what Nix calls a cache */
#include "client/nixconf/netrc_edit.h"
#include "client/nixconf/substituter.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static const char password[] = "p4$$w0rd!";

static bool text_is_first(const struct buffer *b)
{
	static const char want[] =
		"machine m login nixcache password p4$$w0rd!\n";

	return b->len >= strlen(want) &&
	       memcmp(b->data, want, strlen(want)) == 0;
}

static void a_netrc_gets_one_line_first(void)
{
	static const struct {
		const char *what, *text;
		int outcome;
	} netrcs[] = {
		{ "nothing", "", 0 },
		{ "another machine", "machine h login l password p\n", 0 },
		{ "a default", "default login l password p", 0 },
		{ "ours", "machine m login nixcache password old\n", 0 },
		{ "theirs", "machine m login l password p\n", NETRC_TAKEN },
		{ "theirs in pieces", "machine h login l\nmachine\n m\nlogin x",
		  NETRC_TAKEN },
		{ "a comment", "# machine m login l\n", 0 },
		{ "a longer name", "machine mm login l password p", 0 },
		{ "ours with more",
		  "machine m login nixcache password old account a\n",
		  NETRC_TAKEN },
	};

	for (size_t i = 0; i < sizeof(netrcs) / sizeof(netrcs[0]); i++) {
		struct bytes text = bytes_of_text(netrcs[i].text);
		struct buffer b = { 0 }, gone = { 0 };
		int rc = netrc_edit_add(text, "m", password, &b);

		CHECK(rc == netrcs[i].outcome);
		if (rc != 0)
			continue;
		CHECK(text_is_first(&b));
		CHECK(netrc_edit_remove(buffer_bytes(&b), "m", &gone) == 0);
		if (strcmp(netrcs[i].what, "ours") != 0)
			check_text(netrcs[i].what, &gone, netrcs[i].text);
		buffer_clear(&b);
		buffer_clear(&gone);
	}
}

static void a_netrc_loses_our_lines_only(void)
{
	static const char text[] = "machine a login nixcache password x\n"
				   "machine b login other password x\n"
				   "machine c login nixcache password x";
	struct buffer b = { 0 };

	CHECK(netrc_edit_remove(bytes_of_text(text), NULL, &b) == 0);
	check_text("any machine", &b, "machine b login other password x\n");
	buffer_clear(&b);
	CHECK(netrc_edit_remove(bytes_of_text(text), "d", &b) == 0);
	check_text("another machine", &b, text);
	buffer_clear(&b);
}

static void passwords_that_curl_might_misread_are_refused(void)
{
	static const char *const bad[] = { "",    "a b",  "#a",  "a\"b",
		                           "a'b", "a\\b", "a\n", "\xc3\xa4" };
	char longest[NETRC_PASSWORD_MAX + 2];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!netrc_password_is_valid(bad[i]));
	CHECK(netrc_password_is_valid("a#b"));
	memset(longest, 'p', sizeof(longest));
	longest[NETRC_PASSWORD_MAX] = '\0';
	CHECK(netrc_password_is_valid(longest));
	longest[NETRC_PASSWORD_MAX] = 'p';
	longest[NETRC_PASSWORD_MAX + 1] = '\0';
	CHECK(!netrc_password_is_valid(longest));
}

static void a_machine_is_the_host_of_a_url(void)
{
	static const struct {
		const char *url, *machine;
	} urls[] = {
		{ "http://127.0.0.1:7757", "127.0.0.1" },
		{ "http://127.0.0.1", "127.0.0.1" },
		{ "https://h.example/x:y", "h.example" },
		{ "http://[::1]:7757/main", "::1" },
		{ "http://[::1", NULL },
		{ "http://", NULL },
		{ "http://:80", NULL },
		{ "http://user:pass@h/", NULL },
		{ "file:///x", NULL },
		{ "s3://bucket", NULL },
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char machine[NETRC_MACHINE_MAX + 1];
		int rc = substituter_machine(urls[i].url, machine,
		                             sizeof(machine));

		CHECK((rc == 0) == (urls[i].machine != NULL));
		CHECK(rc < 0 || strcmp(machine, urls[i].machine) == 0);
	}
}

static void a_store_has_a_url_for_everybody(void)
{
	static const struct {
		const char *store, *url;
	} stores[] = {
		{ "file:///srv/my-cache?priority=3", "file:///srv/my-cache" },
		{ "s3://bkt/nix/cache?endpoint=s3.example.org&region=x",
		  "https://s3.example.org/bkt/nix/cache" },
		{ "s3://bkt?endpoint=127.0.0.1:9000&scheme=http&region=x",
		  "http://127.0.0.1:9000/bkt" },
		{ "s3://bucket/p?region=eu-central-1",
		  "https://bucket.s3.eu-central-1.amazonaws.com/p" },
	};

	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		struct store_uri uri;
		char why[256], *url = NULL;

		CHECK(store_uri_parse(stores[i].store, &uri, why,
		                      sizeof(why)) == 0);
		CHECK(substituter_of_store(&uri, &url) == 0);
		if (url && strcmp(url, stores[i].url) != 0) {
			printf("# %s\n", url);
			FAIL("the URL");
		}
		free(url);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "a netrc gets one line, first", a_netrc_gets_one_line_first },
		{ "a netrc loses our lines only",
		  a_netrc_loses_our_lines_only },
		{ "passwords that curl might misread are refused",
		  passwords_that_curl_might_misread_are_refused },
		{ "a machine is the host of a URL",
		  a_machine_is_the_host_of_a_url },
		{ "a store has a URL for everybody",
		  a_store_has_a_url_for_everybody },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
