#include "client/push/presence.h"
#include "tests/lib/fake_cache.h"
#include "tests/lib/test.h"

#include "protocol/base/exit_status.h"
#include "protocol/nix/nix32.h"

#include <stdlib.h>
#include <string.h>

#define HASH_BYTES 20
#define CLOSURE    600UL /* every second one is there */

/* A bucket with that closure's half, other paths, and a NAR for each. */
struct asking {
	struct cache *cache;
	struct strings objects;
	struct strings bases;
	struct presence_question question;
	bool present[4 * CLOSURE];
	struct presence_answer answer;
	struct cache_result failure;
};

static void add(struct strings *list, const char *before, const char *name,
                const char *behind)
{
	char text[160];
	int len = snprintf(text, sizeof(text), "%s%s%s", before, name, behind);

	if (strings_add(list, text, (size_t)len) < 0)
		abort();
}

/* The i-th hash part that there is. */
static void format_hash(uint64_t i, char out[NIX32_LEN(HASH_BYTES) + 1])
{
	uint8_t bytes[HASH_BYTES] = { 0 };

	for (size_t k = 0; k < sizeof(bytes); k++) {
		i = i * 6364136223846793005 + 1442695040888963407;
		bytes[k] = (uint8_t)(i >> 56);
	}
	nix32_encode(bytes, sizeof(bytes), out);
}

static void add_path(struct asking *a, const char *hash)
{
	char nar[NIX32_LEN(32) + 1];
	uint8_t bytes[32] = { 0 };

	memcpy(bytes, hash, sizeof(bytes));
	nix32_encode(bytes, sizeof(bytes), nar);
	add(&a->objects, "", hash, ".narinfo");
	add(&a->objects, "nar/", nar, ".nar.zst");
}

static void set_up(struct asking *a, size_t wanted, size_t others)
{
	char hash[NIX32_LEN(HASH_BYTES) + 1];

	*a = (struct asking){ .cache = fake_cache_new(4) };
	add(&a->objects, "", "nix-cache-info", "");
	for (size_t i = 0; i < wanted; i++) {
		format_hash(i, hash);
		add(&a->bases, "", hash, "-p");
		if (i % 2 == 0)
			add_path(a, hash);
	}
	for (size_t i = 0; i < others; i++) {
		format_hash(1000000 + i, hash);
		add_path(a, hash);
	}
	strings_sort(&a->objects);
	a->cache->objects = &a->objects;
	a->answer.present = a->present;
	a->question = (struct presence_question){ .cache = a->cache,
		                                  .store = "s3://bucket",
		                                  .bases = &a->bases };
}

static int ask(struct asking *a)
{
	return presence_ask(&a->question, &a->answer, &a->failure);
}

static void check_answer(const struct asking *a)
{
	CHECK(a->cache->pending == 0 && !a->cache->lent_and_lost);
	for (size_t i = 0; i < a->bases.count; i++)
		CHECK(a->present[i] == (i % 2 == 0));
	CHECK(a->answer.lists == fake_cache_count(a->cache, CACHE_LIST, NULL));
	CHECK(a->answer.checks ==
	      fake_cache_count(a->cache, CACHE_CHECK, NULL));
}

static void tear_down(struct asking *a)
{
	strings_clear(&a->bases);
	strings_clear(&a->objects);
	fake_cache_free(a->cache);
}

static void one_round_of_lists_tells_all(void)
{
	struct asking a;

	set_up(&a, CLOSURE, 4000);
	CHECK(ask(&a) == 0);
	check_answer(&a);
	CHECK(a.answer.lists == 32 && a.answer.checks == 0);
	CHECK(a.cache->steps[31].submitted_at < 33);
	CHECK(!a.answer.notice[0]);
	tear_down(&a);
}

static void an_empty_bucket_is_known_after_one_round(void)
{
	struct asking a;

	set_up(&a, CLOSURE, 0);
	strings_clear(&a.objects);
	CHECK(ask(&a) == 0);
	CHECK(a.answer.lists == 32 && a.answer.checks == 0);
	for (size_t i = 0; i < CLOSURE; i++)
		CHECK(!a.present[i]);
	tear_down(&a);
}

/* Logs without end stand between two halves of the letter l. */
static void other_folders_are_passed_over(void)
{
	struct asking a;

	set_up(&a, CLOSURE, 4000);
	for (size_t i = 0; i < 20000; i++) {
		char number[16];

		(void)snprintf(number, sizeof(number), "%05zu", i);
		add(&a.objects, "log/", number, ".drv");
	}
	strings_sort(&a.objects);
	CHECK(ask(&a) == 0);
	check_answer(&a);
	CHECK(a.answer.lists <= 33 && a.answer.checks <= 12);
	tear_down(&a);
}

static void the_rest_of_a_larger_bucket_is_listed(void)
{
	struct asking a;

	set_up(&a, 4 * CLOSURE, 40000);
	CHECK(ask(&a) == 0);
	check_answer(&a);
	CHECK(a.answer.lists > 32 && a.answer.lists < 100);
	CHECK(a.answer.checks < CLOSURE);
	tear_down(&a);
}

