#include "client/push/plan.h"
#include "tests/lib/closure_stage.h"
#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include <stdlib.h>
#include <string.h>

/* 0 <- 1 <- 2, 0 <- 2, 3 alone; each refers to itself. */
static void make_four(struct closure *closure)
{
	closure_stage_make(closure, 4);
	for (size_t i = 0; i < 4; i++)
		closure_stage_refer(closure, i, i);
	closure_stage_refer(closure, 1, 0);
	closure_stage_refer(closure, 2, 0);
	closure_stage_refer(closure, 2, 1);
}

static bool has_dependents(const struct plan_entry *entry, size_t count,
                           const size_t *wanted)
{
	return entry->dependent_count == count &&
	       (count == 0 || memcmp(entry->dependents, wanted,
	                             count * sizeof(*wanted)) == 0);
}

static void each_path_knows_who_waits_for_it(void)
{
	struct closure closure;
	struct plan plan;

	make_four(&closure);
	CHECK(plan_make(&closure, &plan) == 0);
	CHECK(plan_finish(&plan) == 0);
	CHECK(plan.push_count == 4 && plan.nar_bytes == 1 + 2 + 3 + 4);
	CHECK(plan.upstream_count == 0 && plan.present_count == 0);
	CHECK(has_dependents(&plan.entries[0], 2, (size_t[]){ 1, 2 }));
	CHECK(has_dependents(&plan.entries[1], 1, (size_t[]){ 2 }));
	CHECK(has_dependents(&plan.entries[2], 0, NULL));
	CHECK(has_dependents(&plan.entries[3], 0, NULL));
	CHECK(plan.entries[0].unmet == 0 && plan.entries[1].unmet == 1 &&
	      plan.entries[2].unmet == 2 && plan.entries[3].unmet == 0);
	plan_clear(&plan);
	closure_clear(&closure);
}

/* What is there already keeps nobody waiting, and waits for nobody. */
static void only_paths_to_push_are_tied(void)
{
	struct closure closure;
	struct plan plan;

	make_four(&closure);
	CHECK(plan_make(&closure, &plan) == 0);
	plan.entries[0].state = PLAN_UPSTREAM;
	plan.entries[3].state = PLAN_PRESENT;
	CHECK(plan_finish(&plan) == 0);
	CHECK(plan.push_count == 2 && plan.upstream_count == 1 &&
	      plan.present_count == 1 && plan.nar_bytes == 2 + 3);
	CHECK(plan.entries[0].state == PLAN_UPSTREAM &&
	      plan.entries[1].state == PLAN_PUSH &&
	      plan.entries[3].state == PLAN_PRESENT);
	CHECK(has_dependents(&plan.entries[0], 0, NULL));
	CHECK(has_dependents(&plan.entries[1], 1, (size_t[]){ 2 }));
	CHECK(plan.entries[1].unmet == 0 && plan.entries[2].unmet == 1);
	plan_clear(&plan);

	CHECK(plan_make(&closure, &plan) == 0);
	plan.entries[2].state = PLAN_PRESENT;
	CHECK(plan_finish(&plan) == 0);
	CHECK(has_dependents(&plan.entries[0], 1, (size_t[]){ 1 }));
	CHECK(plan.entries[2].unmet == 0);
	plan_clear(&plan);
	closure_clear(&closure);
}

static void an_empty_closure_is_a_plan_too(void)
{
	cleanup_strings struct strings outside = { .items = NULL };
	struct closure closure;
	struct plan plan;
	size_t *order;

	closure_stage_make(&closure, 0);
	CHECK(plan_make(&closure, &plan) == 0);
	CHECK(plan_finish(&plan) == 0);
	CHECK(plan.push_count == 0);
	order = plan_order(&plan);
	CHECK(order != NULL);
	free(order);
	CHECK(plan_outside_references(&plan, &outside) == 0);
	CHECK(outside.count == 0);
	plan_clear(&plan);
	plan_clear(&plan);
	closure_clear(&closure);
}

/* Only of paths to push, each once, in order. */
static void references_outside_the_closure_are_found(void)
{
	cleanup_strings struct strings outside = { .items = NULL };
	char nine[STORE_PATH_BASE_SIZE], seven[STORE_PATH_BASE_SIZE];
	struct closure closure;
	struct plan plan;

	make_four(&closure);
	closure_stage_refer(&closure, 1, 9);
	closure_stage_refer(&closure, 1, 7);
	closure_stage_refer(&closure, 2, 9);
	closure_stage_refer(&closure, 3, 8); /* present: nobody's care */
	CHECK(plan_make(&closure, &plan) == 0);
	plan.entries[3].state = PLAN_PRESENT;
	CHECK(plan_finish(&plan) == 0);
	CHECK(plan_outside_references(&plan, &outside) == 0);
	closure_stage_name(7, seven);
	closure_stage_name(9, nine);
	CHECK(outside.count == 2);
	CHECK(strcmp(outside.items[0], seven) == 0);
	CHECK(strcmp(outside.items[1], nine) == 0);
	plan_clear(&plan);
	closure_clear(&closure);
}

static void the_largest_come_first_and_ties_in_their_order(void)
{
	static const uint64_t sizes[] = { 5, UINT64_MAX, 7, 5, 0, 7, 1 };
	static const size_t expected[] = { 1, 2, 5, 0, 3, 4 };
	struct closure closure;
	struct plan plan;
	size_t *order;

	closure_stage_make(&closure, 7);
	for (size_t i = 0; i < 7; i++)
		closure.paths[i].nar_size = sizes[i];
	CHECK(plan_make(&closure, &plan) == 0);
	plan.entries[6].state = PLAN_PRESENT;
	CHECK(plan_finish(&plan) == 0);
	order = plan_order(&plan);
	CHECK(plan.push_count == 6);
	CHECK(memcmp(order, expected, sizeof(expected)) == 0);
	free(order);
	plan_clear(&plan);
	closure_clear(&closure);
}

static const struct test tests[] = {
	{ "each path knows who waits for it",
	  each_path_knows_who_waits_for_it },
	{ "only paths to push are tied", only_paths_to_push_are_tied },
	{ "an empty closure is a plan too", an_empty_closure_is_a_plan_too },
	{ "references outside the closure are found",
	  references_outside_the_closure_are_found },
	{ "the largest come first, and ties in their order",
	  the_largest_come_first_and_ties_in_their_order },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
