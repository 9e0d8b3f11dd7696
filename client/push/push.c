/* Theory of operation
 *
 * resolve -> closure -> skip what upstream has -> skip what the cache has ->
 * plan -> flow.  Each step takes the values of the one before; the first that
 * fails says why and ends the push before anything has been changed.
 */
#include "client/push/push.h"

#include "client/cache/select.h"
#include "client/catalog/trust.h"
#include "client/push/flow.h"
#include "client/push/preflight.h"
#include "client/push/presence.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 48

struct push {
	const struct push_request *request;
	struct agent *agent;
	struct progress *progress;
	struct agent_status status;
	const struct agent_cache *config; /* borrowed from status */
	struct trust upstream;            /* whose paths are not uploaded */
	struct daemon *daemon;
	struct closure closure;
	struct plan plan;
	struct cache *cache;
	struct pack *pack;
	enum pack_compression compression;
	bool needs_cache_info;
};

static int fail(const char *why)
{
	log_error("push: %s", why);
	return EXIT_FAILED;
}

static int choose_cache(struct push *p)
{
	struct agent_error error;
	char why[512];

	if (agent_get_status(p->agent, &p->status, &error) != 0) {
		log_error("%s", error.text);
		return error.exit_status;
	}
	p->config =
		select_cache(&p->status, p->request->cache, why, sizeof(why));
	if (!p->config) {
		log_error("push: %s", why);
		return p->request->cache || p->status.cache_count == 0
		               ? EXIT_FAILED
		               : EXIT_USAGE;
	}
	if (pack_compression_parse(p->request->compression
	                                   ? p->request->compression
	                                   : p->config->compression,
	                           &p->compression) < 0)
		return fail("--compression takes zstd, xz or none");
	if (p->request->level == PACK_LEVEL_AUTO && p->compression != PACK_ZSTD)
		return fail("--level auto is for zstd only");
	return 0;
}

static int resolve_all(struct push *p, struct strings *ret_roots)
{
	const struct strings *paths = p->request->paths;
	struct daemon_error error;

	for (size_t i = 0; i < paths->count; i++) {
		char base[STORE_PATH_BASE_SIZE];
		int rc = closure_resolve(p->daemon, paths->items[i], base,
		                         &error);

		if (rc < 0)
			return fail(error.text);
		rc = strings_add(ret_roots, base, strlen(base));
		if (rc < 0)
			return fail(strerror(-rc));
	}
	strings_sort(ret_roots);
	return 0;
}

static int find_closure(struct push *p)
{
	cleanup_strings struct strings roots = { .items = NULL };
	struct daemon_error error;
	int rc;

	if (daemon_open(p->request->store, &p->daemon, &error) < 0)
		return fail(error.text);
	if (strcmp(daemon_store_dir(p->daemon), p->config->store_dir) != 0) {
		char why[STORE_DIR_MAX * 2 + 128];

		(void)snprintf(why, sizeof(why),
		               "the store is %s, and cache %s is for %s "
		               "(store-dir)",
		               daemon_store_dir(p->daemon), p->config->name,
		               p->config->store_dir);
		return fail(why);
	}
	rc = resolve_all(p, &roots);
	if (rc != 0)
		return rc;
	if (closure_compute(p->daemon, &roots, !p->request->no_closure,
	                    &p->closure, &error) < 0)
		return fail(error.text);
	return 0;
}

/* A name alone would let anybody keep a path out of the cache. */
static bool is_upstream(const struct push *p, const struct path_info *info)
{
	return trust_judge(&p->upstream, p->config->store_dir, info) ==
	       TRUST_SIGNED;
}

static void mark_upstream(struct push *p)
{
	for (size_t i = 0; i < p->closure.count && !p->request->full; i++) {
		if (is_upstream(p, &p->closure.paths[i]))
			p->plan.entries[i].state = PLAN_UPSTREAM;
	}
}

static int say_cache_failure(int rc, const struct cache_result *failure)
{
	if (rc < 0)
		return fail(strerror(-rc));
	log_error("push: %s", failure->error);
	return failure->exit_status;
}

