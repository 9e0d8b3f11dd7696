#include "agent/config_build.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CACHE "default"
#define VARIABLE_MAX  64

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value != '\0';
}

/* The variable holds the secret, or says where in 1Password it is, as files
 * for "op run" do.  A secret never begins with op://. */
static int add_variable(struct config_build *build, enum secret_kind kind,
                        const char *name)
{
	const char *value = getenv(name);
	char source[VARIABLE_MAX];

	if (value && text_has_prefix(value, "op://"))
		return config_add_slot(build, kind, value);
	(void)snprintf(source, sizeof(source), "env:%s", name);
	return config_add_slot(build, kind, source);
}

/* Both from one family: half of each would be two halves of nothing. */
static int add_credentials(struct config_build *build)
{
	bool is_b2 = is_set("B2_ACCESS_KEY_ID") ||
	             is_set("B2_SECRET_ACCESS_KEY");
	const char *id = is_b2 ? "B2_ACCESS_KEY_ID" : "AWS_ACCESS_KEY_ID";
	const char *secret = is_b2 ? "B2_SECRET_ACCESS_KEY"
	                           : "AWS_SECRET_ACCESS_KEY";
	int rc;

	if (!is_set(id) || !is_set(secret)) {
		return config_error(build,
		                    "NIXCACHE_STORE is set, but %s is not",
		                    is_set(id) ? secret : id);
	}

	rc = add_variable(build, SECRET_ACCESS_KEY_ID, id);
	if (rc == 0)
		rc = add_variable(build, SECRET_SECRET_ACCESS_KEY, secret);
	if (rc == 0 && !is_b2 && is_set("AWS_SESSION_TOKEN")) {
		rc = add_variable(build, SECRET_SESSION_TOKEN,
		                  "AWS_SESSION_TOKEN");
	}
	return rc;
}

/* The same words as in a file. */
static int add_custody(struct config_build *build)
{
	static const struct {
		const char *variable;
		enum config_key key;
	} all[] = {
		{ "NIXCACHE_NIX_STORE", CONFIG_NIX_STORE },
		{ "NIXCACHE_AUDIT", CONFIG_AUDIT },
		{ "NIXCACHE_SIGN_POLICY", CONFIG_SIGN_POLICY },
	};
	struct config_cache *cache = &build->config->caches[0];
	int rc = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && rc == 0; i++) {
		const char *value = getenv(all[i].variable);

		if (!is_set(all[i].variable))
			continue;
		rc = all[i].key == CONFIG_SIGN_POLICY
		             ? config_set_cache_custody(build, cache,
		                                        all[i].key, value)
		             : config_set_custody(build, all[i].key, value);
	}
	return rc;
}

int config_read_environment(struct config_build *build)
{
	struct config_cache *cache;
	int rc;

	if (!is_set("NIXCACHE_STORE"))
		return -ENOENT;
	build->file = NULL;
	rc = config_add_cache(build, DEFAULT_CACHE);
	if (rc < 0)
		return rc;

	rc = add_custody(build);
	if (rc < 0)
		return rc;
	cache = &build->config->caches[0];
	rc = config_set_cache(build, cache, CONFIG_STORE,
	                      getenv("NIXCACHE_STORE"));
	if (rc == 0 && is_set("NIX_SIGNING_KEY"))
		rc = add_variable(build, SECRET_SIGNING_KEY, "NIX_SIGNING_KEY");
	if (rc == 0 && cache->store.kind == STORE_URI_S3)
		rc = add_credentials(build);
	return rc;
}
