/* folder_stage.h - a cache in a folder of its own below /tmp */
#pragma once

#include "client/cache/cache.h"

struct folder_stage {
	char root[64];
	char store[128];
	char name[8];
	struct agent_cache config;
	struct cache *cache;
};

void folder_stage_set_up(struct folder_stage *s);
void folder_stage_tear_down(struct folder_stage *s);

/* The file of a key; good until the next call. */
const char *folder_stage_path(const struct folder_stage *s, const char *key);
/* How many files a directory has, of any name. */
size_t folder_stage_count(const struct folder_stage *s, const char *directory);

struct cache_step folder_stage_put(const char *key, const char *body);
/* One step from start to end, and whether its result is in order. */
struct cache_result folder_stage_run(struct folder_stage *s,
                                     const struct cache_step *step);
