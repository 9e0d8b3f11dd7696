#include "tests/lib/folder_stage.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 300

static void store(struct folder_stage *s, const char *key)
{
	struct cache_step step = folder_stage_put(key, key);

	CHECK(folder_stage_run(s, &step).outcome == CACHE_OK);
}

static struct cache_listing *list(struct folder_stage *s, const char *prefix,
                                  const char *token, uint32_t page_size)
{
	struct cache_step step = { .type = CACHE_LIST,
		                   .tag = 4,
		                   .key = prefix,
		                   .token = token,
		                   .page_size = page_size };
	struct cache_result result = folder_stage_run(s, &step);

	CHECK(result.outcome == CACHE_OK && result.listing);
	return result.listing;
}

/* All pages: their keys, with a space after each. */
static void list_all(struct folder_stage *s, const char *prefix, uint32_t size,
                     struct buffer *out)
{
	char token[1024] = "";
	bool is_last = false;

	while (!is_last) {
		struct cache_listing *page =
			list(s, prefix, token[0] ? token : NULL, size);

		CHECK(size == 0 || page->count <= size);
		for (size_t i = 0; i < page->count; i++) {
			const struct cache_object *o = &page->objects[i];

			CHECK(o->size == strlen(o->key) && o->modified > 0);
			buffer_append_format(out, "%s ", o->key);
		}
		is_last = !page->token;
		(void)snprintf(token, sizeof(token), "%s",
		               page->token ? page->token : "");
		cache_listing_free(page);
	}
}

static bool lists(struct folder_stage *s, const char *prefix, uint32_t size,
                  const char *expected)
{
	cleanup_buffer struct buffer out = { .data = NULL };
	const char *text;
	bool same;

	buffer_init(&out, 65536);
	list_all(s, prefix, size, &out);
	text = buffer_text(&out);
	same = text && strcmp(text, expected) == 0;
	if (!same)
		(void)printf("# %s\n", text);
	return same;
}

static const char *const objects[] = {
	"0a.narinfo",
	"0b.ls",
	"build-trace-v2/a.drv/out.doi",
	"build-trace-v2/b.drv/dev.doi",
	"build-trace-v2/b.drv/out.doi",
	"debuginfo/00",
	"log/x.drv",
	"m.narinfo",
	"nar/1.nar",
	"nar/2.nar.zst",
	"nix-cache-info",
	"realisations/sha256:0!out.doi",
	"z.narinfo",
};

#define OBJECT_COUNT (sizeof(objects) / sizeof(objects[0]))

/* In an order that is not theirs. */
static void store_all(struct folder_stage *s)
{
	for (size_t i = 0; i < OBJECT_COUNT; i++)
		store(s, objects[i * 5 % OBJECT_COUNT]);
}

static void everything_is_listed_in_order_at_any_page_size(void)
{
	char expected[1024] = "";
	struct folder_stage s;

	folder_stage_set_up(&s);
	store_all(&s);
	for (size_t i = 0; i < OBJECT_COUNT; i++) {
		(void)strncat(expected, objects[i], 100);
		(void)strncat(expected, " ", 2);
	}
	for (uint32_t size = 0; size <= OBJECT_COUNT + 1; size++)
		CHECK(lists(&s, "", size, expected));
	CHECK(lists(&s, "", UINT32_MAX, expected));
	folder_stage_tear_down(&s);
}

static void a_list_can_begin_behind_a_name(void)
{
	struct cache_step step = { .type = CACHE_LIST, .key = "" };
	struct folder_stage s;

	folder_stage_set_up(&s);
	store_all(&s);
	for (size_t i = 0; i < OBJECT_COUNT; i++) {
		struct cache_result result;

		step.after = objects[i];
		result = folder_stage_run(&s, &step);
		CHECK(result.outcome == CACHE_OK && result.listing);
		CHECK(result.listing->is_gapless);
		CHECK(result.listing->count == OBJECT_COUNT - 1 - i);
		for (size_t k = 0; k < OBJECT_COUNT - 1 - i; k++) {
			CHECK(k < result.listing->count &&
			      strcmp(result.listing->objects[k].key,
			             objects[i + 1 + k]) == 0);
		}
		cache_listing_free(result.listing);
	}
	folder_stage_tear_down(&s);
}

/* Then the token says where the page begins. */
static void a_token_counts_more_than_where_it_began(void)
{
	struct cache_step step = { .type = CACHE_LIST,
		                   .key = "",
		                   .after = objects[0],
		                   .token = objects[2] };
	struct cache_result result;
	struct folder_stage s;

	folder_stage_set_up(&s);
	store_all(&s);
	result = folder_stage_run(&s, &step);
	CHECK(result.listing && result.listing->count == OBJECT_COUNT - 3);
	cache_listing_free(result.listing);
	folder_stage_tear_down(&s);
}

