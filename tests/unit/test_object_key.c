#include "tests/lib/test.h"

#include "protocol/s3/object_key.h"

#include <string.h>

#define HASH32 "0123456789abcdfghijklmnpqrsvwxyz"
#define HASH52 HASH32 "0123456789abcdfghijk"
#define HEX40  "0123456789abcdef0123456789abcdef01234567"
#define HEX64                              \
	"0123456789abcdef0123456789abcdef" \
	"0123456789abcdef0123456789abcdef"
#define DRV HASH32 "-hello-2.12.1.drv"

static const struct {
	const char *key;
	enum object_key_kind kind;
} cases[] = {
	{ "nix-cache-info", OBJECT_KEY_CACHE_INFO },
	{ HASH32 ".narinfo", OBJECT_KEY_NARINFO },
	{ HASH32 ".ls", OBJECT_KEY_LISTING },
	{ "nar/" HASH52 ".nar", OBJECT_KEY_NAR },
	{ "nar/" HASH52 ".nar.xz", OBJECT_KEY_NAR },
	{ "nar/" HASH52 ".nar.bz2", OBJECT_KEY_NAR },
	{ "nar/" HASH52 ".nar.zst", OBJECT_KEY_NAR },
	{ "nar/" HASH52 ".nar.lzip", OBJECT_KEY_NAR },
	{ "nar/" HASH52 ".nar.lz4", OBJECT_KEY_NAR },
	{ "nar/" HASH52 ".nar.br", OBJECT_KEY_NAR },
	{ "nar/" HASH52 ".nar.gz", OBJECT_KEY_NAR },
	{ "log/" DRV, OBJECT_KEY_LOG },
	{ "log/" HASH32 "-a+b?c=d_e.f.drv", OBJECT_KEY_LOG },
	{ "debuginfo/" HEX40, OBJECT_KEY_DEBUG_INFO },
	{ "debuginfo/" HEX40 ".debug", OBJECT_KEY_DEBUG_INFO },
	{ "realisations/sha256:" HEX64 "!out.doi", OBJECT_KEY_REALISATION },
	{ "realisations/sha256:" HEX64 "!dev-doc.doi", OBJECT_KEY_REALISATION },
	{ "build-trace-v2/" DRV "/out.doi", OBJECT_KEY_BUILD_TRACE },
	{ "build-trace-v2/" DRV "/a.doi.doi", OBJECT_KEY_BUILD_TRACE },

	/* Nothing, too little, too much. */
	{ "", OBJECT_KEY_INVALID },
	{ "nix-cache-inf", OBJECT_KEY_INVALID },
	{ "nix-cache-info2", OBJECT_KEY_INVALID },
	{ "nix-cache-info/", OBJECT_KEY_INVALID },
	{ "/nix-cache-info", OBJECT_KEY_INVALID },
	{ "Nix-cache-info", OBJECT_KEY_INVALID },
	{ "index.html", OBJECT_KEY_INVALID },
	{ "log/", OBJECT_KEY_INVALID },
	{ "nar/", OBJECT_KEY_INVALID },

	/* Digits: too few, too many, the wrong ones. */
	{ "123456789abcdfghijklmnpqrsvwxyz.narinfo", OBJECT_KEY_INVALID },
	{ "0" HASH32 ".narinfo", OBJECT_KEY_INVALID },
	{ "e123456789abcdfghijklmnpqrsvwxyz.narinfo", OBJECT_KEY_INVALID },
	{ "A123456789abcdfghijklmnpqrsvwxyz.narinfo", OBJECT_KEY_INVALID },
	{ HASH32 ".narinf", OBJECT_KEY_INVALID },
	{ HASH32 ".narinfo.xz", OBJECT_KEY_INVALID },
	{ HASH32 ".NARINFO", OBJECT_KEY_INVALID },
	{ HASH32, OBJECT_KEY_INVALID },
	{ HASH52 ".narinfo", OBJECT_KEY_INVALID },
	{ "nar/" HASH32 ".nar", OBJECT_KEY_INVALID },
	{ "nar/" HASH52 "0.nar", OBJECT_KEY_INVALID },
	{ "nar/" HASH52, OBJECT_KEY_INVALID },
	{ "nar/" HASH52 ".nar.", OBJECT_KEY_INVALID },
	{ "nar/" HASH52 ".nar.exe", OBJECT_KEY_INVALID },
	{ "nar/" HASH52 ".nar.xz.xz", OBJECT_KEY_INVALID },
	{ "nar/" HASH52 ".xz", OBJECT_KEY_INVALID },
	{ "nar//" HASH52 ".nar", OBJECT_KEY_INVALID },
	{ "nar/../" HASH32 ".narinfo", OBJECT_KEY_INVALID },
	{ HASH52 ".nar", OBJECT_KEY_INVALID },

	/* Derivations. */
	{ "log/" HASH32 "-hello", OBJECT_KEY_INVALID },
	{ "log/" HASH32 "-.drv", OBJECT_KEY_LOG },
	{ "log/" HASH32 ".drv", OBJECT_KEY_INVALID },
	{ "log/" DRV ".bz2", OBJECT_KEY_INVALID },
	{ "log/" DRV "/", OBJECT_KEY_INVALID },
	{ "log/" DRV "/out.doi", OBJECT_KEY_INVALID },
	{ "log/" HASH32 "-a%20b.drv", OBJECT_KEY_INVALID },
	{ "log/" HASH32 "-a b.drv", OBJECT_KEY_INVALID },
	{ "log/" HASH32 "-a&b.drv", OBJECT_KEY_INVALID },
	{ "log/" HASH32 "-a\xc3\xbc.drv", OBJECT_KEY_INVALID },
	{ "log/" HASH32 "-a..b.drv", OBJECT_KEY_INVALID },
	{ "log/" HASH32 "-..-a.drv", OBJECT_KEY_INVALID },

	/* Hexadecimal. */
	{ "debuginfo/" HEX40 "0", OBJECT_KEY_INVALID },
	{ "debuginfo/0123456789abcdef0123456789abcdef0123456",
	  OBJECT_KEY_INVALID },
	{ "debuginfo/A123456789abcdef0123456789abcdef01234567",
	  OBJECT_KEY_INVALID },
	{ "debuginfo/g123456789abcdef0123456789abcdef01234567",
	  OBJECT_KEY_INVALID },
	{ "debuginfo/" HEX40 ".debugx", OBJECT_KEY_INVALID },
	{ "debuginfo/" HEX40 ".", OBJECT_KEY_INVALID },
	{ "realisations/sha256:" HEX64 "!.doi", OBJECT_KEY_INVALID },
	{ "realisations/sha256:" HEX64 "!out", OBJECT_KEY_INVALID },
	{ "realisations/sha256:" HEX64 "!out.doi/", OBJECT_KEY_INVALID },
	{ "realisations/sha256:" HEX64 "!a/b.doi", OBJECT_KEY_INVALID },
	{ "realisations/sha256:" HEX64 "!a%b.doi", OBJECT_KEY_INVALID },
	{ "realisations/sha256:" HEX64 "out.doi", OBJECT_KEY_INVALID },
	{ "realisations/sha256:" HEX64 "0!out.doi", OBJECT_KEY_INVALID },
	{ "realisations/sha512:" HEX64 "!out.doi", OBJECT_KEY_INVALID },
	{ "realisations/" HEX64 "!out.doi", OBJECT_KEY_INVALID },
	{ "build-trace-v2/" DRV, OBJECT_KEY_INVALID },
	{ "build-trace-v2/" DRV "/", OBJECT_KEY_INVALID },
	{ "build-trace-v2/" DRV "//out.doi", OBJECT_KEY_INVALID },
	{ "build-trace-v2/" DRV "/../out.doi", OBJECT_KEY_INVALID },
	{ "build-trace-v2/" HASH32 "-hello/out.doi", OBJECT_KEY_INVALID },
	{ "build-trace/" DRV "/out.doi", OBJECT_KEY_INVALID },
};

