#include "tests/lib/folder_stage.h"
#include "tests/lib/remove_tree.h"

#include "tests/lib/test.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void folder_stage_set_up(struct folder_stage *s)
{
	struct cache_options options = { .connections = 0 };
	char why[256];

	*s = (struct folder_stage){ .root = "/tmp/nixcache-test-XXXXXX",
		                    .name = "mine" };
	if (!mkdtemp(s->root))
		exit(1);
	(void)snprintf(s->store, sizeof(s->store), "file://%s/cache", s->root);
	s->config.name = s->name;
	s->config.store = s->store;
	if (cache_open(&s->config, &options, &s->cache, why, sizeof(why)) < 0)
		exit(1);
}

const char *folder_stage_path(const struct folder_stage *s, const char *key)
{
	/* NOLINTNEXTLINE(*-non-const-global-variables): one at a time */
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/cache/%s", s->root, key);
	return path;
}

size_t folder_stage_count(const struct folder_stage *s, const char *directory)
{
	DIR *dir = opendir(folder_stage_path(s, directory));
	struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return 0;
	/* cppcheck-suppress readdirCalled */
	while ((entry = readdir(dir)))
		count += entry->d_type == DT_REG ? 1 : 0;
	(void)closedir(dir);
	return count;
}

void folder_stage_tear_down(struct folder_stage *s)
{
	cache_close(s->cache);
	CHECK(remove_tree(s->root) == 0);
}

struct cache_result folder_stage_run(struct folder_stage *s,
                                     const struct cache_step *step)
{
	struct cache_result result = { .outcome = CACHE_FAILED };

	CHECK(cache_run(s->cache, step, &result) == 0);
	CHECK(result.type == step->type && result.tag == step->tag);
	CHECK((result.outcome == CACHE_FAILED) == (result.error[0] != '\0'));
	return result;
}

struct cache_step folder_stage_put(const char *key, const char *body)
{
	return (struct cache_step){ .type = CACHE_PUT,
		                    .tag = 5,
		                    .key = key,
		                    .body = (const uint8_t *)body,
		                    .body_len = strlen(body) };
}
