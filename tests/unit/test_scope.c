#include "tests/unit/scope_stage.h"

static unsigned wrong_cells(enum scope_base base, int permission)
{
	const char *cells = wanted[row_of(permission)].cells;
	unsigned wrong = 0;

	for (size_t kind = 0; kind < OBJECT_KEY_KIND_COUNT; kind++) {
		const enum permission p = (enum permission)permission;
		bool want = is_wanted(cells[kind], base);

		if (scope_table_allows(base, p, (enum object_key_kind)kind) !=
		            want ||
		    !scope_table_is_decided(p, (enum object_key_kind)kind)) {
			(void)printf("# %s %s %c: not as written\n",
			             scope_base_name(base), permission_name(p),
			             kinds[kind]);
			wrong++;
		}
	}
	return wrong;
}

static void every_cell_is_as_written(void)
{
	unsigned walked = 0, wrong = 0;

	CHECK(strlen(kinds) == OBJECT_KEY_KIND_COUNT);
	CHECK(sizeof(wanted) / sizeof(wanted[0]) == PERMIT_COUNT);
	for (int base = 0; base < SCOPE_BASE_COUNT; base++) {
		for (int p = 0; p < PERMIT_COUNT; p++) {
			CHECK(strlen(wanted[row_of(p)].cells) ==
			      OBJECT_KEY_KIND_COUNT);
			wrong += wrong_cells((enum scope_base)base, p);
			walked += OBJECT_KEY_KIND_COUNT;
		}
	}
	(void)printf("# %u cells\n", walked);
	CHECK(wrong == 0);
	CHECK(!scope_table_allows(SCOPE_BASE_COUNT, PERMIT_UNLOCK,
	                          OBJECT_KEY_INVALID));
	CHECK(!scope_table_allows(SCOPE_OWNER, PERMIT_COUNT,
	                          OBJECT_KEY_INVALID));
}

/* With a key of each kind: what a listing is for has no kind. */
static void check_decisions(struct stage *s, enum scope_base base,
                            int permission)
{
	const char *cells = wanted[row_of(permission)].cells;

	for (size_t kind = 0; kind < OBJECT_KEY_KIND_COUNT; kind++) {
		struct scope_item item = item_for(permission, samples[kind]);
		char cell = cells[cells[0] != '.' ? 0 : kind];

		CHECK(is_given(s, &item) == is_wanted(cell, base));
	}
}

/* The same through the door's question. */
static void every_decision_is_as_written(void)
{
	for (int base = 0; base < SCOPE_BASE_COUNT; base++) {
		struct stage s;

		set_up(&s, (enum scope_base)base);
		for (int p = PERMIT_OBJECT; p < PERMIT_COUNT; p++)
			check_decisions(&s, (enum scope_base)base, p);
		tear_down(&s);
	}
}

static void a_refusal_names_scope_and_lack(void)
{
	struct scope_item item =
		item_for(PERMIT_OBJECT + S3_PUT_OBJECT, HASH32 ".narinfo");
	struct stage s;

	set_up(&s, SCOPE_PULL);
	s.scope.name = "ci";
	CHECK(!is_given(&s, &item));
	CHECK(s.error.error == ERROR_POLICY_DENIED);
	CHECK(strcmp(s.error.text, "scope ci: no PutObject of narinfos") == 0);
	item = item_for(PERMIT_SIGN, "");
	CHECK(!is_given(&s, &item));
	CHECK(s.error.error == ERROR_PERMISSION_DENIED);
	item = item_for(PERMIT_LOCK, "");
	CHECK(!is_given(&s, &item));
	CHECK(s.error.error == ERROR_PERMISSION_DENIED);
	tear_down(&s);
}

static void an_allow_list_only_takes_away(void)
{
	struct scope_item get =
		item_for(PERMIT_OBJECT + S3_GET_OBJECT, "nix-cache-info");
	struct scope_item put =
		item_for(PERMIT_OBJECT + S3_PUT_OBJECT, "nix-cache-info");
	struct scope_item sign = item_for(PERMIT_SIGN, "");
	struct stage s;

	set_up(&s, SCOPE_PULL);
	s.grant.allow = 1U << put.permission | 1U << sign.permission;
	CHECK(!is_given(&s, &get));
	CHECK(!is_given(&s, &put));
	CHECK(!is_given(&s, &sign));
	s.grant.base = SCOPE_PUSH;
	CHECK(!is_given(&s, &get));
	CHECK(is_given(&s, &put));
	CHECK(is_given(&s, &sign));
	tear_down(&s);
}