#define CASE_COUNT (sizeof(cases) / sizeof(*cases))

static void keys_are_told_apart(void)
{
	for (size_t i = 0; i < CASE_COUNT; i++) {
		if (object_key_kind(cases[i].key, strlen(cases[i].key)) !=
		    cases[i].kind)
			test_fail(__FILE__, __LINE__, cases[i].key);
	}
}

static void every_leading_part_of_a_key_may_be_listed(void)
{
	for (size_t i = 0; i < CASE_COUNT; i++) {
		size_t len = strlen(cases[i].key);

		if (cases[i].kind == OBJECT_KEY_INVALID)
			continue;
		for (size_t n = 0; n <= len; n++) {
			if (!object_key_prefix_is_valid(cases[i].key, n))
				test_fail(__FILE__, __LINE__, cases[i].key);
		}
	}
}

/* No valid key of the table is a leading part of another, except for these. */
static void no_leading_part_of_a_key_is_another_by_accident(void)
{
	for (size_t i = 0; i < CASE_COUNT; i++) {
		if (cases[i].kind == OBJECT_KEY_INVALID)
			continue;
		for (size_t n = 0; n < strlen(cases[i].key); n++) {
			enum object_key_kind kind =
				object_key_kind(cases[i].key, n);

			CHECK(kind == OBJECT_KEY_INVALID ||
			      (kind == OBJECT_KEY_NAR &&
			       n == strlen("nar/" HASH52 ".nar")) ||
			      (kind == OBJECT_KEY_DEBUG_INFO &&
			       n == strlen("debuginfo/" HEX40)) ||
			      kind == OBJECT_KEY_BUILD_TRACE);
		}
	}
}

