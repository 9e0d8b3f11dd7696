#include "agent/config_build.h"
#include "protocol/base/number.h"
#include "protocol/base/state_path.h"
#include "protocol/base/text.h"
#include "protocol/nix/target.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define AUDIT_SIZE_MIN (64ULL << 10)

static int set_nix_store(struct config_build *build, const char *value)
{
	struct target target;

	if (target_parse(value, "/", &target) < 0) {
		return config_error(build, "nix-store: auto, daemon, local, "
		                           "unix:///SOCKET or a folder");
	}
	return config_set_text(&build->config->nix_store, value);
}

static int set_audit(struct config_build *build, const char *value)
{
	if (value[0] != '/' && strcmp(value, "none") != 0) {
		return config_error(build,
		                    "audit: wants an absolute path, or none");
	}
	return config_set_text(&build->config->audit, value);
}

static int set_audit_size(struct config_build *build, const char *value)
{
	uint64_t size;

	if (number_parse_size(value, &size) < 0 || size < AUDIT_SIZE_MIN) {
		return config_error(build, "audit-max-size: wants a size such "
		                           "as 64M, at least 64K");
	}
	build->config->audit_max_size = size;
	return 0;
}

struct seconds_range {
	const char *name;
	uint32_t min;
	uint32_t max;
	const char *max_text;
};

static const struct seconds_range window_range = { "confirm-window", 0, 3600,
	                                           "1h" };
/* A client waits ten minutes: for two questions, and the secrets between. */
static const struct seconds_range timeout_range = { "confirm-timeout", 1, 240,
	                                            "4m" };

static int set_seconds(struct config_build *build,
                       const struct seconds_range *range, const char *value,
                       uint32_t *slot)
{
	uint64_t seconds;

	if (number_parse_duration(value, &seconds) < 0 ||
	    seconds < range->min || seconds > range->max) {
		return config_error(build,
		                    "%s: wants a time such as 2m, at most %s",
		                    range->name, range->max_text);
	}
	*slot = (uint32_t)seconds;
	return 0;
}

int config_set_custody(struct config_build *build, enum config_key key,
                       const char *value)
{
	struct config *config = build->config;

	switch (key) {
	case CONFIG_NIX_STORE:
		return set_nix_store(build, value);
	case CONFIG_AUDIT:
		return set_audit(build, value);
	case CONFIG_AUDIT_MAX_SIZE:
		return set_audit_size(build, value);
	case CONFIG_CONFIRM_WINDOW:
		return set_seconds(build, &window_range, value,
		                   &config->confirm_window);
	case CONFIG_CONFIRM_TIMEOUT:
		return set_seconds(build, &timeout_range, value,
		                   &config->confirm_timeout);
	default:
		return config_error(build, "not a key of [agent]");
	}
}

static int set_policy(struct config_build *build, struct config_cache *cache,
                      const char *value)
{
	if (strcmp(value, "in-store") == 0) {
		cache->sign_policy = SIGN_IN_STORE;
	} else if (strcmp(value, "built-here") == 0) {
		cache->sign_policy = SIGN_BUILT_HERE;
	} else if (strcmp(value, "any") == 0) {
		cache->sign_policy = SIGN_ANY;
	} else {
		return config_error(build,
		                    "sign-policy: in-store, built-here or any");
	}
	return 0;
}

static int add_confirmation(struct config_cache *cache, const char *word,
                            size_t len)
{
	static const char *const words[CONFIRM_COUNT] = {
		[CONFIRM_SIGN] = "sign",
		[CONFIRM_PRESIGN_PUT] = "presign-put",
		[CONFIRM_UNLOCK] = "unlock",
	};

	for (size_t i = 0; i < CONFIRM_COUNT; i++) {
		if (strlen(words[i]) == len &&
		    strncmp(words[i], word, len) == 0) {
			cache->confirm |= 1U << i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Words with blanks or commas between them. */
static int set_confirm(struct config_build *build, struct config_cache *cache,
                       const char *value)
{
	static const char between[] = " \t,";
	const char *at = value + strspn(value, between);

	do {
		size_t len = strcspn(at, between);

		/* Also if there is none: a list of nothing is a mistake. */
		if (add_confirmation(cache, at, len) < 0) {
			return config_error(build, "confirm: sign, presign-put "
			                           "and unlock, one or more");
		}
		at += len;
		at += strspn(at, between);
	} while (*at != '\0');
	return 0;
}

int config_set_cache_custody(struct config_build *build,
                             struct config_cache *cache, enum config_key key,
                             const char *value)
{
	return key == CONFIG_SIGN_POLICY ? set_policy(build, cache, value)
	                                 : set_confirm(build, cache, value);
}

int config_complete_custody(struct config_build *build)
{
	struct config *config = build->config;
	const struct state_path_env env = state_path_read_env();
	char path[PATH_MAX];

	if (!config->audit &&
	    state_path_usual(&env, STATE_PATH_AUDIT, path) < 0) {
		return config_error(build,
		                    "audit: there is no home for the log: say "
		                    "audit = /PATH, or audit = none");
	}
	config->is_audit_usual = !config->audit;
	if (!config->audit)
		return config_set_text(&config->audit, path);
	if (strcmp(config->audit, "none") == 0) {
		free(config->audit);
		config->audit = NULL;
	}
	return 0;
}