static void a_prefix_chooses(void)
{
	struct folder_stage s;

	folder_stage_set_up(&s);
	store_all(&s);
	CHECK(lists(&s, "nar/", 1, "nar/1.nar nar/2.nar.zst "));
	CHECK(lists(&s, "nar", 0, "nar/1.nar nar/2.nar.zst "));
	CHECK(lists(&s, "n", 2, "nar/1.nar nar/2.nar.zst nix-cache-info "));
	CHECK(lists(&s, "nar/2", 1, "nar/2.nar.zst "));
	CHECK(lists(&s, "0", 1, "0a.narinfo 0b.ls "));
	CHECK(lists(&s, "build-trace-v2/b", 1,
	            "build-trace-v2/b.drv/dev.doi "
	            "build-trace-v2/b.drv/out.doi "));
	CHECK(lists(&s, "build-trace-v2/b.drv/o", 1,
	            "build-trace-v2/b.drv/out.doi "));
	CHECK(lists(&s, "nix-cache-info", 1, "nix-cache-info "));
	CHECK(lists(&s, "nix-cache-info2", 1, ""));
	CHECK(lists(&s, "/", 1, ""));
	CHECK(lists(&s, "../", 1, ""));
	folder_stage_tear_down(&s);
}

static void a_page_tells_whether_it_is_the_last(void)
{
	struct cache_listing *page;
	struct folder_stage s;

	folder_stage_set_up(&s);
	store(&s, "a.narinfo");
	store(&s, "b.narinfo");
	page = list(&s, "", NULL, 2);
	CHECK(page->count == 2 && !page->token);
	cache_listing_free(page);
	page = list(&s, "", NULL, 1);
	CHECK(page->count == 1 && page->token);
	CHECK(page->token && strcmp(page->token, "a.narinfo") == 0);
	cache_listing_free(page);
	/* Also of one that is gone. */
	page = list(&s, "", "aa", 1);
	CHECK(page->count == 1 && !page->token);
	CHECK(strcmp(page->objects[0].key, "b.narinfo") == 0);
	cache_listing_free(page);
	page = list(&s, "", "b.narinfo", 1);
	CHECK(page->count == 0 && !page->token);
	cache_listing_free(page);
	folder_stage_tear_down(&s);
}

static void what_is_no_object_is_left_out(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = "nar/2.nar" };
	struct folder_stage s;

	folder_stage_set_up(&s);
	store(&s, "nar/1.nar");
	store(&s, "elsewhere/x");
	store(&s, "nar/deeper/x");
	store(&s, "build-trace-v2/x");
	store(&s, "build-trace-v2/x.drv/deeper/x");
	CHECK(folder_stage_run(&s, &begin).outcome == CACHE_OK);
	CHECK(folder_stage_count(&s, "nar") == 2);
	CHECK(symlink("1.nar", folder_stage_path(&s, "nar/3.nar")) == 0);
	CHECK(symlink("nowhere", folder_stage_path(&s, "log")) == 0);
	CHECK(mkfifo(folder_stage_path(&s, "nar/4.nar"), 0600) == 0);
	CHECK(lists(&s, "", 1, "nar/1.nar "));
	folder_stage_tear_down(&s);
}

static void many_are_all_listed_once(void)
{
	char key[32], before[32] = "";
	struct cache_listing *page = NULL;
	struct folder_stage s;
	size_t count = 0;

	folder_stage_set_up(&s);
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(key, sizeof(key), "nar/%u.nar", i * 7919 % MANY);
		store(&s, key);
	}
	do {
		struct cache_listing *next =
			list(&s, "", page ? page->token : NULL, 7);

		cache_listing_free(page);
		page = next;
		for (size_t i = 0; i < page->count; i++) {
			CHECK(strcmp(before, page->objects[i].key) < 0);
			(void)snprintf(before, sizeof(before), "%s",
			               page->objects[i].key);
		}
		count += page->count;
	} while (page->token);
	cache_listing_free(page);
	CHECK(count == MANY);
	folder_stage_tear_down(&s);
}

static void a_folder_that_is_not_there_is_empty(void)
{
	struct folder_stage s;

	folder_stage_set_up(&s);
	CHECK(lists(&s, "", 0, ""));
	folder_stage_tear_down(&s);
}

static void a_file_in_its_place_is_an_error(void)
{
	struct cache_step step = { .type = CACHE_LIST, .key = "" };
	struct cache_result result;
	struct folder_stage s;
	char path[128];
	int fd;

	folder_stage_set_up(&s);
	(void)snprintf(path, sizeof(path), "%s/cache", s.root);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && close(fd) == 0);
	result = folder_stage_run(&s, &step);
	CHECK(result.outcome == CACHE_FAILED && !result.listing);
	CHECK(strstr(result.error, path) && result.exit_status == 1);
	folder_stage_tear_down(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "everything is listed in order at any page size",
		  everything_is_listed_in_order_at_any_page_size },
		{ "a list can begin behind a name",
		  a_list_can_begin_behind_a_name },
		{ "a token counts more than where it began",
		  a_token_counts_more_than_where_it_began },
		{ "a prefix chooses", a_prefix_chooses },
		{ "a page tells whether it is the last",
		  a_page_tells_whether_it_is_the_last },
		{ "what is no object is left out",
		  what_is_no_object_is_left_out },
		{ "many are all listed once", many_are_all_listed_once },
		{ "a folder that is not there is empty",
		  a_folder_that_is_not_there_is_empty },
		{ "a file in its place is an error",
		  a_file_in_its_place_is_an_error },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
