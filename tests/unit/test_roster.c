#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include "client/verify/roster.h"

#include <string.h>

#define GAMMA_PART "iccjyqk6fpkd70vm3jh11n3fq25y1fy6"

static void a_path_is_there_once(void)
{
	struct roster_path *first = NULL, *again = NULL, *other = NULL;
	struct roster roster = { .count = 0 };

	CHECK(roster_add(&roster, GAMMA, strlen(GAMMA), &first) == 0);
	CHECK(roster_add(&roster, GAMMA, strlen(GAMMA), &again) == 0);
	CHECK(roster_add(&roster, ALPHA, strlen(ALPHA), &other) == 0);
	CHECK(first == again && first != other && roster.count == 2);
	CHECK(first->is_named && strcmp(first->base, GAMMA) == 0);
	CHECK(strcmp(first->key, GAMMA_PART ".narinfo") == 0);
	CHECK(first->index == 0 && other->index == 1);
	CHECK(roster.items[1] == other);
	roster_clear(&roster);
	CHECK(roster.count == 0 && !roster.items);
}

static void its_name_may_come_later(void)
{
	struct roster_path *path = NULL, *again = NULL;
	struct roster roster = { .count = 0 };

	CHECK(roster_add(&roster, GAMMA_PART ".narinfo", STORE_PATH_HASH_LEN,
	                 &path) == 0);
	CHECK(!path->is_named && strcmp(path->base, GAMMA_PART) == 0);
	CHECK(strcmp(path->key, GAMMA_PART ".narinfo") == 0);
	CHECK(roster_name(path, GAMMA) == 0 && path->is_named);
	CHECK(roster_add(&roster, GAMMA_PART "-other",
	                 strlen(GAMMA_PART "-other"), &again) == 0);
	CHECK(again == path && strcmp(path->base, GAMMA) == 0);
	roster_clear(&roster);
}

static void paths_keep_their_place(void)
{
	struct roster_path *paths[1000], *found;
	struct roster roster = { .count = 0 };
	char base[64];

	for (size_t i = 0; i < 1000; i++) {
		(void)snprintf(base, sizeof(base), "%032zu-x", i * 7919);
		CHECK(roster_add(&roster, base, strlen(base), &paths[i]) == 0);
	}
	for (size_t i = 0; i < 1000; i++) {
		(void)snprintf(base, sizeof(base), "%032zu-x", i * 7919);
		CHECK(roster_add(&roster, base, strlen(base), &found) == 0);
		CHECK(found == paths[i] && found->index == i);
	}
	CHECK(roster.count == 1000);
	roster_clear(&roster);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a path is there once", a_path_is_there_once },
		{ "its name may come later", its_name_may_come_later },
		{ "paths keep their place", paths_keep_their_place },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
