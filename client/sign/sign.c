#include "client/sign/sign.h"

#include "client/cache/select.h"
#include "client/sign/sign_keys.h"
#include "client/store/closure.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Theory of operation
 *
 * The keys of the cache are known from the agent's status, or after unlocking
 * it where no public-key is configured.  A path that bears a good signature of
 * each wanted key is counted; the others are signed in batches, each of which
 * is in the store before the next is asked for, so that what was cut short is
 * simply repeated.
 *
 * A batch that the agent refuses is asked for path by path: the refusal is of
 * one of them.  A signature that does not hold is never put into the store:
 * nothing takes it out again.
 */

struct sign {
	const struct sign_request *request;
	struct agent *agent;
	struct agent_status status;       /* owned */
	const struct agent_cache *config; /* borrowed from status */
	struct trust keys;                /* owned */
	struct daemon *daemon;            /* owned */
	struct closure closure;           /* owned */
	struct sign_report report;
	int exit_status; /* the first failure's */
	bool is_over;    /* what has failed would fail for all others */
};

static void remember(struct sign *s, int exit_status)
{
	if (s->exit_status == EXIT_DONE)
		s->exit_status = exit_status;
}

/* Fails as a whole. */
static int fail(struct sign *s, int exit_status, const char *why)
{
	log_error("sign: %s", why);
	remember(s, exit_status);
	s->is_over = true;
	return exit_status;
}

static void fail_path(struct sign *s, const char *path, int exit_status,
                      const char *why)
{
	sign_report_failed(&s->report, path, why);
	remember(s, exit_status);
}

static int learn_cache(struct sign *s)
{
	struct agent_error error;
	char why[SIGN_KEYS_WHY_MAX];

	agent_status_clear(&s->status);
	if (agent_get_status(s->agent, &s->status, &error) != AGENT_OK)
		return fail(s, error.exit_status, error.text);
	s->config =
		select_cache(&s->status, s->request->cache, why, sizeof(why));
	if (s->config)
		return 0;
	return fail(s,
	            s->request->cache || s->status.cache_count == 0
	                    ? EXIT_FAILED
	                    : EXIT_USAGE,
	            why);
}

static int find_keys(struct sign *s)
{
	struct agent_error error;
	char why[SIGN_KEYS_WHY_MAX];
	int rc;

	rc = learn_cache(s);
	if (rc != 0)
		return rc;
	if (s->config->public_keys.count == 0) {
		if (agent_unlock(s->agent, &error) != AGENT_OK)
			return fail(s, error.exit_status, error.text);
		rc = learn_cache(s);
		if (rc != 0)
			return rc;
	}
	if (sign_keys_choose(s->config, s->request->key, &s->keys, why) < 0)
		return fail(s, EXIT_FAILED, why);
	return 0;
}

static int open_store(struct sign *s)
{
	char why[STORE_DIR_MAX * 2 + 256];
	struct daemon_error error;

	daemon_close(s->daemon);
	s->daemon = NULL;
	if (daemon_open(s->request->store, &s->daemon, &error) < 0)
		return fail(s, EXIT_FAILED, error.text);
	if (strcmp(daemon_store_dir(s->daemon), s->config->store_dir) == 0)
		return 0;
	(void)snprintf(why, sizeof(why),
	               "the store is %s, and cache %s is for %s (store-dir)",
	               daemon_store_dir(s->daemon), s->config->name,
	               s->config->store_dir);
	return fail(s, EXIT_FAILED, why);
}

static void path_of(const struct sign *s, const char *base,
                    char out[STORE_PATH_SIZE])
{
	(void)snprintf(out, STORE_PATH_SIZE, "%s/%s", s->config->store_dir,
	               base);
}

static int resolve_all(struct sign *s, struct strings *ret_bases)
{
	const struct strings *paths = s->request->paths;

	for (size_t i = 0; i < paths->count; i++) {
		char base[STORE_PATH_BASE_SIZE];
		struct daemon_error error;

		if (closure_resolve(s->daemon, paths->items[i], base, &error) <
		    0) {
			fail_path(s, paths->items[i], EXIT_FAILED, error.text);
		} else if (strings_add(ret_bases, base, strlen(base)) < 0) {
			return fail(s, EXIT_FAILED, strerror(ENOMEM));
		}
	}
	strings_sort(ret_bases);
	return 0;
}

/* Leaves out what the store does not have. */
static int keep_valid(struct sign *s, const struct strings *bases,
                      struct strings *ret_roots)
{
	cleanup_free bool *valid = calloc(bases->count + 1, sizeof(*valid));
	struct daemon_error error;

	if (!valid)
		return fail(s, EXIT_FAILED, strerror(ENOMEM));
	if (daemon_query_valid(s->daemon, bases, valid, &error) < 0)
		return fail(s, EXIT_FAILED, error.text);
	for (size_t i = 0; i < bases->count; i++) {
		const char *base = bases->items[i];
		char path[STORE_PATH_SIZE];

		path_of(s, base, path);
		if (!valid[i]) {
			fail_path(s, path, EXIT_FAILED,
			          "not a valid path in the store");
		} else if (strings_add(ret_roots, base, strlen(base)) < 0) {
			return fail(s, EXIT_FAILED, strerror(ENOMEM));
		}
	}
	return 0;
}

