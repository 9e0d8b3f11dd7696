#include "client/serve/complaints.h"
#include "client/serve/range.h"
#include "client/serve/route.h"
#include "client/serve/shelf.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH     "9fhyh8jdbc21397haahysjjxqgdywc39"
#define NAR_HASH "1i4fk2x413zynwvply5gm9aczkiwr983k8yzpnh8sw5skqj8sdjy"
#define DRV      HASH "-a+b=c.drv"
#define HEX      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* NOLINTBEGIN(*-non-const-global-variables): a list owns its texts */
static char name_dev[] = "dev";
static char name_nar[] = "nar";
static char name_odd[] = "a b";
static char *name_items[] = { name_dev, name_nar, name_odd };
static struct strings names = { .items = name_items, .count = 3 };
/* NOLINTEND(*-non-const-global-variables) */

static const struct {
	const char *raw;
	size_t cache;
	const char *key; /* NULL: means nothing */
} targets[] = {
	{ "/nix-cache-info", ROUTE_ROOT, "nix-cache-info" },
	{ "/dev/nix-cache-info", 0, "nix-cache-info" },
	{ "/" HASH ".narinfo", ROUTE_ROOT, HASH ".narinfo" },
	{ "/dev/" HASH ".narinfo", 0, HASH ".narinfo" },
	{ "/a%20b/" HASH ".narinfo", 2, HASH ".narinfo" },
	{ "/" HASH ".ls", ROUTE_ROOT, HASH ".ls" },
	{ "/nar/" NAR_HASH ".nar.xz", ROUTE_ROOT, "nar/" NAR_HASH ".nar.xz" },
	{ "/nar/nar/" NAR_HASH ".nar", 1, "nar/" NAR_HASH ".nar" },
	{ "/nar/" HASH ".narinfo", 1, HASH ".narinfo" },
	{ "/nar/" NAR_HASH ".nar?hash=1", ROUTE_ROOT, "nar/" NAR_HASH ".nar" },
	{ "/log/" DRV, ROUTE_ROOT, "log/" DRV },
	{ "/log/" HASH "-a%2Bb%3dc.drv", ROUTE_ROOT, "log/" DRV },
	{ "/dev/log/" HASH "-a%3fb.drv", 0, "log/" HASH "-a?b.drv" },
	{ "/log/" HASH "-a?b.drv", ROUTE_ROOT, "log/" HASH "-a?b.drv" },
	{ "/realisations/sha256%3A" HEX "%21out.doi", ROUTE_ROOT,
	  "realisations/sha256:" HEX "!out.doi" },
	{ "/realisations/sha256:" HEX "!out.doi", ROUTE_ROOT,
	  "realisations/sha256:" HEX "!out.doi" },
	{ "/build-trace-v2/" DRV "/out.doi", ROUTE_ROOT,
	  "build-trace-v2/" DRV "/out.doi" },

	{ "", 0, NULL },
	{ "/", 0, NULL },
	{ "//", 0, NULL },
	{ "/dev", 0, NULL },
	{ "/dev/", 0, NULL },
	{ "nix-cache-info", 0, NULL },
	{ "//nix-cache-info", 0, NULL },
	{ "/dev//nix-cache-info", 0, NULL },
	{ "/dev/dev/nix-cache-info", 0, NULL },
	{ "/other/nix-cache-info", 0, NULL },
	{ "/Dev/nix-cache-info", 0, NULL },
	{ "/nix-cache-info/", 0, NULL },
	{ "/nix-cache-info%00", 0, NULL },
	{ "/nix-cache-info%", 0, NULL },
	{ "/nix-cache-info%4", 0, NULL },
	{ "/%zzix-cache-info", 0, NULL },
	{ "/%256eix-cache-info", 0, NULL },
	{ "/../nix-cache-info", 0, NULL },
	{ "/dev/../dev/nix-cache-info", 0, NULL },
	{ "/nar/%2e%2e/" HASH ".narinfo", 0, NULL },
	{ "/log/..%2f" DRV, 0, NULL },
	{ "/log/" HASH "-a b.drv", 0, NULL },
	{ "/" HASH ".narinfo.sig", 0, NULL },
	{ "/?" HASH ".narinfo", 0, NULL },
	{ "http://127.0.0.1/nix-cache-info", 0, NULL },
	{ "*", 0, NULL },
};