static void the_rest_of_a_far_larger_bucket_is_looked_up(void)
{
	struct asking a;

	set_up(&a, CLOSURE, 60000);
	CHECK(ask(&a) == 0);
	check_answer(&a);
	CHECK(a.answer.lists == 32);
	CHECK(a.answer.checks > CLOSURE / 2 && a.answer.checks < CLOSURE);
	tear_down(&a);
}

static void without_the_right_to_list_all_is_looked_up(void)
{
	struct asking a;

	set_up(&a, CLOSURE, 100);
	a.cache->list = FAKE_LIST_REFUSED;
	CHECK(ask(&a) == 0);
	check_answer(&a);
	CHECK(a.answer.lists == 32 && a.answer.checks == CLOSURE);
	CHECK(!a.answer.notice[0]);
	tear_down(&a);
}

/* It takes seconds then. */
static void a_closure_that_is_large_is_told_of_it(void)
{
	struct asking a;

	set_up(&a, 2 * CLOSURE, 100);
	a.cache->list = FAKE_LIST_REFUSED;
	CHECK(ask(&a) == 0);
	check_answer(&a);
	CHECK(strstr(a.answer.notice, "1200 paths") != NULL);
	CHECK(strstr(a.answer.notice, "said a test") != NULL);
	tear_down(&a);
}

/* What had been answered before is good, and no more is listed. */
static void after_a_refusal_nothing_more_is_listed(void)
{
	struct asking a;

	set_up(&a, 4 * CLOSURE, 40000);
	a.cache->list = FAKE_LIST_FIRST_REFUSED;
	CHECK(ask(&a) == 0);
	check_answer(&a);
	CHECK(a.answer.checks > 0);
	for (size_t i = 32; i < a.cache->count; i++) {
		CHECK(a.cache->steps[i].step.type == CACHE_CHECK ||
		      a.cache->steps[i].submitted_at <
		              a.cache->steps[0].answered_at);
	}
	tear_down(&a);
}

/* Another request would only ask a person again. */
static void without_an_agent_nothing_is_looked_up(void)
{
	struct asking a;

	set_up(&a, CLOSURE, 100);
	a.cache->list = FAKE_LIST_LOCKED;
	CHECK(ask(&a) > 0);
	CHECK(a.failure.exit_status == EXIT_LOCKED);
	CHECK(fake_cache_count(a.cache, CACHE_CHECK, NULL) == 0);
	tear_down(&a);
}

/* Neither is a path lost nor is one made up, nor is it asked for ever. */
static void a_list_that_is_wrong_misleads_nobody(void)
{
	static const enum fake_list wrong[] = {
		FAKE_LIST_FROM_START,
		FAKE_LIST_UNORDERED,
		FAKE_LIST_SHORT,
		FAKE_LIST_EMPTY,
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct asking a;

		set_up(&a, 2 * CLOSURE, 6000);
		a.cache->list = wrong[i];
		CHECK(ask(&a) == 0);
		check_answer(&a);
		CHECK(a.answer.lists <= 32 + 2 * (2 * CLOSURE / 12));
		CHECK(a.answer.checks > 0);
		tear_down(&a);
	}
}

/* A key that begins or ends otherwise is another object's. */
static void only_the_very_narinfo_counts(void)
{
	struct asking a;

	set_up(&a, CLOSURE, 0);
	strings_clear(&a.objects);
	for (size_t i = 0; i < CLOSURE; i++) {
		char hash[NIX32_LEN(HASH_BYTES) + 1];

		format_hash(i, hash);
		if (i % 2 == 0)
			add(&a.objects, "", hash, ".narinfo");
		add(&a.objects, "", hash, ".ls");
		add(&a.objects, "", hash, ".narinfo.bak");
		add(&a.objects, "", hash, "");
	}
	strings_sort(&a.objects);
	CHECK(ask(&a) == 0);
	check_answer(&a);
	tear_down(&a);
}

static const struct test tests[] = {
	{ "one round of lists tells all", one_round_of_lists_tells_all },
	{ "an empty bucket is known after one round",
	  an_empty_bucket_is_known_after_one_round },
	{ "other folders are passed over", other_folders_are_passed_over },
	{ "the rest of a larger bucket is listed",
	  the_rest_of_a_larger_bucket_is_listed },
	{ "the rest of a far larger bucket is looked up",
	  the_rest_of_a_far_larger_bucket_is_looked_up },
	{ "without the right to list, all is looked up",
	  without_the_right_to_list_all_is_looked_up },
	{ "a closure that is large is told of it",
	  a_closure_that_is_large_is_told_of_it },
	{ "after a refusal nothing more is listed",
	  after_a_refusal_nothing_more_is_listed },
	{ "without an agent nothing is looked up",
	  without_an_agent_nothing_is_looked_up },
	{ "a list that is wrong misleads nobody",
	  a_list_that_is_wrong_misleads_nobody },
	{ "only the very narinfo counts", only_the_very_narinfo_counts },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
