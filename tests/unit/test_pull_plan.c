#include "client/pull/pull_plan.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_COUNT 200

/* "000...00a-name": valid base names, in the order of their letters. */
static const char *base_of(unsigned number)
{
	static char text[STORE_PATH_BASE_SIZE];

	(void)snprintf(text, sizeof(text), "%032u-path-%u", number, number);
	return text;
}

static struct pull_path *add(struct pull_paths *paths, unsigned number,
                             enum pull_state state, uint64_t nar_size)
{
	struct pull_path *path;

	if (pull_paths_add(paths, base_of(number), &path) < 0)
		abort();
	path->state = state;
	path->info = calloc(1, sizeof(*path->info));
	if (!path->info)
		abort();
	path->info->path.nar_size = nar_size;
	return path;
}

static void refer(struct pull_path *path, unsigned number)
{
	const char *base = base_of(number);

	if (strings_add(&path->info->path.references, base, strlen(base)) < 0)
		abort();
}

static size_t place_of(const struct pull_plan *plan, size_t index)
{
	size_t at = 0;

	while (at < plan->count && plan->order[at] != index)
		at++;
	return at;
}

static void a_path_is_kept_once_and_found_again(void)
{
	cleanup_pull_paths struct pull_paths paths = { .count = 0 };
	struct pull_path *first, *again;

	for (unsigned i = 0; i < 1000; i++)
		(void)add(&paths, i, PULL_NEW, 0);
	first = pull_paths_find(&paths, base_of(7));
	CHECK(first && first->index == 7 && paths.items[7] == first);
	CHECK(first && first->referrer == PULL_NO_PATH);
	CHECK(pull_paths_add(&paths, base_of(7), &again) == 0);
	CHECK(again == first && paths.count == 1000);
	CHECK(!pull_paths_find(&paths, base_of(1000)));
	CHECK(strcmp(first->key, "00000000000000000000000000000007.narinfo") ==
	      0);
	CHECK(pull_paths_count(&paths, PULL_NEW) == 1000);
	CHECK(pull_paths_count(&paths, PULL_VALID) == 0);
}

static void nothing_makes_an_empty_plan(void)
{
	cleanup_pull_plan struct pull_plan plan = { .count = 1 };
	struct pull_paths paths = { .count = 0 };
	size_t culprit;

	CHECK(pull_plan_make(&paths, &plan, &culprit) == 0);
	CHECK(plan.count == 0 && plan.nar_bytes == 0);
}

/* 2 -> 1 -> 0, told in any order. */
static void references_come_first(void)
{
	cleanup_pull_paths struct pull_paths paths = { .count = 0 };
	cleanup_pull_plan struct pull_plan plan = { .count = 0 };
	struct pull_path *top = add(&paths, 2, PULL_FOUND, 10);
	struct pull_path *leaf = add(&paths, 0, PULL_FOUND, 30);
	struct pull_path *middle = add(&paths, 1, PULL_FOUND, 20);
	size_t culprit;

	refer(top, 0);
	refer(top, 1);
	refer(middle, 0);
	CHECK(pull_plan_make(&paths, &plan, &culprit) == 0);
	CHECK(plan.count == 3 && plan.nar_bytes == 60);
	CHECK(plan.order[0] == leaf->index && plan.order[1] == middle->index &&
	      plan.order[2] == top->index);
	CHECK(plan.unmet[top->index] == 2 && plan.unmet[middle->index] == 1 &&
	      plan.unmet[leaf->index] == 0);
	CHECK(plan.first[leaf->index + 1] - plan.first[leaf->index] == 2);
	CHECK(plan.first[top->index + 1] - plan.first[top->index] == 0);
	CHECK(plan.dependents[plan.first[middle->index]] == top->index);
}

static void a_path_may_refer_to_itself(void)
{
	cleanup_pull_paths struct pull_paths paths = { .count = 0 };
	cleanup_pull_plan struct pull_plan plan = { .count = 0 };
	size_t culprit;

	refer(add(&paths, 0, PULL_FOUND, 1), 0);
	CHECK(pull_plan_make(&paths, &plan, &culprit) == 0);
	CHECK(plan.count == 1 && plan.unmet[0] == 0);
}

static void what_is_valid_is_not_waited_for(void)
{
	cleanup_pull_paths struct pull_paths paths = { .count = 0 };
	cleanup_pull_plan struct pull_plan plan = { .count = 0 };
	struct pull_path *top = add(&paths, 0, PULL_FOUND, 5);
	size_t culprit;

	(void)add(&paths, 1, PULL_VALID, 0);
	refer(top, 1);
	refer(top, 2); /* never looked for, as with --no-closure */
	CHECK(pull_plan_make(&paths, &plan, &culprit) == 0);
	CHECK(plan.count == 1 && plan.order[0] == 0 && plan.unmet[0] == 0);
}