static void a_path_means_a_cache_and_a_key(void)
{
	for (size_t i = 0; i < LENGTH(targets); i++) {
		struct route route = { .cache = 77 };
		bool means = route_parse(targets[i].raw, &names, &route);

		if (means != (targets[i].key != NULL) ||
		    (means && (route.cache != targets[i].cache ||
		               strcmp(route.key, targets[i].key) != 0)))
			FAIL(targets[i].raw);
		if (!means)
			CHECK(route.cache == 77);
	}
}

static void no_part_of_a_target_means_anything(void)
{
	static const char whole[] = "/dev/nar/" NAR_HASH ".nar.zst";
	char part[sizeof(whole)];
	struct route route;

	memcpy(part, whole, sizeof(whole));
	CHECK(route_parse(part, &names, &route));
	for (size_t len = sizeof(whole) - 1; len-- > 0;) {
		part[len] = '\0';
		/* ".nar" alone is a suffix, too. */
		if (strcmp(part, "/dev/nar/" NAR_HASH ".nar") == 0)
			continue;
		if (route_parse(part, &names, &route))
			FAIL(part);
	}
}

static void a_target_may_be_long_but_not_longer(void)
{
	char target[8192];
	struct route route;

	memset(target, 'a', sizeof(target));
	target[0] = '/';
	target[sizeof(target) - 1] = '\0';
	CHECK(!route_parse(target, &names, &route));
	memcpy(target, "/log/", 5);
	CHECK(!route_parse(target, &names, &route));
	for (size_t i = 1; i + 3 < sizeof(target); i += 3)
		memcpy(target + i, "%61", 3);
	CHECK(!route_parse(target, &names, &route));
}

