#include "agent/door/scope/scope.h"
#include "agent/pattern.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH32 "0123456789abcdfghijklmnpqrsvwxyz"
#define HASH40 "0123456789abcdef0123456789abcdef01234567"
#define HASH52 "0123456789abcdfghijklmnpqrsvwxyz01234567890123456789"
#define HASH64 \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW 1000000

/* What is wanted, written out once more and in another way than the table: for
 * each permission a letter for each kind: '.' nobody, 'o' the owner, 'w' owner
 * and push, 'a' all three. */
static const char kinds[] = "-INLnbdRT";
static const struct {
	const char *permission;
	const char *cells; /* in the order of kinds */
} wanted[] = {
	{ "Unlock", "a........" },
	{ "Lock", "o........" },
	{ "Quit", "o........" },
	{ "Sign", "w........" },
	{ "GetObject", ".aaaaaaaa" },
	{ "HeadObject", ".aaaaaaaa" },
	{ "PutObject", ".wwwwwwww" },
	{ "ListObjectsV2", "a........" },
	{ "CreateMultipartUpload", ".oowwwwoo" },
	{ "UploadPart", ".oowwwwoo" },
	{ "CompleteMultipartUpload", ".oowwwwoo" },
	{ "AbortMultipartUpload", ".oowwwwoo" },
	{ "ListParts", ".oowwwwoo" },
	{ "ListMultipartUploads", "w........" },
	{ "DeleteObject", ".oooooooo" },
};

/* A key of each kind. */
static const char *const samples[] = {
	"",
	"nix-cache-info",
	HASH32 ".narinfo",
	HASH32 ".ls",
	"nar/" HASH52 ".nar.zst",
	"log/" HASH32 "-a.drv",
	"debuginfo/" HASH40 ".debug",
	"realisations/sha256:" HASH64 "!out.doi",
	"build-trace-v2/" HASH32 "-a.drv/out.doi",
};

struct stage {
	struct grant grant;
	struct scope_use use;
	struct scope scope;
	struct config_cache caches[2];
	struct config config;
	struct error_reply error;
};

static void set_up(struct stage *s, enum scope_base base)
{
	static char first[] = "one", second[] = "two";

	*s = (struct stage){ .use = { 0 } };
	grant_init(&s->grant, base);
	s->scope = (struct scope){
		.socket = &s->grant,
		.socket_use = &s->use,
		.name = scope_base_name(base),
	};
	s->caches[0].name = first;
	s->caches[1].name = second;
	s->config = (struct config){ .caches = s->caches, .cache_count = 2 };
}

static void tear_down(struct stage *s)
{
	scope_clear(&s->scope);
	grant_clear(&s->grant);
}

static struct scope_item item_for(int permission, const char *key)
{
	return (struct scope_item){
		.permission = (enum permission)permission,
		.cache = permission < PERMIT_SIGN ? SCOPE_NO_CACHE : 0,
		.cache_name = "one",
		.key = bytes_of_text(key),
		.store_path = "abc-hello",
	};
}

static bool is_given(struct stage *s, const struct scope_item *item)
{
	return scope_decide(&s->scope, item, NOW, &s->error) == GATE_PASSED;
}

static bool is_wanted(char cell, enum scope_base base)
{
	switch (cell) {
	case 'a':
		return true;
	case 'w':
		return base != SCOPE_PULL;
	case 'o':
		return base == SCOPE_OWNER;
	default:
		return false;
	}
}

static size_t row_of(int permission)
{
	const char *name = permission_name((enum permission)permission);

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (strcmp(wanted[i].permission, name) == 0)
			return i;
	}
	(void)printf("# %s is in no row of this test\n", name);
	CHECK(false);
	return 0;
}

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

/* The same through the door's question, with a key of each kind: what a
 * listing is for has no kind. */
static void every_decision_is_as_written(void)
{
	for (int base = 0; base < SCOPE_BASE_COUNT; base++) {
		struct stage s;

		set_up(&s, (enum scope_base)base);
		for (int p = PERMIT_OBJECT; p < PERMIT_COUNT; p++) {
			const char *cells = wanted[row_of(p)].cells;

			for (size_t k = 0; k < OBJECT_KEY_KIND_COUNT; k++) {
				struct scope_item item =
					item_for(p, samples[k]);
				bool is_list = cells[0] != '.';

				CHECK(is_given(&s, &item) ==
				      is_wanted(cells[is_list ? 0 : k],
				                (enum scope_base)base));
			}
		}
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

static void add(struct strings *list, const char *text)
{
	if (strings_add(list, text, strlen(text)) < 0)
		abort();
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

static void narrowing_never_widens(void)
{
	for (int base = 0; base < SCOPE_BASE_COUNT; base++) {
		for (int to = 0; to < SCOPE_BASE_COUNT; to++) {
			struct narrow_call narrow = nothing_said();
			struct stage s;

			set_up(&s, (enum scope_base)base);
			(void)snprintf(narrow.scope, sizeof(narrow.scope), "%s",
			               scope_base_name((enum scope_base)to));
			CHECK(scope_narrow(&s.scope, &s.config, &narrow,
			                   &s.error) == CALL_OK);
			for (int p = 0; p < PERMIT_COUNT; p++) {
				const char *cells = wanted[row_of(p)].cells;

				for (size_t k = 0; k < OBJECT_KEY_KIND_COUNT;
				     k++) {
					struct scope_item item =
						item_for(p, samples[k]);
					size_t at = cells[0] != '.' ? 0 : k;

					CHECK(is_given(&s, &item) ==
					      (is_wanted(
						       cells[at],
						       (enum scope_base)base) &&
					       is_wanted(cells[at],
					                 (enum scope_base)to)));
				}
			}
			tear_down(&s);
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