/* Asks for the narinfo of everything that is still unknown. */
static int mark_present(struct push *p)
{
	cleanup_strings struct strings bases = { .items = NULL };
	cleanup_free size_t *indexes =
		calloc(p->closure.count + 1, sizeof(*indexes));
	cleanup_free bool *present =
		calloc(p->closure.count + 1, sizeof(*present));
	struct cache_result failure;
	int rc = indexes && present ? 0 : -ENOMEM;

	for (size_t i = 0; i < p->closure.count && rc == 0; i++) {
		const char *base = p->closure.paths[i].base;

		if (p->plan.entries[i].state != PLAN_UNKNOWN)
			continue;
		indexes[bases.count] = i;
		rc = strings_add(&bases, base, strlen(base));
	}
	if (rc == 0)
		rc = presence_ask(p->cache, &bases, present, &failure);
	if (rc != 0)
		return say_cache_failure(rc, &failure);

	for (size_t i = 0; i < bases.count; i++) {
		if (present[i])
			p->plan.entries[indexes[i]].state = PLAN_PRESENT;
	}
	return 0;
}

/* References that upstream has need not be in the cache. */
static int drop_upstream(struct push *p, struct strings *bases)
{
	cleanup_free struct path_info *infos =
		calloc(bases->count + 1, sizeof(*infos));
	struct daemon_error error;
	size_t kept = 0;

	if (!infos)
		return fail(strerror(ENOMEM));
	if (daemon_query_infos(p->daemon, bases, infos, &error) < 0)
		return fail(error.text);
	for (size_t i = 0; i < bases->count; i++) {
		if (is_upstream(p, &infos[i])) {
			free(bases->items[i]);
		} else {
			bases->items[kept++] = bases->items[i];
		}
		path_info_clear(&infos[i]);
	}
	bases->count = kept;
	return 0;
}

/* With --no-closure: what the paths refer to must be there already, or a
 * reader would stumble. */
static int check_references(struct push *p)
{
	cleanup_strings struct strings bases = { .items = NULL };
	cleanup_free bool *present = NULL;
	struct cache_result failure;
	char why[STORE_PATH_SIZE + 128];
	int rc = plan_outside_references(&p->plan, &bases);

	if (rc < 0)
		return fail(strerror(-rc));
	rc = drop_upstream(p, &bases);
	if (rc != 0)
		return rc;
	present = calloc(bases.count + 1, sizeof(*present));
	rc = present ? presence_ask(p->cache, &bases, present, &failure)
	             : -ENOMEM;
	if (rc != 0)
		return say_cache_failure(rc, &failure);
	for (size_t i = 0; i < bases.count; i++) {
		if (present[i])
			continue;
		(void)snprintf(why, sizeof(why),
		               "%s/%s is referred to and in neither the cache "
		               "nor an upstream: push without --no-closure",
		               p->config->store_dir, bases.items[i]);
		return fail(why);
	}
	return 0;
}

static int open_cache(struct push *p)
{
	const struct cache_options options = {
		.agent = p->agent,
		.connections = CONNECTIONS,
	};
	char why[768];
	int rc = cache_open(p->config, &options, &p->cache, why, sizeof(why));

	if (rc < 0)
		return fail(why);
	rc = preflight_check(p->cache, p->config, &p->needs_cache_info, why,
	                     sizeof(why));
	if (rc != 0)
		log_error("push: %s", why);
	return rc;
}

static int make_plan(struct push *p)
{
	size_t skipped;
	int rc = trust_add(&p->upstream, &p->config->upstream_keys, &skipped);

	if (rc == 0)
		rc = plan_make(&p->closure, &p->plan);
	if (rc < 0)
		return fail(strerror(-rc));
	mark_upstream(p);
	rc = mark_present(p);
	if (rc != 0)
		return rc;
	rc = plan_finish(&p->plan);
	if (rc < 0)
		return fail(strerror(-rc));
	return p->request->no_closure ? check_references(p) : 0;
}

