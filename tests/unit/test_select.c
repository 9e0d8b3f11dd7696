#include "client/cache/select.h"
#include "tests/lib/test.h"

#include <string.h>

#define B2 "?endpoint=s3.us-east-005.backblazeb2.com&region=us-east-005"

/* NOLINTBEGIN(*-non-const-global-variables): a status owns its texts */
static char names[][16] = { "dev", "release", "disk" };
static char stores[][128] = {
	"s3://bucket/nix/cache" B2,
	"s3://bucket/release" B2,
	"file:///srv/cache",
};
/* NOLINTEND(*-non-const-global-variables) */

#define COUNT 3

static struct agent_status make_status(struct agent_cache caches[COUNT],
                                       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		caches[i] = (struct agent_cache){ .name = names[i],
			                          .store = stores[i] };
	}
	return (struct agent_status){ .caches = caches, .cache_count = count };
}

/* Index of the cache that is meant, or -1 and why. */
static int selected(size_t count, const char *wanted, char why[512])
{
	struct agent_cache caches[COUNT];
	const struct agent_status status = make_status(caches, count);
	const struct agent_cache *found;

	why[0] = '\0';
	found = select_cache(&status, wanted, why, 512);
	CHECK((found == NULL) == (why[0] != '\0'));
	return found ? (int)(found - caches) : -1;
}

static void the_only_one_needs_no_name(void)
{
	char why[512];

	CHECK(selected(1, NULL, why) == 0);
}

static void without_a_name_several_are_listed(void)
{
	char why[512];

	CHECK(selected(3, NULL, why) == -1);
	CHECK(strcmp(why, "there are several caches, say which one: dev, "
	                  "release, disk") == 0);
}

static void without_any_the_configuration_is_named(void)
{
	char why[512];

	CHECK(selected(0, NULL, why) == -1);
	CHECK(strstr(why, "nixcache.conf") != NULL);
	CHECK(selected(0, "dev", why) == -1);
	CHECK(selected(0, "file:///srv/cache", why) == -1);
}

static void a_name_is_taken_exactly(void)
{
	static const struct {
		const char *wanted;
		int index;
	} cases[] = {
		{ "dev", 0 }, { "release", 1 }, { "disk", 2 }, { "Dev", -1 },
		{ "de", -1 }, { "devs", -1 },   { "", -1 },    { " dev", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[512];

		CHECK(selected(3, cases[i].wanted, why) == cases[i].index);
		if (cases[i].index < 0) {
			CHECK(strstr(why, "the agent knows no such cache; it "
			                  "knows: dev, release, disk"));
		}
	}
}

static void a_uri_means_the_cache_at_the_same_place(void)
{
	static const struct {
		const char *wanted;
		int index;
	} cases[] = {
		{ "s3://bucket/nix/cache" B2, 0 },
		{ "s3://bucket/nix/cache" B2 "&compression=xz", 0 },
		{ "s3://bucket/release" B2, 1 },
		{ "file:///srv/cache", 2 },
		{ "s3://bucket/nix/cache", -1 },
		{ "s3://bucket/nix" B2, -1 },
		{ "s3://other/nix/cache" B2, -1 },
		{ "file:///srv", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[512];

		if (selected(3, cases[i].wanted, why) != cases[i].index)
			test_fail(cases[i].wanted, (int)i, why);
		if (cases[i].index < 0)
			CHECK(strstr(why, "dev, release, disk") != NULL);
	}
}

static void a_malformed_uri_says_what_is_wrong(void)
{
	char why[512];

	CHECK(selected(3, "ftp://x", why) == -1);
	CHECK(selected(3, "s3://bucket?what=1", why) == -1);
	CHECK(strstr(why, "what") != NULL);
}

/* More names than a sentence holds. */
static void a_long_list_is_cut(void)
{
	static char name[AGENT_CACHE_NAME_MAX + 1];
	static struct agent_cache caches[AGENT_CACHES_MAX];
	const struct agent_status status = { .caches = caches,
		                             .cache_count = AGENT_CACHES_MAX };
	char why[512];

	memset(name, 'n', sizeof(name) - 1);
	for (size_t i = 0; i < AGENT_CACHES_MAX; i++) {
		caches[i] = (struct agent_cache){ .name = name,
			                          .store = stores[2] };
	}
	CHECK(!select_cache(&status, NULL, why, sizeof(why)));
	CHECK(strlen(why) < 300);
	CHECK(!select_cache(&status, "x", why, 8));
	CHECK(strlen(why) == 7);
}

static const struct test tests[] = {
	{ "the only one needs no name", the_only_one_needs_no_name },
	{ "without a name several are listed",
	  without_a_name_several_are_listed },
	{ "without any the configuration is named",
	  without_any_the_configuration_is_named },
	{ "a name is taken exactly", a_name_is_taken_exactly },
	{ "a URI means the cache at the same place",
	  a_uri_means_the_cache_at_the_same_place },
	{ "a malformed URI says what is wrong",
	  a_malformed_uri_says_what_is_wrong },
	{ "a long list is cut", a_long_list_is_cut },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
