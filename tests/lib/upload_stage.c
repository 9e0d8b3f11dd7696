#include "tests/lib/upload_stage.h"

#include "tests/lib/test.h"

void upload_stage_set_up(struct upload_stage *s, size_t index,
                         struct journal *journal)
{
	closure_stage_make(&s->closure, index + 1);
	s->cache = fake_cache_new(1);
	s->pack = fake_pack_new(1);
	s->context = (struct upload_context){
		.cache = s->cache,
		.pack = s->pack,
		.journal = journal,
		.store_uri = "s3://bucket",
		.store_dir = STORE_DIR_DEFAULT,
		.physical_dir = "/root/nix/store",
		.compression = PACK_ZSTD,
	};
	CHECK(upload_begin(&s->u, &s->context, index,
	                   &s->closure.paths[index]) == 0);
}

void upload_stage_tear_down(struct upload_stage *s)
{
	upload_clear(&s->u);
	CHECK(s->pack->held == 0);
	CHECK(!s->cache->lent_and_lost);
	fake_cache_free(s->cache);
	fake_pack_free(s->pack);
	closure_clear(&s->closure);
}

void upload_stage_answer(struct upload_stage *s, size_t index,
                         enum cache_outcome outcome, const char *text)
{
	struct cache_result result =
		fake_cache_result(s->cache, index, outcome, text);

	upload_take_result(&s->u, &s->context, &result);
}

void upload_stage_give_part(struct upload_stage *s, unsigned number,
                            bool is_last)
{
	struct pack_event event = {
		.type = PACK_PART,
		.job = s->u.index,
		.part = fake_pack_part(s->pack, number, is_last),
	};

	upload_take_event(&s->u, &s->context, &event);
}
