#include "client/push/preflight.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/fake_cache.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <string.h>

static struct agent_cache config(void)
{
	static char name[] = "mine", dir[] = "/nix/store";

	return (struct agent_cache){ .name = name,
		                     .store_dir = dir,
		                     .priority = -1 };
}

/* What is said of what comes of the step. */
static int judge(struct cache *cache, bool *ret_is_missing, char why[512])
{
	const struct agent_cache mine = config();
	const struct cache_step step = preflight_step();
	struct cache_result result;
	int rc;

	CHECK(cache_run(cache, &step, &result) == 0);
	rc = preflight_judge(&result, &mine, ret_is_missing, why, 512);
	buffer_clear(&result.response);
	return rc;
}

/* What is said of a cache with that nix-cache-info. */
static int check(const char *text, bool *ret_is_missing, char why[512])
{
	struct cache *cache = fake_cache_new(1);
	int rc;

	why[0] = '\0';
	cache->text = text;
	rc = judge(cache, ret_is_missing, why);
	CHECK(cache->count == 1 && cache->steps[0].step.type == CACHE_GET);
	CHECK(strcmp(cache->steps[0].key, "nix-cache-info") == 0);
	CHECK((rc != 0) == (why[0] != '\0'));
	fake_cache_free(cache);
	return rc;
}

static void a_cache_for_this_store_is_good(void)
{
	bool is_missing = true;
	char why[512];

	CHECK(check("StoreDir: /nix/store\nPriority: 30\n", &is_missing, why) ==
	      0);
	CHECK(!is_missing);
}

static void a_cache_without_the_file_is_to_be_made(void)
{
	bool is_missing = false;
	char why[512];

	CHECK(check(NULL, &is_missing, why) == 0);
	CHECK(is_missing);
}

static void a_cache_for_another_store_is_refused(void)
{
	bool is_missing;
	char why[512];

	CHECK(check("StoreDir: /gnu/store\n", &is_missing, why) == EXIT_FAILED);
	CHECK(strstr(why, "mine") && strstr(why, "/gnu/store") &&
	      strstr(why, "/nix/store"));
	CHECK(check("StoreDir: /nix/store2\n", &is_missing, why) ==
	      EXIT_FAILED);
}

/* A web page, an empty object, a line break too few. */
static void what_is_no_such_file_is_refused(void)
{
	static const char *const texts[] = { "", "<html>\n", "StoreDir\n",
		                             "Priority: 30\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bool is_missing;
		char why[512];

		CHECK(check(texts[i], &is_missing, why) == EXIT_FAILED);
		CHECK(strstr(why, "binary cache?") != NULL);
	}
}

static void a_cache_that_fails_says_how(void)
{
	const struct agent_cache mine = config();
	struct cache *cache = fake_cache_new(1);
	bool is_missing = true;
	char why[512];

	cache->failing_key = "nix-cache-info";
	CHECK(judge(cache, &is_missing, why) == EXIT_FAILED);
	CHECK(strcmp(why, "nix-cache-info: said a test") == 0);
	CHECK(preflight_make(cache, &mine, why, sizeof(why)) == EXIT_FAILED);
	CHECK(strcmp(why, "nix-cache-info: said a test") == 0);
	cache->submit_error = -ENOMEM;
	CHECK(preflight_make(cache, &mine, why, sizeof(why)) == EXIT_FAILED);
	CHECK(strncmp(why, "mine: ", 6) == 0);
	fake_cache_free(cache);
}

static void what_is_made_is_what_is_found_good(void)
{
	struct agent_cache mine = config();

	for (int priority = -1; priority < 100; priority += 50) {
		struct cache *cache = fake_cache_new(1);
		bool is_missing = true;
		char why[512];

		mine.priority = priority;
		CHECK(preflight_make(cache, &mine, why, sizeof(why)) == 0);
		CHECK(cache->steps[0].step.type == CACHE_PUT);
		CHECK(strcmp(cache->steps[0].key, "nix-cache-info") == 0);
		CHECK(strstr(cache->steps[0].body, "WantMassQuery: 1\n"));
		CHECK((strstr(cache->steps[0].body, "Priority: ") != NULL) ==
		      (priority >= 0));
		CHECK(check(cache->steps[0].body, &is_missing, why) == 0);
		CHECK(!is_missing);
		fake_cache_free(cache);
	}
}

static const struct test tests[] = {
	{ "a cache for this store is good", a_cache_for_this_store_is_good },
	{ "a cache without the file is to be made",
	  a_cache_without_the_file_is_to_be_made },
	{ "a cache for another store is refused",
	  a_cache_for_another_store_is_refused },
	{ "what is no such file is refused", what_is_no_such_file_is_refused },
	{ "a cache that fails says how", a_cache_that_fails_says_how },
	{ "what is made is what is found good",
	  what_is_made_is_what_is_found_good },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
