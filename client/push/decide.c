#include "client/push/decide.h"

#include "client/catalog/trust.h"
#include "client/push/preflight.h"
#include "client/push/presence.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decision {
	const struct decide_request *request;
	struct trust upstream; /* whose paths are not uploaded */
	struct plan *plan;
	bool needs_cache_info;
};

static int fail(const char *why)
{
	log_error("push: %s", why);
	return EXIT_FAILED;
}

/* A name alone would let anybody keep a path out of the cache. */
static bool is_upstream(const struct decision *d, const struct path_info *info)
{
	return trust_judge(&d->upstream, d->request->config->store_dir, info) ==
	       TRUST_SIGNED;
}

static void mark_upstream(struct decision *d)
{
	const struct closure *closure = d->request->closure;

	for (size_t i = 0; i < closure->count && !d->request->is_full; i++) {
		if (is_upstream(d, &closure->paths[i]))
			d->plan->entries[i].state = PLAN_UPSTREAM;
	}
}

static int say_cache_failure(int rc, const struct cache_result *failure)
{
	if (rc < 0)
		return fail(strerror(-rc));
	log_error("push: %s", failure->error);
	return failure->exit_status;
}

/* Asks for the narinfo of each. */
static int ask_presence(const struct decision *d, const struct strings *bases,
                        const struct cache_step *along,
                        struct presence_answer *answer)
{
	const struct decide_request *request = d->request;
	const struct presence_question question = {
		.cache = request->cache,
		.store = request->config->store,
		.bases = bases,
		.journal = request->journal,
		.max_age_s = request->max_age_s,
		.along = along,
	};
	struct cache_result failure;
	int rc = presence_ask(&question, answer, &failure);

	if (rc != 0)
		return say_cache_failure(rc, &failure);
	if (answer->notice[0])
		progress_notice(request->progress, "%s", answer->notice);
	return 0;
}

/* Looks before anything is put into the cache; where all is there already,
 * nothing is. */
static int judge_preflight(struct decision *d,
                           const struct presence_answer *answer)
{
	char why[768];
	int rc = 0;

	if (answer->has_along) {
		rc = preflight_judge(&answer->along, d->request->config,
		                     &d->needs_cache_info, why, sizeof(why));
	}
	if (rc != 0)
		log_error("push: %s", why);
	return rc;
}

/* Asks for everything that is still unknown. */
static int mark_present(struct decision *d)
{
	const struct closure *closure = d->request->closure;
	cleanup_strings struct strings bases = { .items = NULL };
	cleanup_free size_t *indexes =
		calloc(closure->count + 1, sizeof(*indexes));
	cleanup_free bool *present =
		calloc(closure->count + 1, sizeof(*present));
	const struct cache_step look = preflight_step();
	struct presence_answer answer = { .present = present };
	int rc = indexes && present ? 0 : -ENOMEM;

	for (size_t i = 0; i < closure->count && rc == 0; i++) {
		const char *base = closure->paths[i].base;

		if (d->plan->entries[i].state != PLAN_UNKNOWN)
			continue;
		indexes[bases.count] = i;
		rc = strings_add(&bases, base, strlen(base));
	}
	if (rc < 0)
		return fail(strerror(-rc));
	rc = ask_presence(d, &bases, &look, &answer);
	if (rc == 0)
		rc = judge_preflight(d, &answer);
	buffer_clear(&answer.along.response);
	if (rc != 0)
		return rc;

	for (size_t i = 0; i < bases.count; i++) {
		if (present[i])
			d->plan->entries[indexes[i]].state = PLAN_PRESENT;
	}
	return 0;
}

/* References that upstream has need not be in the cache. */
static int drop_upstream(struct decision *d, struct strings *bases)
{
	cleanup_free struct path_info *infos =
		calloc(bases->count + 1, sizeof(*infos));
	struct daemon_error error;
	size_t kept = 0;

	if (!infos)
		return fail(strerror(ENOMEM));
	if (daemon_query_infos(d->request->daemon, bases, infos, &error) < 0)
		return fail(error.text);
	for (size_t i = 0; i < bases->count; i++) {
		if (is_upstream(d, &infos[i])) {
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
static int check_references(struct decision *d)
{
	cleanup_strings struct strings bases = { .items = NULL };
	cleanup_free bool *present = NULL;
	struct presence_answer answer;
	char why[STORE_PATH_SIZE + 128];
	int rc = plan_outside_references(d->plan, &bases);

	if (rc < 0)
		return fail(strerror(-rc));
	rc = drop_upstream(d, &bases);
	if (rc != 0)
		return rc;
	present = calloc(bases.count + 1, sizeof(*present));
	if (!present)
		return fail(strerror(ENOMEM));
	answer = (struct presence_answer){ .present = present };
	rc = ask_presence(d, &bases, NULL, &answer);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < bases.count; i++) {
		if (present[i])
			continue;
		(void)snprintf(why, sizeof(why),
		               "%s/%s is referred to and in neither the cache "
		               "nor an upstream: push without --no-closure",
		               d->request->config->store_dir, bases.items[i]);
		return fail(why);
	}
	return 0;
}

static int mark_all(struct decision *d)
{
	size_t skipped;
	int rc = trust_add(&d->upstream, &d->request->config->upstream_keys,
	                   &skipped);

	if (rc == 0)
		rc = plan_make(d->request->closure, d->plan);
	if (rc < 0)
		return fail(strerror(-rc));
	mark_upstream(d);
	rc = mark_present(d);
	if (rc != 0)
		return rc;
	rc = plan_finish(d->plan);
	if (rc < 0)
		return fail(strerror(-rc));
	return d->request->is_alone ? check_references(d) : 0;
}

int decide(const struct decide_request *request, struct plan *ret_plan,
           bool *ret_needs_cache_info)
{
	struct decision d = { .request = request, .plan = ret_plan };
	int rc = mark_all(&d);

	trust_clear(&d.upstream);
	*ret_needs_cache_info = d.needs_cache_info;
	return rc;
}
