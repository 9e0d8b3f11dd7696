/* Theory of operation
 *
 * resolve -> skip what the store has -> narinfos -> judge -> plan -> what the
 * cache lacks, from Nix's own substituters -> NARs.  Each step takes the values
 * of the one before; until the last two nothing has been changed, and the first
 * that fails says why and ends the pull.
 *
 * The conductor's own daemon connection holds temporary roots for all paths,
 * valid or still to come, until the program ends.
 */
#include "client/pull/pull.h"

#include "client/cache/session.h"
#include "client/pull/fetch.h"
#include "client/pull/judge.h"
#include "client/pull/survey.h"
#include "client/store/closure.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct pull {
	const struct pull_request *request;
	struct progress *progress;
	struct daemon *daemon;
	struct session session;
	struct pull_paths paths;
	struct survey survey;
	struct pull_plan plan;
	struct importers *importers;
	struct fetch *fetch;
};

static int fail(const char *why)
{
	log_error("pull: %s", why);
	return EXIT_FAILED;
}

static int fail_errno(int rc)
{
	return fail(strerrordesc_np(-rc));
}

static void name_path(const struct pull *p, const struct pull_path *path,
                      char out[STORE_PATH_SIZE])
{
	(void)snprintf(out, STORE_PATH_SIZE, "%s/%s",
	               daemon_store_dir(p->daemon), path->base);
}

static int resolve_all(struct pull *p)
{
	const struct strings *given = p->request->paths;

	for (size_t i = 0; i < given->count; i++) {
		char base[STORE_PATH_BASE_SIZE];
		struct daemon_error error;
		struct pull_path *path;
		int rc = closure_resolve(p->daemon, given->items[i], base,
		                         &error);

		if (rc < 0)
			return fail(error.text);
		rc = pull_paths_add(&p->paths, base, &path);
		if (rc < 0)
			return fail_errno(rc);
		path->is_root = true;
	}
	return 0;
}

static int look_here(struct pull *p)
{
	struct daemon_error error;
	int rc;

	if (daemon_open(p->request->store, &p->daemon, &error) < 0)
		return fail(error.text);
	rc = resolve_all(p);
	if (rc != 0)
		return rc;
	p->survey = (struct survey){
		.daemon = p->daemon,
		.store_dir = daemon_store_dir(p->daemon),
		.has_references = !p->request->no_closure,
		.paths = &p->paths,
	};
	return survey_check_store(&p->survey) < 0 ? fail(p->survey.why) : 0;
}

/* What takes time to start is started before it is needed. */
static int open_importers(struct pull *p)
{
	int rc;

	if (p->request->dry_run)
		return 0;
	rc = importers_open(p->request->store, p->request->jobs, &p->importers);
	return rc < 0 ? fail_errno(rc) : 0;
}

static int open_cache(struct pull *p)
{
	char why[SESSION_WHY_MAX];
	int rc = session_open(p->request->cache, FETCH_ACTIVE_MAX, &p->session,
	                      why);

	if (rc != 0) {
		log_error("pull: %s", why);
		return rc;
	}
	if (strcmp(p->survey.store_dir, p->session.config->store_dir) == 0) {
		p->survey.cache = p->session.cache;
		return open_importers(p);
	}
	log_error("pull: the store is %s, and cache %s is for %s (store-dir)",
	          p->survey.store_dir, p->session.config->name,
	          p->session.config->store_dir);
	return EXIT_FAILED;
}

/* What speaks against a path, or NULL. */
static const char *objection(const struct pull *p, const struct pull_path *path,
                             char *text, size_t size)
{
	char referrer[STORE_PATH_SIZE];

	if (path->state == PULL_BAD)
		return path->why;
	if (path->state != PULL_ABSENT)
		return NULL;
	if (path->is_root) {
		(void)snprintf(text, size, "cache %s does not have it",
		               p->session.config->name);
		return text;
	}
	if (!p->request->no_closure)
		return NULL;
	name_path(p, p->paths.items[path->referrer], referrer);
	(void)snprintf(text, size,
	               "%s refers to it, and it is not in the local store: "
	               "pull without --no-closure",
	               referrer);
	return text;
}

static int check_survey(struct pull *p)
{
	int exit_status = 0;

	for (size_t i = 0; i < p->paths.count; i++) {
		char name[STORE_PATH_SIZE], text[STORE_PATH_SIZE + 128];
		const char *why =
			objection(p, p->paths.items[i], text, sizeof(text));

		if (!why)
			continue;
		name_path(p, p->paths.items[i], name);
		progress_failed(p->progress, name, why);
		exit_status = EXIT_FAILED;
	}
	return exit_status;
}

