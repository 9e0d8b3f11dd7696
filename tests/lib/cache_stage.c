#include "tests/lib/cache_stage.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

void stage_set_up(struct stage *stage, const struct http_reply *replies,
                  size_t count, unsigned connections)
{
	struct cache_options options = { .connections = connections };
	char why[256];

	*stage = (struct stage){ .name = "mine" };
	stage->server = http_server_start(replies, count);
	if (!stage->server)
		abort();
	stage->fake = fake_presign_new(http_server_port(stage->server));
	(void)snprintf(
		stage->store, sizeof(stage->store),
		"s3://bucket/nix/cache?endpoint=127.0.0.1:%u&scheme=http",
		http_server_port(stage->server));
	stage->config.name = stage->name;
	stage->config.store = stage->store;
	options.agent = fake_presign_use(stage->fake);
	if (cache_open(&stage->config, &options, &stage->cache, why,
	               sizeof(why)) < 0)
		abort();
}

void stage_tear_down(struct stage *stage)
{
	cache_close(stage->cache);
	http_server_free(stage->server);
	fake_presign_free(stage->fake);
}

struct cache_result stage_run(struct stage *stage,
                              const struct http_reply *replies, size_t count,
                              const struct cache_step *step)
{
	struct cache_result result = { .outcome = CACHE_FAILED };

	stage_set_up(stage, replies, count, 4);
	CHECK(cache_run(stage->cache, step, &result) == 0);
	CHECK(result.type == step->type && result.tag == step->tag);
	CHECK((result.outcome == CACHE_FAILED) == (result.error[0] != '\0'));
	CHECK(!strstr(result.error, "5ec5e7"));
	http_server_stop(stage->server);
	return result;
}

size_t stage_finish(struct stage *stage, struct cache_result *results)
{
	size_t got = 0;

	while (cache_pending(stage->cache) > 0) {
		struct cache_result result;
		int rc = cache_next(stage->cache, &result);

		if (rc == 1) {
			results[result.tag] = result;
			got++;
		} else if (rc < 0 ||
		           cache_wait(stage->cache, NULL, 0, 1000) < 0) {
			break;
		}
	}
	return got;
}