static int find_paths(struct sign *s)
{
	cleanup_strings struct strings bases = { .items = NULL };
	cleanup_strings struct strings roots = { .items = NULL };
	struct daemon_error error;
	int rc;

	rc = open_store(s);
	if (rc == 0)
		rc = resolve_all(s, &bases);
	if (rc == 0)
		rc = keep_valid(s, &bases, &roots);
	if (rc != 0)
		return rc;
	if (closure_compute(s->daemon, &roots, s->request->recursive,
	                    &s->closure, &error) < 0)
		return fail(s, EXIT_FAILED, error.text);
	return 0;
}

/* After an error the connection is of no use for the next path. */
static void store_failed(struct sign *s, const char *path, int rc,
                         const struct daemon_error *error)
{
	if (rc == -EPERM) {
		(void)fail(s, EXIT_FAILED, error->text);
		return;
	}
	fail_path(s, path, EXIT_FAILED, error->text);
	if (rc != -ENOENT)
		(void)open_store(s);
}

/* All that the path will bear, against all that is wanted. */
static int check_complete(struct sign *s, const struct path_info *info,
                          const struct strings *fresh, const char *path)
{
	cleanup_strings struct strings all = { .items = NULL };
	struct path_info with_all = *info;
	const struct public_key *missing;
	char why[KEY_NAME_MAX + 64];

	if (strings_add_all(&all, &info->signatures) < 0 ||
	    strings_add_all(&all, fresh) < 0)
		return fail(s, EXIT_FAILED, strerror(ENOMEM));
	with_all.signatures = all;
	missing = sign_keys_find_missing(&s->keys, s->config->store_dir,
	                                 &with_all);
	if (!missing)
		return 0;
	(void)snprintf(why, sizeof(why),
	               "the agent gave no good signature of key %s",
	               missing->name);
	fail_path(s, path, EXIT_FAILED, why);
	return EXIT_FAILED;
}

/* What the path lacks, out of what the agent gave. */
static void keep(struct sign *s, const struct path_info *info,
                 const struct strings *offered)
{
	cleanup_strings struct strings fresh = { .items = NULL };
	struct daemon_error error;
	char path[STORE_PATH_SIZE];
	int rc;

	path_of(s, info->base, path);
	if (sign_keys_pick(&s->keys, s->config->store_dir, info, offered,
	                   &fresh) < 0) {
		(void)fail(s, EXIT_FAILED, strerror(ENOMEM));
		return;
	}
	if (check_complete(s, info, &fresh, path) != 0)
		return;

	rc = daemon_add_signatures(s->daemon, info->base, &fresh, &error);
	if (rc < 0) {
		store_failed(s, path, rc, &error);
	} else {
		sign_report_signed(&s->report, path, &fresh);
	}
}

/* What is refused of one path says nothing of the next. */
static bool is_about_paths(int outcome)
{
	return outcome == AGENT_E_REFUSED || outcome == AGENT_E_POLICY;
}

static void sign_one(struct sign *s, const struct path_info *info)
{
	cleanup_strings struct strings offered = { .items = NULL };
	struct agent_error error;
	char path[STORE_PATH_SIZE];
	int rc;

	rc = agent_sign(s->agent, s->config, &info, 1, &offered, &error);
	if (rc == AGENT_OK) {
		keep(s, info, &offered);
	} else if (is_about_paths(rc)) {
		path_of(s, info->base, path);
		fail_path(s, path, error.exit_status, error.text);
	} else {
		(void)fail(s, error.exit_status, error.text);
	}
}

static void sign_batch(struct sign *s, const struct path_info *const *paths,
                       size_t count)
{
	struct strings offered[AGENT_BATCH_MAX] = { { .items = NULL } };
	struct agent_error error;
	int rc;

	rc = agent_sign(s->agent, s->config, paths, count, offered, &error);
	if (rc < 0 || (rc != AGENT_OK && !is_about_paths(rc))) {
		(void)fail(s, error.exit_status, error.text);
		return;
	}
	for (size_t i = 0; i < count && !s->is_over; i++) {
		if (rc == AGENT_OK) {
			keep(s, paths[i], &offered[i]);
		} else {
			sign_one(s, paths[i]);
		}
	}
	for (size_t i = 0; i < count; i++)
		strings_clear(&offered[i]);
}

static void sign_all(struct sign *s)
{
	const struct path_info *todo[AGENT_BATCH_MAX];
	size_t count = 0;

	for (size_t i = 0; i < s->closure.count && !s->is_over; i++) {
		const struct path_info *info = &s->closure.paths[i];

		if (sign_keys_find_missing(&s->keys, s->config->store_dir,
		                           info)) {
			todo[count++] = info;
		} else {
			char path[STORE_PATH_SIZE];

			path_of(s, info->base, path);
			sign_report_present(&s->report, path);
		}
		if (count == AGENT_BATCH_MAX) {
			sign_batch(s, todo, count);
			count = 0;
		}
	}
	if (count > 0 && !s->is_over)
		sign_batch(s, todo, count);
}

int sign_run(const struct sign_request *request, struct agent *agent)
{
	struct sign s = {
		.request = request,
		.agent = agent,
		.report = { .mode = request->mode },
	};

	if (find_keys(&s) == 0 && find_paths(&s) == 0) {
		sign_all(&s);
		sign_report_end(&s.report);
	}

	closure_clear(&s.closure);
	daemon_close(s.daemon);
	trust_clear(&s.keys);
	agent_status_clear(&s.status);
	return s.exit_status;
}
