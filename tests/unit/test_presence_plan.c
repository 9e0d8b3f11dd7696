#include "tests/lib/test.h"

#include "client/push/presence_plan.h"

#include "protocol/nix/nix32.h"
#include "protocol/s3/object_key.h"

#include <stdlib.h>
#include <string.h>

#define LIST_COST    12UL /* lookups */
#define LAST_NARINFO "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz.narinfo"

/* Sebastiano Vigna's splitmix64. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static void a_position_is_in_the_order_of_the_keys(void)
{
	static const char *const keys[] = {
		"",
		"00000000000000000000000000000000.narinfo",
		"000000000001zzzzzzzzzzzzzzzzzzzz.ls",
		"000000000002",
		"00000000000z",
		"00000000001-",
		"00000000001",
		"0z",
		"build-trace-v2/0-x.drv/out.doi",
		"bv",
		"log/0-x.drv",
		"lp",
		"naz",
		"nz",
		"zz",
	};

	for (size_t i = 0; i + 1 < sizeof(keys) / sizeof(keys[0]); i++) {
		CHECK(presence_position(keys[i]) <=
		      presence_position(keys[i + 1]));
	}
	CHECK(presence_position("") == 0);
	CHECK(presence_position(LAST_NARINFO) == PRESENCE_END - 1);
}

/* Whatever a page ends with, the rest begins with the next narinfo. */
static void a_folder_is_passed_over(void)
{
	static const struct {
		const char *key;
		const char *next;
	} cases[] = {
		{ "nar/0", "nar0" },
		{ "log/zzzz", "lp" },
		{ "realisations/sha256:0", "rf" },
		{ "debuginfo/0", "df" },
		{ "build-trace-v2/x", "bv" },
		{ "nix-cache-info", "nix0" },
		{ "Else", "a" },
		{ "0/", "00" },
		{ "0~", "1" },
		{ "zz{", "~" },
		{ "\xc3\xa4", "~" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (presence_position(cases[i].key) !=
		    presence_position(cases[i].next))
			test_fail(__FILE__, __LINE__, cases[i].key);
	}
	CHECK(presence_position("~") == PRESENCE_END);
}

static void a_range_is_said_so_that_it_can_be_asked_for(void)
{
	static const struct {
		const char *from;
		const char *to;
		const char *prefix;
		const char *after;
	} cases[] = {
		{ "0", "~", "", "" },
		{ "0", "1", "0", "" },
		{ "l", "m", "l", "" },
		{ "n", "nar0", "n", "" },
		{ "nar0", "p", "n", "nar000000000" },
		{ "y", "~", "", "y00000000000" },
		{ "l8", "lg", "l", "l80000000000" },
		{ "ab0123456789", "ab012345678a", "ab0123456789", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct presence_range range = {
			.from = presence_position(cases[i].from),
			.to = presence_position(cases[i].to),
		};
		char prefix[PRESENCE_TEXT_SIZE], after[PRESENCE_TEXT_SIZE];

		presence_range_format(&range, prefix, after);
		if (strcmp(prefix, cases[i].prefix) != 0 ||
		    strcmp(after, cases[i].after) != 0)
			test_fail(__FILE__, __LINE__, cases[i].from);
	}
}

static void few_are_looked_up_one_by_one(void)
{
	struct presence_range ranges[PRESENCE_FIRST_MAX];

	CHECK(presence_plan_first(0, ranges) == 0);
	CHECK(presence_plan_first(LIST_COST * 32 - 1, ranges) == 0);
	CHECK(presence_plan_first(LIST_COST * 32, ranges) == 32);
}

/* No range has the NARs inside it, and the agent lets each be asked for. */
static void the_first_ranges_are_everything(void)
{
	uint64_t nars = presence_position("nar/"), at = 0;
	struct presence_range ranges[PRESENCE_FIRST_MAX];
	size_t count = presence_plan_first(2000, ranges);

	CHECK(count == 32);
	for (size_t i = 0; i < count; i++) {
		char prefix[PRESENCE_TEXT_SIZE], after[PRESENCE_TEXT_SIZE];

		CHECK(ranges[i].from == at && ranges[i].to > at);
		CHECK(ranges[i].to <= nars || ranges[i].from >= nars);
		CHECK(ranges[i].page_size > 0 && ranges[i].page_size <= 1000);
		CHECK(ranges[i].round == 1);
		presence_range_format(&ranges[i], prefix, after);
		CHECK(object_key_prefix_is_valid(prefix, strlen(prefix)));
		CHECK(object_key_prefix_is_valid(after, strlen(after)));
		at = ranges[i].to;
	}
	CHECK(at == PRESENCE_END);
}

/* A page of 1000 names over a tenth of the range: 9000 are left, on twelve
 * pages with room in each. */
static void the_rest_is_listed_if_that_is_cheaper(void)
{
	struct presence_range range = {
		.from = 0, .to = 10000000, .page_size = 1000, .round = 1
	};
	struct presence_page page = { .names = 1000,
		                      .reached = 1000000,
		                      .wanted = 12 * LIST_COST };
	uint64_t at = page.reached;

	CHECK(presence_plan_rest(&range, &page) == 12);
	for (size_t i = 0; i < 12; i++) {
		struct presence_range part =
			presence_plan_part(&range, &page, 12, i);

		CHECK(part.from == at && part.to > at);
		CHECK(part.page_size > 900 && part.page_size <= 1000);
		CHECK(part.round == 2);
		at = part.to;
	}
	CHECK(at == range.to);
	page.wanted--;
	CHECK(presence_plan_rest(&range, &page) == 0);
	page.wanted = SIZE_MAX;
	range.round = 3;
	CHECK(presence_plan_rest(&range, &page) == 0);
}

static void a_page_without_progress_is_not_followed_by_another(void)
{
	struct presence_range range = {
		.from = 1000, .to = 1010, .page_size = 1000, .round = 1
	};
	struct presence_page page = { .names = 1000,
		                      .reached = 1000,
		                      .wanted = SIZE_MAX };

	CHECK(presence_plan_rest(&range, &page) == 0);
	page.reached = 1001; /* 9000 more, at no more than nine positions */
	CHECK(presence_plan_rest(&range, &page) == 0);
	page.names = 0;
	CHECK(presence_plan_rest(&range, &page) == 1);
}

/* A cache of so many paths, some of which are wanted, evenly spread. */
struct trial {
	uint64_t *names; /* positions, sorted; each stands for per_name keys */
	size_t count;
	size_t per_name; /* 2: with .ls */
	uint64_t *wanted;
	size_t wanted_count;

	size_t lists;
	size_t lookups;
	size_t brought; /* keys in lists */
	unsigned rounds;
};

static int compare_positions(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

static uint64_t *make_positions(size_t count, uint64_t seed)
{
	uint64_t *positions = calloc(count + 1, sizeof(*positions));

	if (!positions)
		abort();
	for (size_t i = 0; i < count; i++)
		positions[i] = next_random(&seed) % PRESENCE_END;
	qsort(positions, count, sizeof(*positions), compare_positions);
	return positions;
}

static size_t find(const uint64_t *positions, size_t count, uint64_t position)
{
	size_t i = 0;

	for (size_t step = 1UL << 30; step > 0; step /= 2) {
		if (i + step <= count && positions[i + step - 1] < position)
			i += step;
	}
	return i;
}

static size_t count_between(const uint64_t *positions, size_t count,
                            uint64_t from, uint64_t to)
{
	return find(positions, count, to) - find(positions, count, from);
}

/* Lists one range, and what follows from its page. */
/* NOLINTNEXTLINE(misc-no-recursion): of few rounds */
static void list_range(struct trial *t, const struct presence_range *range)
{
	size_t first = find(t->names, t->count, range->from);
	size_t there =
		count_between(t->names, t->count, range->from, range->to);
	size_t fitting = range->page_size / t->per_name;
	struct presence_page page;
	size_t parts;

	t->lists++;
	if (range->round > t->rounds)
		t->rounds = range->round;
	t->brought += t->per_name * (there < fitting ? there : fitting);
	if (there <= fitting)
		return;
	page = (struct presence_page){
		.names = range->page_size,
		.reached = t->names[first + fitting - 1],
	};
	page.wanted = count_between(t->wanted, t->wanted_count, page.reached,
	                            range->to);
	if (page.wanted == 0)
		return;
	parts = presence_plan_rest(range, &page);
	if (parts == 0)
		t->lookups += page.wanted;
	for (size_t i = 0; i < parts; i++) {
		struct presence_range part =
			presence_plan_part(range, &page, parts, i);

		list_range(t, &part);
	}
}

static struct trial try_sizes(size_t count, size_t per_name, size_t wanted)
{
	struct presence_range ranges[PRESENCE_FIRST_MAX];
	struct trial t = {
		.names = make_positions(count, 1),
		.count = count,
		.per_name = per_name,
		.wanted = make_positions(wanted, 2),
		.wanted_count = wanted,
	};
	size_t lists = presence_plan_first(wanted, ranges);

	if (lists == 0)
		t.lookups = wanted;
	for (size_t i = 0; i < lists; i++)
		list_range(&t, &ranges[i]);
	free(t.names);
	free(t.wanted);
	printf("# %zu of %zu (%zu keys each): %zu lists of %zu keys, %zu "
	       "lookups\n",
	       wanted, count, per_name, t.lists, t.brought, t.lookups);
	return t;
}

static void a_usual_cache_is_known_after_one_round(void)
{
	static const struct {
		size_t count;
		size_t per_name;
		size_t wanted;
	} cases[] = {
		{ 0, 1, 400 },      { 2000, 1, 400 },   { 10000, 1, 2000 },
		{ 6700, 2, 2000 },  { 15000, 1, 2000 }, { 10000, 1, 20000 },
		{ 12000, 1, 1000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trial t = try_sizes(cases[i].count, cases[i].per_name,
		                           cases[i].wanted);

		CHECK(t.lists == 32 && t.lookups == 0 && t.rounds == 1);
	}
}

static void a_large_cache_costs_some_lists_and_then_lookups(void)
{
	struct trial t = try_sizes(500000, 1, 2000);

	CHECK(t.lists == 32);
	CHECK(t.lookups > 1500 && t.lookups < 2000);
	t = try_sizes(500000, 1, 400);
	CHECK(t.lists == 32 && t.brought < 10000);
	t = try_sizes(1000000, 2, 2000);
	CHECK(t.lists == 32);
}

static void many_are_listed_even_in_a_large_cache(void)
{
	struct trial t = try_sizes(500000, 1, 20000);

	CHECK(t.lists > 500 && t.lists < 900);
	CHECK(t.lists * LIST_COST + t.lookups < 20000 / 2);
	CHECK(t.rounds <= 3);
	t = try_sizes(60000, 1, 4000);
	CHECK(t.lists < 150 && t.lookups < 200);
}

/* Whatever the sizes: little more than to look up each, and the first lists. */
static void no_sizes_cost_much_more_than_lookups_alone(void)
{
	for (size_t count = 100; count <= 1000000; count *= 10) {
		for (size_t wanted = 100; wanted <= 25600; wanted *= 2) {
			struct trial t = try_sizes(count, 1, wanted);

			CHECK(t.lists * LIST_COST + t.lookups <=
			      32 * LIST_COST + wanted + wanted / 10);
			CHECK(t.lookups <= wanted);
		}
	}
}

static const struct test tests[] = {
	{ "a position is in the order of the keys",
	  a_position_is_in_the_order_of_the_keys },
	{ "a folder is passed over", a_folder_is_passed_over },
	{ "a range is said so that it can be asked for",
	  a_range_is_said_so_that_it_can_be_asked_for },
	{ "few are looked up one by one", few_are_looked_up_one_by_one },
	{ "the first ranges are everything", the_first_ranges_are_everything },
	{ "the rest is listed if that is cheaper",
	  the_rest_is_listed_if_that_is_cheaper },
	{ "a page without progress is not followed by another",
	  a_page_without_progress_is_not_followed_by_another },
	{ "a usual cache is known after one round",
	  a_usual_cache_is_known_after_one_round },
	{ "a large cache costs some lists, and then lookups",
	  a_large_cache_costs_some_lists_and_then_lookups },
	{ "many are listed even in a large cache",
	  many_are_listed_even_in_a_large_cache },
	{ "no sizes cost much more than lookups alone",
	  no_sizes_cost_much_more_than_lookups_alone },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