static int ask_cache(struct pull *p)
{
	if (survey_ask(&p->survey) < 0) {
		log_error("pull: %s", p->survey.why);
		return p->survey.exit_status;
	}
	return check_survey(p);
}

static int judge(struct pull *p)
{
	size_t bad = 0;
	int rc = judge_paths(&p->paths, p->session.config, p->progress, &bad);

	if (rc < 0)
		return fail_errno(rc);
	return bad > 0 ? EXIT_FAILED : 0;
}

static int make_plan(struct pull *p)
{
	size_t culprit = 0;
	int rc = pull_plan_make(&p->paths, &p->plan, &culprit);

	if (rc == -ELOOP) {
		char name[STORE_PATH_SIZE];

		name_path(p, p->paths.items[culprit], name);
		log_error("pull: %s: refers to itself through others, which no "
		          "store can hold: the cache's narinfos are wrong",
		          name);
		return EXIT_FAILED;
	}
	return rc < 0 ? fail_errno(rc) : 0;
}

static void show_plan(const struct pull *p)
{
	const struct progress_plan plan = {
		.path_count = p->paths.count,
		.todo_count = p->plan.count,
		.upstream_count = pull_paths_count(&p->paths, PULL_ABSENT),
		.present_count = pull_paths_count(&p->paths, PULL_VALID),
		.nar_bytes = p->plan.nar_bytes,
	};

	progress_plan(p->progress, &plan,
	              p->session.config ? p->session.config->name : NULL);
	for (size_t i = 0; p->request->dry_run && i < p->plan.count; i++) {
		const struct pull_path *path = p->paths.items[p->plan.order[i]];
		char name[STORE_PATH_SIZE];

		name_path(p, path, name);
		progress_would_do(p->progress, name, path->info->path.nar_size);
	}
}

/* The last word has the store itself. */
static int check_roots(struct pull *p, int exit_status)
{
	cleanup_strings struct strings bases = { .items = NULL };
	cleanup_free bool *valid = calloc(p->paths.count + 1, sizeof(*valid));
	struct daemon_error error;
	int rc = valid ? 0 : -ENOMEM;

	for (size_t i = 0; i < p->paths.count && rc == 0; i++) {
		const struct pull_path *path = p->paths.items[i];

		if (path->is_root) {
			rc = strings_add(&bases, path->base,
			                 strlen(path->base));
		}
	}
	if (rc < 0)
		return fail_errno(rc);
	if (daemon_query_valid(p->daemon, &bases, valid, &error) < 0)
		return fail(error.text);
	for (size_t i = 0; i < bases.count; i++) {
		if (valid[i])
			continue;
		log_error("pull: %s/%s: is not valid after all",
		          daemon_store_dir(p->daemon), bases.items[i]);
		exit_status = EXIT_FAILED;
	}
	return exit_status;
}

static int fetch_all(struct pull *p)
{
	const struct fetch_request request = {
		.cache = p->session.cache,
		.importers = p->importers,
		.paths = &p->paths,
		.plan = &p->plan,
		.store_dir = p->survey.store_dir,
		.progress = p->progress,
	};
	struct fetch_result result;
	int rc = fetch_open(&request, &p->fetch);

	if (rc < 0)
		return fail_errno(rc);
	fetch_ensure(p->fetch);
	fetch_run(p->fetch);
	fetch_get_result(p->fetch, &result);
	progress_end(p->progress, result.pulled, result.failed, result.bytes);
	return result.exit_status == EXIT_DONE ? check_roots(p, EXIT_DONE)
	                                       : result.exit_status;
}

static int run(struct pull *p)
{
	int rc = look_here(p);

	if (rc != 0)
		return rc;
	if (pull_paths_count(&p->paths, PULL_NEEDED) == 0) {
		show_plan(p);
		return EXIT_DONE;
	}
	rc = open_cache(p);
	if (rc == 0)
		rc = ask_cache(p);
	if (rc == 0)
		rc = judge(p);
	if (rc == 0)
		rc = make_plan(p);
	if (rc != 0)
		return rc;
	show_plan(p);
	return p->request->dry_run ? EXIT_DONE : fetch_all(p);
}

int pull_run(const struct pull_request *request, struct progress *progress)
{
	struct pull p = { .request = request, .progress = progress };
	int exit_status = run(&p);

	/* A thread that was left behind ends with the program, and all that
	 * it may look at stays until then. */
	if (importers_close(p.importers) < 0)
		return exit_status;
	fetch_close(p.fetch);
	session_close(&p.session);
	pull_plan_clear(&p.plan);
	pull_paths_clear(&p.paths);
	daemon_close(p.daemon);
	return exit_status;
}