static void a_cache_that_is_not_named_is_refused(void)
{
	struct scope_item item = item_for(PERMIT_SIGN, "");
	struct scope_item unlock = item_for(PERMIT_UNLOCK, "");
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	s.grant.caches = 1U << 1;
	CHECK(!is_given(&s, &item));
	CHECK(strcmp(s.error.text, "scope owner: no cache one") == 0);
	item.cache = 1;
	CHECK(is_given(&s, &item));
	item.cache = AGENT_CACHES_MAX + 1; /* the shift would go round */
	CHECK(!is_given(&s, &item));
	CHECK(is_given(&s, &unlock));
	tear_down(&s);
}

static void keys_and_store_paths_must_match(void)
{
	struct scope_item item =
		item_for(PERMIT_OBJECT + S3_GET_OBJECT, "nar/" HASH52 ".nar");
	struct scope_item sign = item_for(PERMIT_SIGN, "");
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	add(&s.grant.keys, "*.narinfo");
	CHECK(!is_given(&s, &item));
	CHECK(is_given(&s, &sign));
	add(&s.grant.keys, "nar/*");
	CHECK(is_given(&s, &item));
	add(&s.grant.store_paths, "*-hullo");
	CHECK(!is_given(&s, &sign));
	CHECK(strcmp(s.error.text, "scope owner: no Sign of abc-hello") == 0);
	add(&s.grant.store_paths, "*-hello");
	CHECK(is_given(&s, &sign));
	tear_down(&s);
}

/* One pattern must match all that a listing can show. */
static void a_listing_shows_no_more_than_the_keys(void)
{
	static const int lists[] = { S3_LIST_OBJECTS_V2,
		                     S3_LIST_MULTIPART_UPLOADS };
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	add(&s.grant.keys, "nar/*");
	add(&s.grant.keys, "*.narinfo");
	for (size_t i = 0; i < 2; i++) {
		struct scope_item item = item_for(PERMIT_OBJECT + lists[i], "");

		CHECK(!is_given(&s, &item));
		item.key = bytes_of_text("na");
		CHECK(!is_given(&s, &item));
		item.key = bytes_of_text(HASH32 ".narinfo");
		CHECK(!is_given(&s, &item));
		item.key = bytes_of_text("log/");
		CHECK(!is_given(&s, &item));
		item.key = bytes_of_text("nar/");
		CHECK(is_given(&s, &item));
		item.key = bytes_of_text("nar/0a");
		CHECK(is_given(&s, &item));
	}
	tear_down(&s);
}

static void a_url_lasts_no_longer_than_given(void)
{
	struct scope_item item =
		item_for(PERMIT_OBJECT + S3_GET_OBJECT, "nix-cache-info");
	struct narrow_call narrow = {
		.max_count = -1, .max_bytes = -1, .max_expires = 60, .until = -1
	};
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	CHECK(scope_expires(&s.scope) == S3_EXPIRES_USUAL);
	s.grant.max_expires = 100;
	CHECK(scope_expires(&s.scope) == 100);
	CHECK(scope_narrow(&s.scope, &s.config, &narrow, &s.error) == CALL_OK);
	CHECK(scope_expires(&s.scope) == 60);
	CHECK(!is_given(&s, &item)); /* the usual would be longer */
	item.expires = 60;
	CHECK(is_given(&s, &item));
	item.expires = 61;
	CHECK(!is_given(&s, &item));
	tear_down(&s);
}

static void nothing_is_given_from_until_on(void)
{
	struct scope_item item = item_for(PERMIT_UNLOCK, "");
	struct stage s;

	set_up(&s, SCOPE_OWNER);
	s.grant.until = NOW;
	CHECK(scope_decide(&s.scope, &item, NOW - 1, &s.error) == GATE_PASSED);
	CHECK(scope_decide(&s.scope, &item, NOW, &s.error) == GATE_REFUSED);
	CHECK(s.error.error == ERROR_POLICY_DENIED);
	CHECK(strcmp(s.error.text,
	             "scope owner: it ended 1970-01-12T13:46:40Z") == 0);
	tear_down(&s);
}

static const struct test tests[] = {
	{ "every cell is as written", every_cell_is_as_written },
	{ "every decision is as written", every_decision_is_as_written },
	{ "a refusal names scope and lack", a_refusal_names_scope_and_lack },
	{ "an allow list only takes away", an_allow_list_only_takes_away },
	{ "a cache that is not named is refused",
	  a_cache_that_is_not_named_is_refused },
	{ "keys and store paths must match", keys_and_store_paths_must_match },
	{ "a listing shows no more than the keys",
	  a_listing_shows_no_more_than_the_keys },
	{ "a url lasts no longer than given",
	  a_url_lasts_no_longer_than_given },
	{ "nothing is given from until on", nothing_is_given_from_until_on },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