static void show_plan(const struct push *p)
{
	const struct progress_plan plan = {
		.path_count = p->closure.count,
		.todo_count = p->plan.push_count,
		.upstream_count = p->plan.upstream_count,
		.present_count = p->plan.present_count,
		.nar_bytes = p->plan.nar_bytes,
	};

	progress_plan(p->progress, &plan, p->config->name);
	for (size_t i = 0; p->request->dry_run && i < p->closure.count; i++) {
		char path[STORE_PATH_SIZE];

		if (p->plan.entries[i].state != PLAN_PUSH)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s",
		               p->config->store_dir, p->closure.paths[i].base);
		progress_would_do(p->progress, path,
		                  p->closure.paths[i].nar_size);
	}
}

/* A push that was killed may have left multipart uploads behind. */
static int end_stale_uploads(struct push *p)
{
	cleanup_strings struct strings keys = { .items = NULL };
	size_t ended = 0;
	char why[512];
	int rc = 0;

	for (size_t i = 0; i < p->closure.count && rc == 0; i++) {
		char key[NAMES_NAR_SIZE];

		if (p->plan.entries[i].state != PLAN_PUSH)
			continue;
		names_format_nar(&p->closure.paths[i].nar_hash,
		                 pack_compression_suffix(p->compression), key);
		rc = strings_add(&keys, key, strlen(key));
	}
	if (rc < 0)
		return fail(strerror(-rc));
	strings_sort(&keys);
	rc = cache_end_stale_uploads(p->cache, &keys, &ended, why, sizeof(why));
	if (rc < 0) /* a key may lack the right to list: no reason to stop */
		progress_notice(p->progress, "unfinished uploads: %s", why);
	if (ended > 0) {
		progress_notice(p->progress,
		                "ended %zu unfinished uploads of a push that "
		                "died",
		                ended);
	}
	return 0;
}

static int prepare_upload(struct push *p)
{
	const struct pack_options options = {
		.compression = p->compression,
		.level = p->request->level == -1 ? p->config->compression_level
		                                 : p->request->level,
		.jobs = p->request->jobs,
		.max_memory = p->request->max_memory,
	};
	char why[768];
	int rc = 0;

	if (p->needs_cache_info)
		rc = preflight_make(p->cache, p->config, why, sizeof(why));
	if (rc != 0) {
		log_error("push: %s", why);
		return rc;
	}
	rc = end_stale_uploads(p);
	if (rc != 0)
		return rc;
	rc = pack_open(&options, &p->pack);
	return rc < 0 ? fail(strerror(-rc)) : 0;
}

static int upload_all(struct push *p)
{
	const struct flow_request request = {
		.agent = p->agent,
		.cache_config = p->config,
		.plan = &p->plan,
		.context = {
			.cache = p->cache,
			.pack = p->pack,
			.store_dir = p->config->store_dir,
			.physical_dir = daemon_physical_dir(p->daemon),
			.compression = p->compression,
		},
		.progress = p->progress,
	};
	struct flow_result result;

	flow_run(&request, &result);
	/* The answer to a beginning may have been lost: the server then holds
	 * an upload whose id nobody knows. */
	if (result.has_multipart && end_stale_uploads(p) != 0 &&
	    result.exit_status == EXIT_DONE)
		result.exit_status = EXIT_FAILED;
	progress_end(p->progress, result.pushed, result.failed,
	             cache_bytes_sent(p->cache));
	return result.exit_status;
}

static int run(struct push *p)
{
	int rc = choose_cache(p);

	if (rc == 0)
		rc = find_closure(p);
	if (rc == 0)
		rc = open_cache(p);
	if (rc == 0)
		rc = make_plan(p);
	if (rc != 0)
		return rc;

	show_plan(p);
	if (p->request->dry_run || p->plan.push_count == 0)
		return EXIT_DONE;
	rc = prepare_upload(p);
	return rc == 0 ? upload_all(p) : rc;
}

int push_run(const struct push_request *request, struct agent *agent,
             struct progress *progress)
{
	struct push p = {
		.request = request,
		.agent = agent,
		.progress = progress,
	};
	int exit_status = run(&p);

	cache_close(p.cache);
	pack_close(p.pack);
	plan_clear(&p.plan);
	trust_clear(&p.upstream);
	closure_clear(&p.closure);
	daemon_close(p.daemon);
	agent_status_clear(&p.status);
	return exit_status;
}
