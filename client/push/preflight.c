#include "client/push/preflight.h"

#include "client/cache/cache_info.h"
#include "client/cache/names.h"
#include "protocol/base/exit_status.h"

#include <stdio.h>
#include <string.h>

static int check_text(const struct agent_cache *config, struct bytes text,
                      char *why, size_t why_size)
{
	struct cache_info info;

	if (cache_info_parse(text, &info) < 0) {
		(void)snprintf(why, why_size,
		               "%s: its nix-cache-info is not one: is this a "
		               "binary cache?",
		               config->name);
		return EXIT_FAILED;
	}
	if (strcmp(info.store_dir, config->store_dir) != 0) {
		(void)snprintf(why, why_size,
		               "%s: it is a cache for the store %s, and these "
		               "paths are in %s",
		               config->name, info.store_dir, config->store_dir);
		return EXIT_FAILED;
	}
	return 0;
}

struct cache_step preflight_step(void)
{
	return (struct cache_step){ .type = CACHE_GET,
		                    .key = NAMES_CACHE_INFO };
}

int preflight_judge(const struct cache_result *result,
                    const struct agent_cache *config, bool *ret_is_missing,
                    char *why, size_t why_size)
{
	if (result->outcome == CACHE_FAILED) {
		(void)snprintf(why, why_size, "%s", result->error);
		return result->exit_status;
	}
	*ret_is_missing = result->outcome == CACHE_MISSING;
	return *ret_is_missing
	               ? 0
	               : check_text(config, buffer_bytes(&result->response),
	                            why, why_size);
}

int preflight_make(struct cache *cache, const struct agent_cache *config,
                   char *why, size_t why_size)
{
	cleanup_buffer struct buffer text = { .data = NULL };
	struct cache_info info = { .priority = config->priority };
	struct cache_step step = { .type = CACHE_PUT, .key = NAMES_CACHE_INFO };
	struct cache_result result = { .outcome = CACHE_FAILED };
	int rc;

	buffer_init(&text, CACHE_INFO_MAX);
	(void)snprintf(info.store_dir, sizeof(info.store_dir), "%s",
	               config->store_dir);
	info.want_mass_query = true;
	cache_info_format(&info, &text);
	rc = buffer_end(&text);
	step.body = text.data;
	step.body_len = text.len;
	if (rc == 0)
		rc = cache_run(cache, &step, &result);
	if (rc < 0) {
		(void)snprintf(why, why_size, "%s: %s", config->name,
		               strerror(-rc));
		return EXIT_FAILED;
	}
	if (result.outcome != CACHE_OK) {
		(void)snprintf(why, why_size, "%s", result.error);
		return result.exit_status;
	}
	return 0;
}
