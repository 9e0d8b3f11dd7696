#include "client/serve/site.h"

#include "client/cache/cache_info.h"
#include "client/cache/select.h"
#include "protocol/base/exit_status.h"
#include "protocol/nix/store_uri.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 48 /* to a server, for what is small */
#define STREAMS     64 /* NARs at once, of one cache */

static int fail(char why[SITE_WHY_MAX], const char *reason)
{
	(void)snprintf(why, SITE_WHY_MAX, "%s", reason);
	return EXIT_FAILED;
}

static int ask_status(struct agent_status *ret_status, char why[SITE_WHY_MAX])
{
	struct agent *agent = NULL;
	struct agent_error error;
	int rc = agent_open(NULL, &agent, &error);

	if (rc == AGENT_OK)
		rc = agent_get_status(agent, ret_status, &error);
	agent_close(agent);
	if (rc == AGENT_OK)
		return 0;
	(void)snprintf(why, SITE_WHY_MAX, "%s", error.text);
	return error.exit_status;
}

static int priority_of(const struct site_cache *cache)
{
	assert(cache->config);
	return cache->config->priority >= 0 ? cache->config->priority
	                                    : SITE_PRIORITY_USUAL;
}

/* Behind those of the same priority, which were named before; one that is
 * named twice is there once. */
static void insert(struct site *site, const struct agent_cache *config)
{
	const struct site_cache cache = { .config = config };
	size_t at = site->count;

	for (size_t i = 0; i < site->count; i++) {
		if (site->caches[i].config == config)
			return;
	}
	while (at > 0 &&
	       priority_of(&site->caches[at - 1]) > priority_of(&cache)) {
		site->caches[at] = site->caches[at - 1];
		at--;
	}
	site->caches[at] = cache;
	site->count++;
}

static int choose(struct site *site, const struct strings *wanted,
                  char why[SITE_WHY_MAX])
{
	const struct agent_status *status = &site->status;

	site->caches = calloc(status->cache_count + 1, sizeof(*site->caches));
	if (!site->caches)
		return fail(why, strerror(ENOMEM));
	for (size_t i = 0; i < status->cache_count && wanted->count == 0; i++)
		insert(site, &status->caches[i]);
	for (size_t i = 0; i < wanted->count; i++) {
		const struct agent_cache *config = select_cache(
			status, wanted->items[i], why, SITE_WHY_MAX);

		if (!config)
			return EXIT_FAILED;
		insert(site, config);
	}
	if (site->count == 0) {
		return fail(why, "the agent knows no cache: write "
		                 "nixcache.conf, see nixcache-agent(1)");
	}
	return 0;
}

static int name_all(struct site *site, char why[SITE_WHY_MAX])
{
	for (size_t i = 0; i < site->count; i++) {
		const struct agent_cache *config = site->caches[i].config;
		const struct agent_cache *first = site->caches[0].config;

		assert(config && first);
		if (strcmp(config->store_dir, first->store_dir) != 0) {
			(void)snprintf(why, SITE_WHY_MAX,
			               "cache %s is for %s, and cache %s for "
			               "%s: serve them apart, with --cache",
			               first->name, first->store_dir,
			               config->name, config->store_dir);
			return EXIT_FAILED;
		}
		if (strings_add(&site->names, config->name,
		                strlen(config->name)) < 0)
			return fail(why, strerror(ENOMEM));
	}
	return 0;
}

static int open_cache(struct site_cache *cache,
                      const struct site_options *options,
                      char why[SITE_WHY_MAX])
{
	struct upstream_options upstream = {
		.config = cache->config,
		.connections = CONNECTIONS,
		.done_fd = options->done_fd,
	};
	struct store_uri uri;
	int rc;

	if (store_uri_parse(cache->config->store, &uri, why, SITE_WHY_MAX) < 0)
		return EXIT_FAILED;
	cache->redirects = uri.kind == STORE_URI_S3 && !options->is_proxy;
	rc = upstream_open(&upstream, &cache->upstream, why, SITE_WHY_MAX);
	/* An agent has few connections for one user. */
	upstream.connections = STREAMS;
	upstream.needs_no_agent = uri.kind == STORE_URI_FILE;
	if (rc == 0 && !cache->redirects) {
		rc = upstream_open(&upstream, &cache->streams, why,
		                   SITE_WHY_MAX);
	}
	if (rc == 0 && options->takes &&
	    receiver_new(cache->config, cache->upstream, options->wake_fd,
	                 &cache->receiver) < 0)
		rc = fail(why, strerror(ENOMEM));
	return rc;
}

int site_open(const struct site_options *options, struct site *ret_site,
              char why[SITE_WHY_MAX])
{
	int rc;

	*ret_site = (struct site){ .priority = options->priority };
	rc = ask_status(&ret_site->status, why);
	if (rc == 0)
		rc = choose(ret_site, options->wanted, why);
	if (rc == 0)
		rc = name_all(ret_site, why);
	for (size_t i = 0; rc == 0 && i < ret_site->count; i++)
		rc = open_cache(&ret_site->caches[i], options, why);
	return rc;
}

void site_close(struct site *site)
{
	for (size_t i = 0; i < site->count; i++) {
		/* First: their threads read what the receiver holds. */
		upstream_close(site->caches[i].streams);
		upstream_close(site->caches[i].upstream);
		receiver_free(site->caches[i].receiver);
	}
	free(site->caches);
	strings_clear(&site->names);
	agent_status_clear(&site->status);
	*site = (struct site){ .count = 0 };
}

void site_format_info(const struct site *site, size_t cache, struct buffer *out)
{
	const struct site_cache *from =
		&site->caches[cache < site->count ? cache : 0];
	struct cache_info info = {
		.priority = site->priority >= 0 ? site->priority
		                                : priority_of(from),
		.want_mass_query = true,
	};

	(void)snprintf(info.store_dir, sizeof(info.store_dir), "%s",
	               from->config->store_dir);
	cache_info_format(&info, out);
}

struct order *site_next(struct site *site)
{
	for (size_t i = 0; i < site->count; i++) {
		struct site_cache *cache = &site->caches[i];
		struct order *order = upstream_next(cache->upstream);

		if (!order && cache->streams)
			order = upstream_next(cache->streams);
		if (order)
			return order;
	}
	return NULL;
}

size_t site_pending(const struct site *site)
{
	size_t count = 0;

	for (size_t i = 0; i < site->count; i++) {
		const struct site_cache *cache = &site->caches[i];

		count += upstream_pending(cache->upstream);
		if (cache->streams)
			count += upstream_pending(cache->streams);
	}
	return count;
}