/* A byte that no key holds, at every place of key; a usual one may make
 * another key or none. */
static bool refuses_byte(const char *valid, char c)
{
	size_t len = strlen(valid);
	bool is_refused = true;

	for (size_t at = 0; at < len; at++) {
		char key[OBJECT_KEY_MAX];

		for (size_t i = 0; i < len; i++)
			key[i] = valid[i];
		key[at] = c;
		is_refused = is_refused &&
		             object_key_kind(key, len) == OBJECT_KEY_INVALID &&
		             !object_key_prefix_is_valid(key, len);
	}
	return is_refused;
}

static void no_other_byte_is_let_in(void)
{
	for (size_t i = 0; i < CASE_COUNT; i++) {
		if (cases[i].kind == OBJECT_KEY_INVALID)
			continue;
		for (unsigned c = 0; c < 256; c++) {
			if (c > ' ' && c < 0x7f &&
			    !strchr("%#&\"'\\<>*@~^|{}[]()$,;", (int)c))
				continue;
			if (!refuses_byte(cases[i].key, (char)c))
				test_fail(__FILE__, __LINE__, cases[i].key);
		}
	}
}

static void what_cannot_become_a_key_may_not_be_listed(void)
{
	static const char *const refused[] = {
		"/",
		".",
		"..",
		"x/",
		"nar/..",
		"nar//",
		"nar/" HASH52 "/",
		"nar/" HASH52 ".narx",
		"nar/e",
		"log/" HASH32 "_",
		"log/" HASH32 "-a/",
		"log/" HASH32 "-a..",
		"log/" HASH32 "-a b",
		"log/%2e",
		HASH32 "/",
		HASH32 ".narinfoo",
		"debuginfo/" HEX40 ".d.",
		"realisations/sha256:" HEX64 "!a/",
		"build-trace-v2/" DRV "x/",
		"build-trace-v2/" DRV "/out.doi/",
		"nix-cache-info\n",
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		if (object_key_prefix_is_valid(refused[i], strlen(refused[i])))
			test_fail(__FILE__, __LINE__, refused[i]);
	}
	CHECK(object_key_prefix_is_valid(NULL, 0));
}

static size_t put_filled(char *out, const char *start, size_t count,
                         const char *end)
{
	size_t len = strlen(start);

	for (size_t i = 0; i < len; i++)
		*out++ = start[i];
	memset(out, 'a', count);
	for (size_t i = 0; i < strlen(end); i++)
		out[count + i] = end[i];
	return len + count + strlen(end);
}

static void names_are_bounded(void)
{
	char key[1024];
	size_t len;

	len = put_filled(key, "log/" HASH32 "-", 207, ".drv");
	CHECK(object_key_kind(key, len) == OBJECT_KEY_LOG);
	len = put_filled(key, "log/" HASH32 "-", 208, ".drv");
	CHECK(object_key_kind(key, len) == OBJECT_KEY_INVALID);
	CHECK(!object_key_prefix_is_valid(key, len));

	len = put_filled(key, "realisations/sha256:" HEX64 "!", 211, ".doi");
	CHECK(object_key_kind(key, len) == OBJECT_KEY_REALISATION);
	len = put_filled(key, "realisations/sha256:" HEX64 "!", 212, ".doi");
	CHECK(object_key_kind(key, len) == OBJECT_KEY_INVALID);

	len = put_filled(key, "log/", OBJECT_KEY_MAX, "");
	CHECK(object_key_kind(key, len) == OBJECT_KEY_INVALID);
	CHECK(!object_key_prefix_is_valid(key, len));
}

int main(void)
{
	static const struct test tests[] = {
		{ "keys are told apart", keys_are_told_apart },
		{ "every leading part of a key may be listed",
		  every_leading_part_of_a_key_may_be_listed },
		{ "no leading part of a key is another by accident",
		  no_leading_part_of_a_key_is_another_by_accident },
		{ "no other byte is let in", no_other_byte_is_let_in },
		{ "what cannot become a key may not be listed",
		  what_cannot_become_a_key_may_not_be_listed },
		{ "names are bounded", names_are_bounded },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
