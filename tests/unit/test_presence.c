#include "client/push/presence.h"
#include "tests/lib/closure_stage.h"
#include "tests/lib/fake_cache.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MANY 500

static void make_bases(struct strings *bases, size_t count)
{
	*bases = (struct strings){ .items = NULL };
	for (size_t i = 0; i < count; i++) {
		char base[STORE_PATH_BASE_SIZE];

		closure_stage_name(i, base);
		if (strings_add(bases, base, strlen(base)) < 0)
			abort();
	}
}

/* The answers come in any order. */
static void each_answer_goes_to_its_path(void)
{
	static bool present[MANY];
	struct cache *cache = fake_cache_new(4);
	struct cache_result failure;
	struct strings bases;
	size_t there = 0;

	make_bases(&bases, MANY);
	cache->present_percent = 50;
	CHECK(presence_ask(cache, &bases, present, &failure) == 0);
	CHECK(cache->count == MANY && cache->pending == 0);
	CHECK(!cache->lent_and_lost);
	for (size_t i = 0; i < MANY; i++) {
		const struct fake_step *s = &cache->steps[i];

		CHECK(s->step.type == CACHE_CHECK && s->step.tag == i);
		CHECK(strncmp(s->key, bases.items[i], 32) == 0);
		CHECK(strcmp(s->key + 32, ".narinfo") == 0);
		CHECK(present[i] == (s->outcome == CACHE_OK));
		there += present[i];
	}
	CHECK(there > 0 && there < MANY);
	strings_clear(&bases);
	fake_cache_free(cache);
}

static void a_failure_is_told_and_is_not_absence(void)
{
	static const char failing[] =
		"00000000000000000000000000000007.narinfo";
	struct cache *cache = fake_cache_new(4);
	struct cache_result failure = { .outcome = CACHE_OK };
	bool present[10] = { false };
	struct strings bases;

	make_bases(&bases, 10);
	cache->failing_key = failing;
	CHECK(presence_ask(cache, &bases, present, &failure) > 0);
	CHECK(failure.outcome == CACHE_FAILED && failure.exit_status == 1);
	CHECK(strstr(failure.error, failing) != NULL);
	strings_clear(&bases);
	fake_cache_free(cache);
}

static void nothing_is_asked_about_nothing(void)
{
	const struct strings none = { .items = NULL };
	struct cache *cache = fake_cache_new(4);
	struct cache_result failure;

	CHECK(presence_ask(cache, &none, NULL, &failure) == 0);
	CHECK(cache->count == 0);
	fake_cache_free(cache);
}

static void a_cache_that_takes_nothing_is_an_error(void)
{
	struct cache *cache = fake_cache_new(4);
	struct cache_result failure;
	struct strings bases;
	bool present[3];

	make_bases(&bases, 3);
	cache->submit_error = -ENOMEM;
	CHECK(presence_ask(cache, &bases, present, &failure) == -ENOMEM);
	strings_clear(&bases);
	fake_cache_free(cache);
}

static const struct test tests[] = {
	{ "each answer goes to its path", each_answer_goes_to_its_path },
	{ "a failure is told, and is not absence",
	  a_failure_is_told_and_is_not_absence },
	{ "nothing is asked about nothing", nothing_is_asked_about_nothing },
	{ "a cache that takes nothing is an error",
	  a_cache_that_takes_nothing_is_an_error },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
