#include "client/push/plan.h"
#include "tests/lib/closure_stage.h"
#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include <stdlib.h>
#include <string.h>

static void add(struct strings *list, const char *text)
{
	if (strings_add(list, text, strlen(text)) < 0)
		abort();
}

/* What FINGERPRINT says. */
static void make_gamma(struct path_info *info)
{
	*info = (struct path_info){ .base = GAMMA, .nar_size = 272 };
	CHECK(nix_hash_parse("sha256:" GAMMA_NAR, strlen("sha256:" GAMMA_NAR),
	                     &info->nar_hash) == 0);
	add(&info->references, GAMMA);
	add(&info->references, ALPHA);
	add(&info->references, BETA);
}

/* Whether the path is upstream's with these signatures and keys ("": none,
 * NULL: the end). */
static bool is_upstream(const struct path_info *info, const char *signature,
                        const char *key)
{
	cleanup_strings struct strings keys = { .items = NULL };
	struct path_info copy = *info;
	bool is_so;

	copy.signatures = (struct strings){ .items = NULL };
	if (signature[0] != '\0')
		add(&copy.signatures, signature);
	if (key[0] != '\0')
		add(&keys, key);
	is_so = plan_is_upstream(&copy, STORE_DIR_DEFAULT, &keys);
	strings_clear(&copy.signatures);
	return is_so;
}

static void upstream_is_who_signed_well_and_not_who_is_named(void)
{
	struct path_info gamma;

	make_gamma(&gamma);
	CHECK(is_upstream(&gamma, SIGNATURE_1, KEY_1));
	CHECK(is_upstream(&gamma, SIGNATURE_2, KEY_2));
	CHECK(!is_upstream(&gamma, SIGNATURE_1, KEY_2));
	CHECK(!is_upstream(&gamma, "", KEY_1));
	CHECK(!is_upstream(&gamma, SIGNATURE_1, ""));
	/* the right name over another's signature */
	CHECK(!is_upstream(&gamma,
	                   KEY_NAME
	                   ":" /* of the other key */
	                   "SezOEA5sjPU4tjY0RyJRCXgsUXBj5nCVc85KO1I33R7cqPws"
	                   "fGFE7auctoABJXuMeXmrqYkpnsWDobj1tkahDg==",
	                   KEY_1));
	/* the right signature under another's name */
	CHECK(!is_upstream(&gamma, "other-key-2:" SIG64, KEY_1));
	CHECK(!is_upstream(&gamma, "other-key-2:" SIG64, KEY_2));
	CHECK(!is_upstream(&gamma, KEY_NAME, KEY_1));
	CHECK(!is_upstream(&gamma, KEY_NAME ":", KEY_1));
	CHECK(!is_upstream(&gamma, SIGNATURE_1, KEY_NAME));
	path_info_clear(&gamma);
}

static void a_signature_is_about_every_field(void)
{
	struct path_info gamma;

	make_gamma(&gamma);
	gamma.nar_size++;
	CHECK(!is_upstream(&gamma, SIGNATURE_1, KEY_1));
	gamma.nar_size--;
	gamma.nar_hash.sha256[31] ^= 1;
	CHECK(!is_upstream(&gamma, SIGNATURE_1, KEY_1));
	gamma.nar_hash.sha256[31] ^= 1;
	gamma.base[0] = gamma.base[0] == '0' ? '1' : '0';
	CHECK(!is_upstream(&gamma, SIGNATURE_1, KEY_1));
	path_info_clear(&gamma);

	make_gamma(&gamma);
	free(gamma.references.items[--gamma.references.count]);
	CHECK(!is_upstream(&gamma, SIGNATURE_1, KEY_1));
	path_info_clear(&gamma);
}

static void one_good_signature_among_many_is_enough(void)
{
	cleanup_strings struct strings keys = { .items = NULL };
	struct path_info gamma;

	make_gamma(&gamma);
	add(&gamma.signatures, "nonsense");
	add(&gamma.signatures, "other-key-2:" SIG64);
	add(&gamma.signatures, SIGNATURE_1);
	add(&keys, "nonsense");
	add(&keys, KEY_2);
	CHECK(!plan_is_upstream(&gamma, STORE_DIR_DEFAULT, &keys));
	add(&keys, KEY_1);
	CHECK(plan_is_upstream(&gamma, STORE_DIR_DEFAULT, &keys));
	CHECK(!plan_is_upstream(&gamma, "/other/store", &keys));
	path_info_clear(&gamma);
}

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
	{ "upstream is who signed well, and not who is named",
	  upstream_is_who_signed_well_and_not_who_is_named },
	{ "a signature is about every field",
	  a_signature_is_about_every_field },
	{ "one good signature among many is enough",
	  one_good_signature_among_many_is_enough },
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