/* It is in nobody's order, and who needs it waits. */
static void what_the_cache_lacks_is_waited_for(void)
{
	cleanup_pull_paths struct pull_paths paths = { .count = 0 };
	cleanup_pull_plan struct pull_plan plan = { .count = 0 };
	size_t culprit;

	refer(add(&paths, 0, PULL_FOUND, 5), 1);
	(void)add(&paths, 1, PULL_ABSENT, 0);
	CHECK(pull_plan_make(&paths, &plan, &culprit) == 0);
	CHECK(plan.count == 1 && plan.unmet[0] == 1);
	CHECK(plan.first[2] - plan.first[1] == 1 &&
	      plan.dependents[plan.first[1]] == 0);
}

static void large_paths_come_early_and_with_them_what_they_need(void)
{
	cleanup_pull_paths struct pull_paths paths = { .count = 0 };
	cleanup_pull_plan struct pull_plan plan = { .count = 0 };
	struct pull_path *small = add(&paths, 0, PULL_FOUND, 1000);
	struct pull_path *large = add(&paths, 1, PULL_FOUND, 1 << 30);
	struct pull_path *tiny = add(&paths, 2, PULL_FOUND, 1);
	size_t culprit;

	refer(large, 2);
	CHECK(pull_plan_make(&paths, &plan, &culprit) == 0);
	CHECK(plan.order[0] == tiny->index && plan.order[1] == large->index &&
	      plan.order[2] == small->index);
}

/* Sizes that a cache makes up cannot turn the order over. */
static void sizes_without_measure_do_not_overflow(void)
{
	cleanup_pull_paths struct pull_paths paths = { .count = 0 };
	cleanup_pull_plan struct pull_plan plan = { .count = 0 };
	size_t culprit;

	for (unsigned i = 0; i < 64; i++) {
		struct pull_path *path =
			add(&paths, i, PULL_FOUND, UINT64_MAX - i);

		if (i > 0)
			refer(path, i - 1);
	}
	CHECK(pull_plan_make(&paths, &plan, &culprit) == 0);
	for (size_t i = 0; i < plan.count; i++)
		CHECK(plan.order[i] == i);
	CHECK(plan.nar_bytes == UINT64_MAX);
}

/* 0 and 1 are below the circle of 2, 3 and 4; 5 is above it. */
static void a_circle_is_refused_and_one_of_it_named(void)
{
	cleanup_pull_paths struct pull_paths paths = { .count = 0 };
	struct pull_plan plan = { .count = 99 };
	size_t culprit = 99;

	(void)add(&paths, 0, PULL_FOUND, 1);
	refer(add(&paths, 1, PULL_FOUND, 1), 0);
	for (unsigned i = 2; i <= 4; i++) {
		struct pull_path *path = add(&paths, i, PULL_FOUND, 1);

		refer(path, 1);
		refer(path, i == 4 ? 2 : i + 1);
	}
	refer(add(&paths, 5, PULL_FOUND, 1), 2);
	CHECK(pull_plan_make(&paths, &plan, &culprit) == -ELOOP);
	CHECK(culprit >= 2 && culprit <= 4);
	CHECK(plan.count == 99);
}

static void check_order(const struct pull_paths *paths,
                        const struct pull_plan *plan)
{
	for (size_t i = 0; i < paths->count; i++) {
		size_t unmet = 0;
		const struct strings *references =
			&paths->items[i]->info->path.references;

		for (size_t k = 0; k < references->count; k++) {
			const struct pull_path *to =
				pull_paths_find(paths, references->items[k]);

			if (to->index == i)
				continue;
			unmet++;
			CHECK(place_of(plan, to->index) < place_of(plan, i));
		}
		CHECK(plan->unmet[i] == unmet);
	}
}

static void any_order_of_discovery_gives_a_right_one(void)
{
	unsigned random = 1;

	for (int round = 0; round < 5; round++) {
		cleanup_pull_paths struct pull_paths paths = { .count = 0 };
		cleanup_pull_plan struct pull_plan plan = { .count = 0 };
		size_t culprit;

		/* Added with the largest number first; each refers to smaller
		 * numbers only. */
		for (unsigned i = RANDOM_COUNT; i-- > 0;) {
			struct pull_path *path;

			random = random * 1103515245U + 12345U;
			path = add(&paths, i, PULL_FOUND, random >> 8);
			if (i == 0)
				continue;
			refer(path, i / 2);
			if (random % i != i / 2)
				refer(path, random % i);
		}
		CHECK(pull_plan_make(&paths, &plan, &culprit) == 0);
		CHECK(plan.count == RANDOM_COUNT);
		check_order(&paths, &plan);
	}
}

static const struct test tests[] = {
	{ "a path is kept once and found again",
	  a_path_is_kept_once_and_found_again },
	{ "nothing makes an empty plan", nothing_makes_an_empty_plan },
	{ "references come first", references_come_first },
	{ "a path may refer to itself", a_path_may_refer_to_itself },
	{ "what is valid is not waited for", what_is_valid_is_not_waited_for },
	{ "what the cache lacks is waited for",
	  what_the_cache_lacks_is_waited_for },
	{ "large paths come early, and with them what they need",
	  large_paths_come_early_and_with_them_what_they_need },
	{ "sizes without measure do not overflow",
	  sizes_without_measure_do_not_overflow },
	{ "a circle is refused, and one of it named",
	  a_circle_is_refused_and_one_of_it_named },
	{ "any order of discovery gives a right one",
	  any_order_of_discovery_gives_a_right_one },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
