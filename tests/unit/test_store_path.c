#include "tests/lib/test.h"

#include "protocol/nix/store_path.h"

#include <errno.h>
#include <string.h>

#define HASH "iccjyqk6fpkd70vm3jh11n3fq25y1fy6"

static bool name_is_valid(const char *name)
{
	char base[1024];

	(void)snprintf(base, sizeof(base), HASH "-%s", name);
	return store_path_base_is_valid(base, strlen(base));
}

static void names_follow_the_newest_nix(void)
{
	static const struct {
		const char *name;
		bool want;
	} cases[] = {
		{ "a", true },
		{ "hello-2.12", true },
		{ "Az09+-._?=", true },
		{ "-", true },
		{ "gtk+3.drv", true },
		{ "", false },
		/* dots before the first dash */
		{ ".", false },
		{ "..", false },
		{ ".-", false },
		{ "..-", false },
		{ ".-a", false },
		{ "..-a", false },
		{ "...", true },
		{ ".a", true },
		{ "..a", true },
		{ ".a-b", true },
		{ "...-a", true },
		{ "a..", true },
		/* characters */
		{ "a/b", false },
		{ "a b", false },
		{ "a\nb", false },
		{ "a%b", false },
		{ "a~b", false },
		{ "a:b", false },
		{ "a;b", false },
		{ "a,b", false },
		{ "a!b", false },
		{ "a@b", false },
		{ "a[b", false },
		{ "a`b", false },
		{ "a{b", false },
		{ "\xc3\xa4", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (name_is_valid(cases[i].name) != cases[i].want)
			test_fail(__FILE__, __LINE__, cases[i].name);
	}
}

static void a_name_has_at_most_211_characters(void)
{
	char name[STORE_PATH_NAME_MAX + 2];

	memset(name, 'a', sizeof(name));
	name[STORE_PATH_NAME_MAX] = '\0';
	CHECK(name_is_valid(name));
	name[STORE_PATH_NAME_MAX] = 'a';
	name[STORE_PATH_NAME_MAX + 1] = '\0';
	CHECK(!name_is_valid(name));
}

static void the_hash_part_is_32_digits_and_a_dash(void)
{
	static const char bad[] = { 'e', 'o', 'u', 't', 'A', '\0', '/' };
	static const char good[] = HASH "-name";
	char base[sizeof(good)];

	for (size_t i = 0; i < 33 * sizeof(bad); i++) {
		memcpy(base, good, sizeof(good));
		base[i / sizeof(bad)] = bad[i % sizeof(bad)];
		CHECK(!store_path_base_is_valid(base, sizeof(good) - 1));
	}
	for (size_t len = 0; len <= 33; len++)
		CHECK(!store_path_base_is_valid(good, len));
	CHECK(store_path_base_is_valid(good, 34));
	/* a NUL is a character like others */
	memcpy(base, good, sizeof(good));
	base[35] = '\0';
	CHECK(!store_path_base_is_valid(base, sizeof(good) - 1));
}

static void a_store_directory_is_absolute_and_normalised(void)
{
	static const struct {
		const char *dir;
		bool want;
	} cases[] = {
		{ "/nix/store", true },
		{ "/a", true },
		{ "/opt/.nix/...", true },
		{ "", false },
		{ "/", false },
		{ "nix/store", false },
		{ "/nix/store/", false },
		{ "//nix/store", false },
		{ "/nix//store", false },
		{ "/nix/./store", false },
		{ "/nix/../store", false },
		{ "/nix/store/..", false },
		{ "/nix/store/.", false },
		{ "/nix store", false },
		{ "/nix\n/store", false },
		{ "/nix;store", false },
		{ "/nix,store", false },
		{ "/n\xc3\xa4x", false },
	};
	char dir[STORE_DIR_MAX + 2];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (store_dir_is_valid(cases[i].dir, strlen(cases[i].dir)) !=
		    cases[i].want)
			test_fail(__FILE__, __LINE__, cases[i].dir);
	}

	memset(dir, 'a', sizeof(dir));
	dir[0] = '/';
	CHECK(store_dir_is_valid(dir, STORE_DIR_MAX));
	CHECK(!store_dir_is_valid(dir, STORE_DIR_MAX + 1));
	CHECK(!store_dir_is_valid("/nix\0store", 10));
}

