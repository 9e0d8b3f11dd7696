#include "tests/lib/test.h"

#include "client/cache/cache.h"
#include "client/cache/cache_info.h"
#include "client/cache/names.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void objects_are_named_after_hashes(void)
{
	struct nix_hash hash = { .sha256 = { 0 } };
	char narinfo[NAMES_NARINFO_SIZE], nar[NAMES_NAR_SIZE];

	names_format_narinfo("0c0zvm3pwhvmf4r7mr9ghm29bn7nb2ym-hello-2.12",
	                     narinfo);
	CHECK(strcmp(narinfo, "0c0zvm3pwhvmf4r7mr9ghm29bn7nb2ym.narinfo") == 0);
	names_format_nar(&hash, ".zst", nar);
	CHECK(strcmp(nar, "nar/00000000000000000000000000000000000000000000"
	                  "00000000.nar.zst") == 0);
	names_format_nar(&hash, "", nar);
	CHECK(strcmp(nar, "nar/00000000000000000000000000000000000000000000"
	                  "00000000.nar") == 0);
	names_format_nar(&hash, ".8letter", nar);
	CHECK(strlen(nar) == NAMES_NAR_SIZE - 1);
}

static void media_types_are_those_of_nix(void)
{
	static const struct {
		const char *key;
		const char *type;
	} cases[] = {
		{ "nix-cache-info", "text/x-nix-cache-info" },
		{ "x.narinfo", "text/x-nix-narinfo" },
		{ "nar/x.nar.zst", "application/x-nix-nar" },
		{ "x.ls", "application/json" },
		{ "debuginfo/x.debug", "application/json" },
		{ "realisations/x.doi", "application/json" },
		{ "log/x.drv", "text/plain; charset=utf-8" },
		{ "other", "application/octet-stream" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(strcmp(names_content_type(cases[i].key), cases[i].type) ==
		      0);
	}
}

static int parse(const char *text, struct cache_info *ret_info)
{
	return cache_info_parse(bytes_of_text(text), ret_info);
}

static void a_cache_info_comes_back_as_it_went(void)
{
	struct cache_info in = { .store_dir = "/nix/store",
		                 .priority = 30,
		                 .want_mass_query = true };
	struct cache_info out;
	struct buffer text;

	buffer_init(&text, CACHE_INFO_MAX);
	cache_info_format(&in, &text);
	CHECK(bytes_equal(buffer_bytes(&text),
	                  bytes_of_text("StoreDir: /nix/store\n"
	                                "WantMassQuery: 1\n"
	                                "Priority: 30\n")));
	CHECK(cache_info_parse(buffer_bytes(&text), &out) == 0);
	CHECK(strcmp(out.store_dir, "/nix/store") == 0);
	CHECK(out.priority == 30 && out.want_mass_query);

	in = (struct cache_info){ .store_dir = "/s", .priority = -1 };
	buffer_rewind(&text);
	cache_info_format(&in, &text);
	CHECK(cache_info_parse(buffer_bytes(&text), &out) == 0);
	CHECK(strcmp(out.store_dir, "/s") == 0);
	CHECK(out.priority == -1 && !out.want_mass_query);
	buffer_clear(&text);
}

static void every_truncation_of_a_cache_info_is_safe(void)
{
	static const char text[] = "StoreDir: /nix/store\nPriority: 40\n";
	const size_t first = sizeof("StoreDir: /") - 1;
	struct cache_info out;

	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = strndup(text, len);
		int rc = cache_info_parse(
			(struct bytes){ (uint8_t *)copy, len }, &out);

		/* Whole up to here, or up to the first line's end. */
		if (len < first)
			CHECK(rc == -EINVAL);
		if (rc == 0)
			CHECK(text_has_prefix("/nix/store", out.store_dir));
		free(copy);
	}
}

static void odd_cache_infos_are_read_or_refused(void)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "StoreDir: /nix/store", 0 },
		{ "StoreDir:/nix/store\r\n\r\n", 0 },
		{ "Unknown: x\nStoreDir: /nix/store\n", 0 },
		{ "StoreDir: /nix/store\nWantMassQuery: true\n", 0 },
		{ "", -EINVAL },
		{ "\n\n", -EINVAL },
		{ "Priority: 1\n", -EINVAL },
		{ "StoreDir: nix/store\n", -EINVAL },
		{ "StoreDir: \n", -EINVAL },
		{ "StoreDir: /nix/store\nStoreDir: /nix/store\n", -EINVAL },
		{ "StoreDir: /nix/store\nPriority: 1\nPriority: 1\n", -EINVAL },
		{ "StoreDir: /nix/store\nPriority: -1\n", -EINVAL },
		{ "StoreDir: /nix/store\nPriority: 2147483647\n", 0 },
		{ "StoreDir: /nix/store\nPriority: 2147483648\n", -EINVAL },
		{ "StoreDir: /nix/store\nPriority: "
		  "99999999999999999999999999\n",
		  -EINVAL },
		{ "StoreDir: /nix/store\nno colon\n", -EINVAL },
		{ "<html>", -EINVAL },
	};
	struct cache_info info;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse(cases[i].text, &info) != cases[i].rc)
			test_fail(__FILE__, __LINE__, cases[i].text);
	}
	CHECK(cache_info_parse(
		      (struct bytes){ (const uint8_t *)"StoreDir: /a\0b\n",
	                              15 },
		      &info) == -EINVAL);
}

static void a_cache_info_has_a_maximum(void)
{
	struct cache_info info;
	struct buffer text;

	buffer_init(&text, CACHE_INFO_MAX + 1);
	buffer_append_text(&text, "StoreDir: /nix/store\n");
	while (text.len < CACHE_INFO_MAX)
		buffer_append_char(&text, '\n');
	CHECK(cache_info_parse(buffer_bytes(&text), &info) == 0);
	buffer_append_char(&text, '\n');
	CHECK(cache_info_parse(buffer_bytes(&text), &info) == -EINVAL);
	buffer_clear(&text);
}

static void a_cache_that_cannot_be_opened_says_why(void)
{
	char name[] = "mine", store[] = "https://example.org";
	struct agent_cache config = { .name = name, .store = store };
	struct cache_options options = { .connections = 1 };
	struct cache *cache = NULL;
	char why[256] = "";

	CHECK(cache_open(&config, &options, &cache, why, sizeof(why)) ==
	      -EINVAL);
	CHECK(cache == NULL && why[0] != '\0');
	cache_close(cache);
}

int main(void)
{
	static const struct test tests[] = {
		{ "objects are named after hashes",
		  objects_are_named_after_hashes },
		{ "media types are those of Nix",
		  media_types_are_those_of_nix },
		{ "a cache-info comes back as it went",
		  a_cache_info_comes_back_as_it_went },
		{ "every truncation of a cache-info is safe",
		  every_truncation_of_a_cache_info_is_safe },
		{ "odd cache-infos are read or refused",
		  odd_cache_infos_are_read_or_refused },
		{ "a cache-info has a maximum", a_cache_info_has_a_maximum },
		{ "a cache that cannot be opened says why",
		  a_cache_that_cannot_be_opened_says_why },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
