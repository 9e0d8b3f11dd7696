#include "tests/unit/scope_stage.h"

static void a_charge_is_whole_or_nothing(void)
{
	struct narrow_call narrow = {
		.max_count = 5, .max_bytes = 10, .max_expires = -1, .until = -1
	};
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	s.grant.max_count = 7;
	CHECK(scope_narrow(&s.scope, &s.config, &narrow, &s.error) == CALL_OK);
	CHECK(scope_charge(&s.scope, 5, 10, &s.error) == GATE_PASSED);
	CHECK(s.use.count == 5 && s.use.bytes == 10);
	CHECK(scope_charge(&s.scope, 1, 0, &s.error) == GATE_REFUSED);
	CHECK(scope_charge(&s.scope, 0, 1, &s.error) == GATE_REFUSED);
	CHECK(s.use.count == 5 && s.use.bytes == 10);
	CHECK(s.scope.narrowed_use[0].count == 5);
	scope_clear(&s.scope);
	/* Another connection of the same socket has what is left of it. */
	CHECK(scope_charge(&s.scope, 3, 0, &s.error) == GATE_REFUSED);
	CHECK(strcmp(s.error.text,
	             "scope owner: no more than 7 signatures and URLs") == 0);
	CHECK(scope_charge(&s.scope, 2, 0, &s.error) == GATE_PASSED);
	tear_down(&s);
}

static void no_sum_goes_round(void)
{
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	s.grant.max_bytes = UINT64_MAX - 1;
	CHECK(scope_charge(&s.scope, 1, UINT64_MAX - 2, &s.error) ==
	      GATE_PASSED);
	CHECK(scope_charge(&s.scope, 1, UINT64_MAX, &s.error) == GATE_REFUSED);
	CHECK(scope_charge(&s.scope, 1, 2, &s.error) == GATE_REFUSED);
	CHECK(scope_charge(&s.scope, 1, 1, &s.error) == GATE_PASSED);
	s.grant.max_bytes = GRANT_UNLIMITED;
	CHECK(scope_charge(&s.scope, UINT64_MAX, UINT64_MAX, &s.error) ==
	      GATE_PASSED);
	CHECK(s.use.bytes == UINT64_MAX && s.use.count == UINT64_MAX);
	s.grant.max_count = 1;
	CHECK(scope_charge(&s.scope, 1, 0, &s.error) == GATE_REFUSED);
	tear_down(&s);
}

static struct narrow_call nothing_said(void)
{
	return (struct narrow_call){
		.max_count = -1, .max_bytes = -1, .max_expires = -1, .until = -1
	};
}

/* Only what both scopes give. */
static void check_both(struct stage *s, int permission, enum scope_base base,
                       enum scope_base to)
{
	const char *cells = wanted[row_of(permission)].cells;

	for (size_t kind = 0; kind < OBJECT_KEY_KIND_COUNT; kind++) {
		struct scope_item item = item_for(permission, samples[kind]);
		char cell = cells[cells[0] != '.' ? 0 : kind];

		CHECK(is_given(s, &item) ==
		      (is_wanted(cell, base) && is_wanted(cell, to)));
	}
}

static void check_narrowed(enum scope_base base, enum scope_base to)
{
	struct narrow_call narrow = nothing_said();
	struct stage s;

	set_up(&s, base);
	(void)snprintf(narrow.scope, sizeof(narrow.scope), "%s",
	               scope_base_name(to));
	CHECK(scope_narrow(&s.scope, &s.config, &narrow, &s.error) == CALL_OK);
	for (int p = 0; p < PERMIT_COUNT; p++)
		check_both(&s, p, base, to);
	tear_down(&s);
}

static void narrowing_never_widens(void)
{
	for (int base = 0; base < SCOPE_BASE_COUNT; base++) {
		for (int to = 0; to < SCOPE_BASE_COUNT; to++) {
			check_narrowed((enum scope_base)base,
			               (enum scope_base)to);
		}
	}
}