static void only_an_exact_store_path_is_parsed(void)
{
	static const struct {
		const char *path;
		bool want;
	} cases[] = {
		{ "/nix/store/" HASH "-name", true },
		{ "/nix/store/" HASH "-name/", false },
		{ "/nix/store/" HASH "-name/bin", false },
		{ "/nix/store//" HASH "-name", false },
		{ "/nix/store", false },
		{ "/nix/store/", false },
		{ "/nix/stor/" HASH "-name", false },
		{ "/nix/store2/" HASH "-name", false },
		{ "/nix/store-" HASH "-name", false },
		{ " /nix/store/" HASH "-name", false },
		{ "nix/store/" HASH "-name", false },
		{ HASH "-name", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char base[STORE_PATH_BASE_SIZE] = "untouched";
		int rc = store_path_parse("/nix/store", cases[i].path,
		                          strlen(cases[i].path), base);

		CHECK(rc == (cases[i].want ? 0 : -EINVAL));
		CHECK(strcmp(base,
		             cases[i].want ? HASH "-name" : "untouched") == 0);
	}
}

static void every_truncation_of_a_path_is_refused(void)
{
	static const char path[] = "/nix/store/" HASH "-n";
	char base[STORE_PATH_BASE_SIZE];

	for (size_t len = 0; len < sizeof(path) - 1; len++) {
		CHECK(store_path_parse("/nix/store", path, len, base) ==
		      -EINVAL);
	}
	CHECK(store_path_parse("/nix/store", path, sizeof(path) - 1, base) ==
	      0);
	CHECK(store_path_parse("/nix/store", path, sizeof(path), base) ==
	      -EINVAL);
}

static void the_longest_store_path_fits(void)
{
	char dir[STORE_DIR_MAX + 1], path[STORE_PATH_SIZE + 1];
	char base[STORE_PATH_BASE_SIZE];
	size_t len;

	memset(dir, 'a', sizeof(dir));
	dir[0] = '/';
	dir[STORE_DIR_MAX] = '\0';
	len = (size_t)snprintf(path, sizeof(path), "%s/" HASH "-", dir);
	memset(path + len, 'n', sizeof(path) - len);
	CHECK(store_path_parse(dir, path, STORE_PATH_MAX, base) == 0);
	CHECK(strlen(base) == STORE_PATH_BASE_MAX);
	CHECK(store_path_parse(dir, path, STORE_PATH_MAX + 1, base) == -EINVAL);
}

static void a_path_inside_a_store_path_finds_it(void)
{
	static const struct {
		const char *path;
		bool want;
	} cases[] = {
		{ "/nix/store/" HASH "-name", true },
		{ "/nix/store/" HASH "-name/", true },
		{ "/nix/store/" HASH "-name/bin/x", true },
		{ "/nix/store/" HASH "-name/..x/y..", true },
		{ "/nix/store/" HASH "-name/../other", false },
		{ "/nix/store/" HASH "-name/bin/..", false },
		{ "/nix/store/", false },
		{ "/nix/store", false },
		{ "/nix/store/.links/x", false },
		{ "/nix/store/" HASH "/x", false },
		{ "/nix/store//" HASH "-name", false },
		{ "/home/user/result", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char base[STORE_PATH_BASE_SIZE] = "untouched";
		int rc = store_path_of("/nix/store", cases[i].path, base);

		if (rc != (cases[i].want ? 0 : -EINVAL))
			test_fail(__FILE__, __LINE__, cases[i].path);
		CHECK(strcmp(base,
		             cases[i].want ? HASH "-name" : "untouched") == 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "names follow the newest Nix", names_follow_the_newest_nix },
		{ "a name has at most 211 characters",
		  a_name_has_at_most_211_characters },
		{ "the hash part is 32 digits and a dash",
		  the_hash_part_is_32_digits_and_a_dash },
		{ "a store directory is absolute and normalised",
		  a_store_directory_is_absolute_and_normalised },
		{ "only an exact store path is parsed",
		  only_an_exact_store_path_is_parsed },
		{ "every truncation of a path is refused",
		  every_truncation_of_a_path_is_refused },
		{ "the longest store path fits", the_longest_store_path_fits },
		{ "a path inside a store path finds it",
		  a_path_inside_a_store_path_finds_it },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
