/* Theory of operation
 *
 * resolve -> closure -> decide (what upstream and the cache lack) -> flow.
 * Each step takes the values of the one before; the first that
 * fails says why and ends the push before anything has been changed.
 */
#include "client/push/push.h"

#include "client/cache/select.h"
#include "client/journal/journal.h"
#include "client/push/decide.h"
#include "client/push/estimate.h"
#include "client/push/flow.h"
#include "client/push/preflight.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS     48
#define KNOWN_AGE_MAX_S 3600 /* who empties a bucket waits, or rechecks */

#define METHOD_SIZE 32 /* "zstd:19" */

struct push {
	const struct push_request *request;
	struct agent *agent;
	struct progress *progress;
	struct agent_status status;
	const struct agent_cache *config; /* borrowed from status */
	struct daemon *daemon;
	struct closure closure;
	struct plan plan;
	struct journal *journal; /* NULL: nothing is remembered */
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
	/* A folder is asked as quickly as a journal. */
	if (cache_is_remote(p->cache) &&
	    journal_open(NULL, &p->journal, why) < 0)
		progress_notice(p->progress, "without a journal: %s", why);
	return 0;
}

static int make_plan(struct push *p)
{
	const struct decide_request request = {
		.closure = &p->closure,
		.config = p->config,
		.daemon = p->daemon,
		.cache = p->cache,
		.journal = p->journal,
		.progress = p->progress,
		.max_age_s = p->request->recheck ? 0 : KNOWN_AGE_MAX_S,
		.is_full = p->request->full,
		.is_alone = p->request->no_closure,
	};

	return decide(&request, &p->plan, &p->needs_cache_info);
}

static int level_of(const struct push *p)
{
	return p->request->level == -1 ? p->config->compression_level
	                               : p->request->level;
}

/* By which the journal knows how long compressing takes. */
static void format_method(const struct push *p, char out[METHOD_SIZE])
{
	(void)snprintf(out, METHOD_SIZE, "%s:%d",
	               pack_compression_name(p->compression), level_of(p));
}

static void estimate(const struct push *p,
                     struct progress_estimate *ret_estimate)
{
	char method[METHOD_SIZE];
	struct journal_link link;
	struct journal_work work;
	struct estimate_request request = {
		.plan = &p->plan,
		.compression = p->compression,
		.is_remote = cache_is_remote(p->cache),
		.needs_cache_info = p->needs_cache_info,
		.jobs = p->request->jobs ? p->request->jobs
		                         : pack_processor_count(),
		.connections = CONNECTIONS,
	};

	format_method(p, method);
	if (journal_find_link(p->journal, p->config->store, &link) == 1)
		request.link = &link;
	if (journal_find_work(p->journal, method, &work) == 1)
		request.work = &work;
	estimate_make(&request, ret_estimate);
}

static void show_plan(const struct push *p)
{
	struct progress_estimate estimated;
	struct progress_plan plan = {
		.path_count = p->closure.count,
		.todo_count = p->plan.push_count,
		.upstream_count = p->plan.upstream_count,
		.present_count = p->plan.present_count,
		.nar_bytes = p->plan.nar_bytes,
	};

	if (p->request->dry_run) {
		estimate(p, &estimated);
		plan.estimate = &estimated;
	}
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

/* Pushes that were killed may have left multipart uploads behind: of what is
 * there now, nobody goes on with one. */
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
		.level = level_of(p),
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
	rc = pack_open(&options, &p->pack);
	return rc < 0 ? fail(strerror(-rc)) : 0;
}

/* What was read and not packed, or packed and not pushed, has no size: then
 * this push says nothing of what compressing takes. */
static void note_work(const struct push *p, const struct flow_result *result,
                      uint64_t cpu_ms)
{
	const struct journal_work work = {
		.nar_bytes = result->packed_nar_bytes,
		.file_bytes = result->packed_file_bytes,
		.cpu_ms = cpu_ms,
	};
	char method[METHOD_SIZE];

	format_method(p, method);
	if (work.nar_bytes > 0 && work.nar_bytes == pack_bytes_read(p->pack))
		(void)!journal_add_work(p->journal, method, &work);
}

static uint64_t clock_cpu_ms(void)
{
	struct timespec spent;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return (uint64_t)spent.tv_sec * 1000 +
	       (uint64_t)spent.tv_nsec / 1000000;
}

static int upload_all(struct push *p)
{
	const uint64_t began_cpu_ms = clock_cpu_ms();
	const struct flow_request request = {
		.agent = p->agent,
		.cache_config = p->config,
		.plan = &p->plan,
		.context = {
			.cache = p->cache,
			.pack = p->pack,
			.journal = p->journal,
			.store_uri = p->config->store,
			.store_dir = p->config->store_dir,
			.physical_dir = daemon_physical_dir(p->daemon),
			.compression = p->compression,
		},
		.progress = p->progress,
	};
	struct flow_result result;

	flow_run(&request, &result);
	note_work(p, &result, clock_cpu_ms() - began_cpu_ms);
	/* The answer to a beginning may have been lost: the server then holds
	 * an upload whose id nobody knows. */
	if (result.has_multipart && end_stale_uploads(p) != 0 &&
	    result.exit_status == EXIT_DONE)
		result.exit_status = EXIT_FAILED;
	if (result.link.bytes_per_s > 0) {
		(void)!journal_set_link(p->journal, p->config->store,
		                        result.link.bytes_per_s,
		                        result.link.latency_ms);
	}
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
	journal_close(p.journal);
	plan_clear(&p.plan);
	closure_clear(&p.closure);
	daemon_close(p.daemon);
	agent_status_clear(&p.status);
	return exit_status;
}
