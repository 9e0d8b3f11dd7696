/* upload_stage.h - one upload between a cache and a pack that do as they are
 * told
 *
 * Not in test_lib: only with fake_cache.c and fake_pack.c.
 */
#pragma once

#include "client/push/upload.h"
#include "tests/lib/closure_stage.h"
#include "tests/lib/fake_cache.h"
#include "tests/lib/fake_pack.h"

struct upload_stage {
	struct closure closure;
	struct cache *cache;
	struct pack *pack;
	struct upload_context context;
	struct upload u;
};

/* Begins with the path at that index of a closure; journal may be NULL. */
void upload_stage_set_up(struct upload_stage *s, size_t index,
                         struct journal *journal);

/* Everything was given back, and nothing too early. */
void upload_stage_tear_down(struct upload_stage *s);

/* The cache answers its step at that index. */
void upload_stage_answer(struct upload_stage *s, size_t index,
                         enum cache_outcome outcome, const char *text);

void upload_stage_give_part(struct upload_stage *s, unsigned number,
                            bool is_last);
