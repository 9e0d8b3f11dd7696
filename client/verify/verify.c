/* Theory of operation
 *
 * cache -> keys -> nix-cache-info -> roster (what was asked for, or all that
 * the cache has) -> inspect -> elsewhere.  Nothing is changed anywhere.
 */
#include "client/verify/verify.h"

#include "client/cache/cache_info.h"
#include "client/cache/session.h"
#include "client/catalog/believed.h"
#include "client/verify/elsewhere.h"
#include "client/verify/inspect.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define CONNECTIONS 48

struct verify {
	const struct verify_request *request;
	struct session session;
	struct trust trust;    /* whose signatures are believed */
	struct trust upstream; /* those of them that are of upstreams */
	struct roster roster;
	struct inventory inventory;
	struct report *report;
	struct report_end end;
};

static int fail(const char *why)
{
	log_error("verify: %s", why);
	return EXIT_FAILED;
}

static int fail_errno(int rc)
{
	return fail(strerrordesc_np(-rc));
}

static int collect_keys(struct verify *v)
{
	const struct agent_cache *cache = v->session.config;
	char why[BELIEVED_WHY_MAX];
	size_t skipped;
	int rc = believed_load(cache, &v->trust, why);

	if (rc == 0)
		rc = trust_add(&v->upstream, &cache->upstream_keys, &skipped);
	if (rc < 0)
		return fail_errno(rc);
	if (why[0]) {
		log_warn("verify: Nix's trusted-public-keys do not count: %s",
		         why);
	}
	return 0;
}

static int open_all(struct verify *v)
{
	char why[SESSION_WHY_MAX];
	int rc = session_open(v->request->cache, CONNECTIONS, &v->session, why);

	if (rc != 0) {
		log_error("verify: %s", why);
		return rc;
	}
	v->report = report_new(v->request->mode, v->session.config->name,
	                       v->session.config->store_dir);
	return v->report ? collect_keys(v) : fail_errno(-ENOMEM);
}

static void judge_cache_info(struct verify *v, const struct buffer *text)
{
	struct cache_info info;

	if (cache_info_parse(buffer_bytes(text), &info) < 0) {
		report_finding(v->report, FINDING_CACHE_INFO, NULL,
		               NAMES_CACHE_INFO, "it is malformed");
	} else if (strcmp(info.store_dir, v->session.config->store_dir) != 0) {
		report_finding(v->report, FINDING_CACHE_INFO, NULL,
		               NAMES_CACHE_INFO,
		               "it is for the store %s, and the cache is "
		               "configured for %s (store-dir)",
		               info.store_dir, v->session.config->store_dir);
	}
}

/* Without it no Nix takes the place for a cache. */
static int check_cache_info(struct verify *v)
{
	const struct cache_step step = {
		.type = CACHE_GET,
		.key = NAMES_CACHE_INFO,
	};
	struct cache_result result;
	int rc = cache_run(v->session.cache, &step, &result);

	if (rc < 0)
		return fail_errno(rc);
	if (result.outcome == CACHE_FAILED) {
		log_error("verify: %s", result.error);
		rc = result.exit_status ? result.exit_status : EXIT_FAILED;
	} else if (result.outcome == CACHE_MISSING) {
		report_finding(v->report, FINDING_CACHE_INFO, NULL,
		               NAMES_CACHE_INFO, "it is missing");
	} else {
		judge_cache_info(v, &result.response);
	}
	buffer_clear(&result.response);
	return rc;
}

/* A path need not exist here: what names a store path is taken as it is, and
 * so is a link to one; anything else is looked for. */
static int resolve(const char *store_dir, const char *given,
                   char ret_base[STORE_PATH_BASE_SIZE])
{
	cleanup_free char *whole = NULL;
	char target[PATH_MAX];
	ssize_t len;

	if (store_path_of(store_dir, given, ret_base) == 0)
		return 0;
	len = readlink(given, target, sizeof(target) - 1);
	if (len > 0) {
		target[len] = '\0';
		if (store_path_of(store_dir, target, ret_base) == 0)
			return 0;
	}
	whole = realpath(given, NULL);
	if (!whole)
		return -errno;
	return store_path_of(store_dir, whole, ret_base);
}

static int add_given(struct verify *v)
{
	const char *store_dir = v->session.config->store_dir;
	const struct strings *given = v->request->paths;

	for (size_t i = 0; i < given->count; i++) {
		char base[STORE_PATH_BASE_SIZE];
		struct roster_path *path;
		int rc = resolve(store_dir, given->items[i], base);

		if (rc < 0) {
			log_error("verify: %s: not a path of the store %s",
			          given->items[i], store_dir);
			return EXIT_FAILED;
		}
		rc = roster_add(&v->roster, base, strlen(base), &path);
		if (rc < 0)
			return fail_errno(rc);
		path->is_root = true;
	}
	return 0;
}

static int add_all(struct verify *v)
{
	char why[INVENTORY_WHY_MAX];
	int rc = inventory_take(v->session.cache, &v->roster, &v->inventory,
	                        why);

	if (rc != 0)
		log_error("verify: %s", why);
	return rc;
}

static int inspect(struct verify *v)
{
	const struct inspect_request request = {
		.cache = v->session.cache,
		.store_dir = v->session.config->store_dir,
		.trust = &v->trust,
		.roster = &v->roster,
		.inventory = v->request->has_all ? &v->inventory : NULL,
		.report = v->report,
		.is_deep = v->request->is_deep,
	};
	struct inspect_result result;

	inspect_run(&request, &result);
	v->end.paths = result.paths;
	v->end.bytes = result.bytes;
	if (result.exit_status != EXIT_DONE)
		log_error("verify: %s", result.why);
	return result.exit_status;
}

static int look_elsewhere(struct verify *v)
{
	const struct elsewhere_request request = {
		.roster = &v->roster,
		.upstream = &v->upstream,
		.store = v->request->store,
		.store_dir = v->session.config->store_dir,
		.report = v->report,
		.may_lack_references = v->request->may_lack_references,
	};
	struct elsewhere_result result;
	int rc = elsewhere_look(&request, &result);

	if (rc < 0)
		return fail_errno(rc);
	v->end.upstream = result.upstream;
	v->end.elsewhere = result.elsewhere;
	v->end.lacking = result.lacking;
	return 0;
}

static int run(struct verify *v)
{
	int rc = open_all(v);

	if (rc == 0)
		rc = check_cache_info(v);
	if (rc == 0)
		rc = v->request->has_all ? add_all(v) : add_given(v);
	if (rc == 0)
		rc = inspect(v);
	if (rc == 0)
		rc = look_elsewhere(v);
	if (rc != 0)
		return rc;
	inventory_tell_unnamed(&v->inventory, v->report);
	report_finish(v->report, &v->end);
	return report_count(v->report) > 0 ? EXIT_FAILED : EXIT_DONE;
}

int verify_run(const struct verify_request *request)
{
	struct verify v = { .request = request };
	int exit_status = run(&v);

	report_free(v.report);
	inventory_clear(&v.inventory);
	session_close(&v.session);
	roster_clear(&v.roster);
	trust_clear(&v.upstream);
	trust_clear(&v.trust);
	return exit_status;
}