static const struct {
	const char *text;
	uint64_t size;
	enum {
		RANGE_IGNORED,
		RANGE_NOTHING,
		RANGE_PART,
	} outcome;
	uint64_t offset;
	uint64_t length;
} ranges[] = {
	{ "bytes=0-", 10, RANGE_PART, 0, 10 },
	{ "bytes=0-0", 10, RANGE_PART, 0, 1 },
	{ "bytes=0-9", 10, RANGE_PART, 0, 10 },
	{ "bytes=0-10", 10, RANGE_PART, 0, 10 },
	{ "bytes=9-", 10, RANGE_PART, 9, 1 },
	{ "bytes=9-9", 10, RANGE_PART, 9, 1 },
	{ "bytes=3-5", 10, RANGE_PART, 3, 3 },
	{ "BYTES=3-5", 10, RANGE_PART, 3, 3 },
	{ "bytes=-1", 10, RANGE_PART, 9, 1 },
	{ "bytes=-10", 10, RANGE_PART, 0, 10 },
	{ "bytes=-11", 10, RANGE_PART, 0, 10 },
	{ "bytes=3-9999999999999999999", 10, RANGE_PART, 3, 7 },
	{ "bytes=10-", 10, RANGE_NOTHING, 0, 0 },
	{ "bytes=10-12", 10, RANGE_NOTHING, 0, 0 },
	{ "bytes=-0", 10, RANGE_NOTHING, 0, 0 },
	{ "bytes=0-", 0, RANGE_NOTHING, 0, 0 },
	{ "bytes=-5", 0, RANGE_NOTHING, 0, 0 },
	{ "", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=-", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=5", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=5-4", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=0-1,3-4", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=0-1-2", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes= 0-1", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=0-1 ", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=+0-1", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=--1", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=0x1-2", 10, RANGE_IGNORED, 0, 0 },
	{ "lines=0-1", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=99999999999999999999-", 10, RANGE_IGNORED, 0, 0 },
	{ "bytes=0-99999999999999999999", 10, RANGE_IGNORED, 0, 0 },
};

static void a_range_is_one_stretch_of_bytes(void)
{
	for (size_t i = 0; i < LENGTH(ranges); i++) {
		struct range range;
		uint64_t offset = 0, length = 0;
		int outcome = RANGE_IGNORED;

		if (range_parse(ranges[i].text, &range)) {
			outcome = range_resolve(&range, ranges[i].size, &offset,
			                        &length)
			                  ? RANGE_PART
			                  : RANGE_NOTHING;
		}
		if (outcome != (int)ranges[i].outcome ||
		    offset != ranges[i].offset || length != ranges[i].length)
			FAIL(ranges[i].text);
	}
}

/* A place with a hash part that is made of the number. */
static struct shelf_place place_of(unsigned number,
                                   char out[STORE_PATH_HASH_LEN + 1])
{
	(void)snprintf(out, STORE_PATH_HASH_LEN + 1, "%032u", number);
	return (struct shelf_place){ .cache = 0, .hash_part = out };
}

static struct blob *blob_of_size(size_t size)
{
	uint8_t *bytes = calloc(1, size);
	struct blob *blob = NULL;

	if (bytes)
		blob = blob_new((struct bytes){ bytes, size });
	free(bytes);
	return blob;
}

static void put_sized(struct shelf *shelf, unsigned number, size_t size)
{
	char text[STORE_PATH_HASH_LEN + 1];
	const struct shelf_place place = place_of(number, text);
	struct blob *blob = blob_of_size(size);

	CHECK(blob != NULL);
	shelf_put(shelf, &place, blob, 1000);
	blob_release(blob);
}

static enum shelf_outcome find(struct shelf *shelf, unsigned number,
                               long long now)
{
	char text[STORE_PATH_HASH_LEN + 1];
	const struct shelf_place place = place_of(number, text);
	struct blob *blob = NULL;

	return shelf_find(shelf, &place, now, &blob);
}

static void a_shelf_gives_back_what_was_put(void)
{
	struct shelf *shelf = shelf_new(100000);
	struct blob *blob = blob_of_text("text"), *found = NULL;
	const struct shelf_place here = { .cache = 1, .hash_part = HASH };
	const struct shelf_place there = { .cache = 2, .hash_part = HASH };

	CHECK(shelf && blob);
	CHECK(shelf_find(shelf, &here, 1000, &found) == SHELF_UNKNOWN);
	shelf_put(shelf, &here, blob, 1000);
	CHECK(shelf_find(shelf, &here, 1001, &found) == SHELF_FOUND);
	CHECK(found == blob && found->shares == 2);
	CHECK(shelf_find(shelf, &there, 1001, &found) == SHELF_UNKNOWN);
	shelf_forget(shelf, &there);
	shelf_forget(shelf, &here);
	CHECK(shelf_find(shelf, &here, 1001, &found) == SHELF_UNKNOWN);
	CHECK(blob->shares == 1);
	shelf_put(shelf, &here, blob, 1000);
	shelf_free(shelf);
	CHECK(blob->shares == 1);
	blob_release(blob);
}

static void what_is_kept_grows_old(void)
{
	struct shelf *shelf = shelf_new(100000);
	char text[STORE_PATH_HASH_LEN + 1];
	const struct shelf_place missing = place_of(7, text);

	CHECK(shelf != NULL);
	put_sized(shelf, 1, 10);
	CHECK(find(shelf, 1, 1000 + SHELF_KEEP_MS - 1) == SHELF_FOUND);
	CHECK(find(shelf, 1, 1000 + SHELF_KEEP_MS) == SHELF_UNKNOWN);
	CHECK(find(shelf, 1, 1001) == SHELF_UNKNOWN);

	shelf_put(shelf, &missing, NULL, 1000);
	CHECK(find(shelf, 7, 1000 + SHELF_MISSING_MS - 1) == SHELF_MISSING);
	CHECK(find(shelf, 7, 1000 + SHELF_MISSING_MS) == SHELF_UNKNOWN);
	shelf_free(shelf);
}

static void a_new_narinfo_takes_the_place_of_none(void)
{
	struct shelf *shelf = shelf_new(100000);
	char text[STORE_PATH_HASH_LEN + 1];
	const struct shelf_place place = place_of(7, text);

	CHECK(shelf != NULL);
	shelf_put(shelf, &place, NULL, 1000);
	put_sized(shelf, 7, 10);
	CHECK(find(shelf, 7, 1001) == SHELF_FOUND);
	shelf_put(shelf, &place, NULL, 1000);
	CHECK(find(shelf, 7, 1001) == SHELF_MISSING);
	shelf_free(shelf);
}

static void a_full_shelf_drops_what_was_not_asked_for_longest(void)
{
	struct shelf *shelf = shelf_new(12000);

	CHECK(shelf != NULL);
	for (unsigned i = 0; i < 8; i++)
		put_sized(shelf, i, 1000);
	CHECK(find(shelf, 0, 1001) == SHELF_FOUND);
	for (unsigned i = 8; i < 14; i++)
		put_sized(shelf, i, 1000);
	CHECK(find(shelf, 0, 1001) == SHELF_FOUND);
	CHECK(find(shelf, 1, 1001) == SHELF_UNKNOWN);
	CHECK(find(shelf, 2, 1001) == SHELF_UNKNOWN);
	CHECK(find(shelf, 13, 1001) == SHELF_FOUND);
	shelf_free(shelf);
}

static void what_is_larger_than_the_shelf_is_not_kept(void)
{
	struct shelf *shelf = shelf_new(2000);

	CHECK(shelf != NULL);
	put_sized(shelf, 1, 10);
	put_sized(shelf, 2, 4000);
	CHECK(find(shelf, 2, 1001) == SHELF_UNKNOWN);
	put_sized(shelf, 3, 10);
	CHECK(find(shelf, 3, 1001) == SHELF_FOUND);
	shelf_free(shelf);
}

static void many_are_all_found(void)
{
	struct shelf *shelf = shelf_new(32UL * 1024 * 1024);
	unsigned missing = 0;

	CHECK(shelf != NULL);
	for (unsigned i = 0; i < 20000; i++)
		put_sized(shelf, i, 100);
	for (unsigned i = 0; i < 20000; i++)
		missing += find(shelf, i, 1001) != SHELF_FOUND;
	CHECK(missing == 0);
	shelf_free(shelf);
}

static void a_line_is_said_once_in_a_while(void)
{
	struct complaints complaints = { .said[0].said_ms = 0 };
	char text[32];

	CHECK(complaints_admit(&complaints, "one", 1000));
	CHECK(!complaints_admit(&complaints, "one", 1001));
	CHECK(complaints_admit(&complaints, "two", 1001));
	CHECK(!complaints_admit(&complaints, "one",
	                        1000 + COMPLAINTS_REST_MS - 1));
	CHECK(complaints_admit(&complaints, "one", 1000 + COMPLAINTS_REST_MS));
	for (unsigned i = 0; i < COMPLAINTS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "line %u", i);
		CHECK(complaints_admit(&complaints, text, 40000));
	}
	CHECK(!complaints_admit(&complaints, "line 0", 40001));
	CHECK(complaints_admit(&complaints, "two", 40001));
}

int main(void)
{
	static const struct test tests[] = {
		{ "a path means a cache and a key",
		  a_path_means_a_cache_and_a_key },
		{ "no part of a target means anything",
		  no_part_of_a_target_means_anything },
		{ "a target may be long but not longer",
		  a_target_may_be_long_but_not_longer },
		{ "a range is one stretch of bytes",
		  a_range_is_one_stretch_of_bytes },
		{ "a shelf gives back what was put",
		  a_shelf_gives_back_what_was_put },
		{ "what is kept grows old", what_is_kept_grows_old },
		{ "a new narinfo takes the place of none",
		  a_new_narinfo_takes_the_place_of_none },
		{ "a full shelf drops what was not asked for longest",
		  a_full_shelf_drops_what_was_not_asked_for_longest },
		{ "what is larger than the shelf is not kept",
		  what_is_larger_than_the_shelf_is_not_kept },
		{ "many are all found", many_are_all_found },
		{ "a line is said once in a while",
		  a_line_is_said_once_in_a_while },
	};

	return test_main(tests, LENGTH(tests));
}