static void a_narrowing_takes_all_it_names(void)
{
	struct scope_item get =
		item_for(PERMIT_OBJECT + S3_GET_OBJECT, "nix-cache-info");
	struct scope_item sign = item_for(PERMIT_SIGN, "");
	struct narrow_call narrow = nothing_said();
	char name[64];
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	narrow.allow = 1U << get.permission | 1U << PERMIT_SIGN;
	add(&narrow.caches, "one");
	add(&narrow.keys, "nix-*");
	add(&narrow.store_paths, "abc-*");
	CHECK(scope_narrow(&s.scope, &s.config, &narrow, &s.error) == CALL_OK);
	narrow_call_clear(&narrow);
	CHECK(is_given(&s, &get) && is_given(&s, &sign));
	get.key = bytes_of_text(HASH32 ".narinfo");
	CHECK(!is_given(&s, &get));
	sign.store_path = "abd-hello";
	CHECK(!is_given(&s, &sign));
	sign.store_path = "abc-hello";
	sign.cache = 1;
	CHECK(!is_given(&s, &sign));
	scope_describe(&s.scope, name, sizeof(name));
	CHECK(strcmp(name, "owner, narrowed") == 0);
	/* A second layer that names everything gives nothing back. */
	narrow = nothing_said();
	add(&narrow.caches, "one");
	add(&narrow.caches, "two");
	add(&narrow.keys, "*");
	CHECK(scope_narrow(&s.scope, &s.config, &narrow, &s.error) == CALL_OK);
	narrow_call_clear(&narrow);
	CHECK(!is_given(&s, &get) && !is_given(&s, &sign));
	narrow = nothing_said();
	narrow.until = 0;
	sign.cache = 0;
	CHECK(is_given(&s, &sign));
	CHECK(scope_narrow(&s.scope, &s.config, &narrow, &s.error) == CALL_OK);
	CHECK(!is_given(&s, &sign));
	tear_down(&s);
}

static void check_bad(struct narrow_call *narrow, enum varlink_error error,
                      const char *text)
{
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	CHECK(scope_narrow(&s.scope, &s.config, narrow, &s.error) ==
	      CALL_E_REFUSED);
	CHECK(s.error.error == error);
	CHECK(strcmp(s.error.text, text) == 0);
	CHECK(s.scope.narrowed_count == 0);
	narrow_call_clear(narrow);
	tear_down(&s);
}

static void a_narrowing_to_something_unknown_is_refused(void)
{
	struct narrow_call narrow = nothing_said();

	(void)snprintf(narrow.scope, sizeof(narrow.scope), "ci");
	check_bad(&narrow, ERROR_INVALID_PARAMETER, "scope");
	narrow = nothing_said();
	add(&narrow.caches, "one");
	add(&narrow.caches, "three");
	check_bad(&narrow, ERROR_UNKNOWN_CACHE, "three");
	narrow = nothing_said();
	add(&narrow.keys, "nar/[");
	check_bad(&narrow, ERROR_INVALID_PARAMETER, "keys");
	narrow = nothing_said();
	add(&narrow.store_paths, "/nix/store/*");
	check_bad(&narrow, ERROR_INVALID_PARAMETER, "storePaths");
}

static void the_eighth_layer_is_refused(void)
{
	struct narrow_call narrow = nothing_said();
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	for (int i = 0; i < SCOPE_LAYERS_MAX - 1; i++) {
		CHECK(scope_narrow(&s.scope, &s.config, &narrow, &s.error) ==
		      CALL_OK);
	}
	CHECK(scope_narrow(&s.scope, &s.config, &narrow, &s.error) ==
	      CALL_E_REFUSED);
	CHECK(s.error.error == ERROR_POLICY_DENIED);
	tear_down(&s);
}

static const struct test tests[] = {
	{ "a charge is whole or nothing", a_charge_is_whole_or_nothing },
	{ "no sum goes round", no_sum_goes_round },
	{ "narrowing never widens", narrowing_never_widens },
	{ "a narrowing takes all it names", a_narrowing_takes_all_it_names },
	{ "a narrowing to something unknown is refused",
	  a_narrowing_to_something_unknown_is_refused },
	{ "the eighth layer is refused", the_eighth_layer_is_refused },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
