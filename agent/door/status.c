#include "agent/door/status.h"

#include "protocol/base/fd.h"
#include "protocol/varlink/agent_status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_public_keys(const struct config_cache *cache,
                           const struct strings *loaded,
                           struct strings *ret_keys)
{
	char text[KEY_PUBLIC_TEXT_SIZE];

	for (size_t i = 0; i < cache->public_key_count; i++) {
		int rc;

		public_key_format(&cache->public_keys[i], text);
		rc = strings_add(ret_keys, text, strlen(text));
		if (rc < 0)
			return rc;
	}
	/* What is configured is what readers trust; only without it do the
	 * fetched keys speak for themselves. */
	return cache->public_key_count > 0 ? 0
	                                   : strings_add_all(ret_keys, loaded);
}

static int fill_cache(const struct config_cache *cache,
                      const struct strings *loaded, struct agent_cache *out)
{
	int rc;

	out->name = strdup(cache->name);
	out->store = strdup(cache->store_text);
	out->store_dir = strdup(cache->store_dir);
	out->compression = strdup(cache->compression);
	out->compression_level = cache->compression_level;
	out->priority = cache->priority;
	out->sign_policy = cache->sign_policy;
	out->confirm = cache->confirm;
	if (!out->name || !out->store || !out->store_dir || !out->compression)
		return -ENOMEM;

	rc = add_public_keys(cache, loaded, &out->public_keys);
	if (rc < 0)
		return rc;
	return strings_add_all(&out->upstream_keys, &cache->upstream_keys);
}

static int fill_caches(const struct door *door, struct agent_status *status)
{
	size_t count = door->config->cache_count;
	int rc = 0;

	status->caches = calloc(count, sizeof(*status->caches));
	if (!status->caches)
		return -ENOMEM;
	status->cache_count = count;
	for (size_t i = 0; i < count && rc == 0; i++) {
		status->caches[i].in_flight =
			pace_total(door->paces, (uint16_t)i, clock_boot_ms());
		rc = fill_cache(&door->config->caches[i], &door->loaded_keys[i],
		                &status->caches[i]);
	}
	return rc;
}

static void describe_audit(const struct door *door, struct report *out)
{
	const struct audit *audit = door->audit;
	const char *failure = audit_failure(audit);
	const char *rotation = audit_rotation_failure(audit);

	if (!audit_is_kept(audit)) {
		report_add(out, "audit log", MEASURE_WEAKER,
		           "none is kept (audit = none)");
	} else if (failure) {
		report_add(out, "audit log", MEASURE_ABSENT,
		           "no secret is used: %s", failure);
	} else if (rotation) {
		report_add(out, "audit log", MEASURE_WEAKER,
		           "grows on, no other file can be begun: %s",
		           rotation);
	} else {
		report_add(out, "audit log", MEASURE_HELD, "%s",
		           door->start->audit.path);
	}
}

static bool has_signing_key(const struct config *config, size_t cache)
{
	for (size_t i = 0; i < config->slot_count; i++) {
		if (config->slots[i].cache == cache &&
		    config->slots[i].kind == SECRET_SIGNING_KEY)
			return true;
	}
	return false;
}

/* How many caches there are that sign by that policy, or by one that asks. */
static size_t count_caches(const struct config *config, bool is_any)
{
	size_t count = 0;

	for (size_t i = 0; i < config->cache_count; i++) {
		const struct config_cache *cache = &config->caches[i];

		if ((cache->sign_policy == SIGN_ANY) == is_any &&
		    has_signing_key(config, i))
			count++;
	}
	return count;
}

/* Nothing is signed without the store's word in any case; but only a store
 * that has answered is known to be one. */
static struct agent_measure describe_attestation(const struct door *door)
{
	struct agent_measure row = { .name = "attested signing",
		                     .process = "door" };
	size_t free_caches = count_caches(door->config, true);
	bool works = false;
	const char *said = witness_describe(door->witness, &works);

	row.state = MEASURE_WEAKER;
	if (free_caches > 0) {
		(void)snprintf(row.detail, sizeof(row.detail),
		               "sign-policy = any: %zu cache%s sign%s what no "
		               "store was asked about",
		               free_caches, free_caches == 1 ? "" : "s",
		               free_caches == 1 ? "s" : "");
	} else if (count_caches(door->config, false) == 0) {
		row.state = MEASURE_HELD;
		(void)snprintf(row.detail, sizeof(row.detail),
		               "no cache has a signing key");
	} else if (!said) {
		(void)snprintf(row.detail, sizeof(row.detail),
		               "no store was asked yet; nothing is signed "
		               "before one has answered");
	} else {
		row.state = works ? MEASURE_HELD : MEASURE_ABSENT;
		(void)snprintf(row.detail, sizeof(row.detail), "%.150s", said);
	}
	return row;
}

static int fill_measures(const struct door *door, struct agent_status *status)
{
	struct report audit = { .process = "door" };
	const struct report *launcher = door->start->launcher_report;
	size_t total = launcher->count + door->own.count +
	               door->vault_measure_count + 2;
	struct agent_measure *out = calloc(total, sizeof(*out));

	if (!out)
		return -ENOMEM;
	status->measures = out;
	status->measure_count = total;
	memcpy(out, launcher->measures, launcher->count * sizeof(*out));
	out += launcher->count;
	memcpy(out, door->own.measures, door->own.count * sizeof(*out));
	out += door->own.count;
	describe_audit(door, &audit);
	*out++ = audit.measures[0];
	*out++ = describe_attestation(door);
	memcpy(out, door->vault_measures,
	       door->vault_measure_count * sizeof(*out));
	return 0;
}

static int fill_audit(const struct audit *audit, const char *path,
                      struct agent_audit *out)
{
	const char *failure = audit_failure(audit);

	if (!audit_is_kept(audit))
		return 0;
	out->path = strdup(path);
	out->sequence = audit_sequence(audit);
	audit_head(audit, out->head);
	if (failure)
		out->failure = strdup(failure);
	return out->path && (!failure || out->failure) ? 0 : -ENOMEM;
}

static char *describe_scope(const struct connection *c)
{
	char text[2 * AGENT_CACHE_NAME_MAX];

	scope_describe(&c->scope, text, sizeof(text));
	return strdup(text);
}

int status_write(const struct door *door, const struct connection *c,
                 struct buffer *out)
{
	long long now_ms = clock_boot_ms();
	struct agent_status status = {
		.version = strdup(NIXCACHE_VERSION),
		.pid = door->start->launcher_pid,
		.state = door->custody.state,
		.lifetime_left =
			custody_left(door->custody.lifetime_end_ms, now_ms),
		.idle_left = custody_left(door->custody.idle_end_ms, now_ms),
		.signature_count = door->custody.signature_count,
		.url_count = door->custody.url_count,
		.source_runs = door->custody.source_runs,
		.scope = describe_scope(c),
	};
	int rc = status.version && status.scope ? 0 : -ENOMEM;

	if (rc == 0)
		rc = fill_caches(door, &status);
	if (rc == 0)
		rc = fill_measures(door, &status);
	if (rc == 0) {
		rc = fill_audit(door->audit, door->start->audit.path,
		                &status.audit);
	}
	if (rc == 0)
		rc = status_reply_encode(&status, out);
	agent_status_clear(&status);
	return rc;
}
