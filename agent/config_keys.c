#include "agent/config_build.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <string.h>

#define CACHE_SECTION  "cache "
#define SOCKET_SECTION "socket "
#define OP_TIMEOUT_MAX 3600

enum section_kind {
	OF_AGENT,
	OF_CACHE,
};

static const struct {
	const char *name;
	enum config_key key;
	enum section_kind section;
	bool may_repeat;
} keys[] = {
	{ "idle", CONFIG_IDLE, OF_AGENT, false },
	{ "lifetime", CONFIG_LIFETIME, OF_AGENT, false },
	{ "op", CONFIG_OP, OF_AGENT, false },
	{ "op-timeout", CONFIG_OP_TIMEOUT, OF_AGENT, false },
	{ "nix-store", CONFIG_NIX_STORE, OF_AGENT, false },
	{ "audit", CONFIG_AUDIT, OF_AGENT, false },
	{ "audit-max-size", CONFIG_AUDIT_MAX_SIZE, OF_AGENT, false },
	{ "confirm-window", CONFIG_CONFIRM_WINDOW, OF_AGENT, false },
	{ "confirm-timeout", CONFIG_CONFIRM_TIMEOUT, OF_AGENT, false },
	{ "store", CONFIG_STORE, OF_CACHE, false },
	{ "store-dir", CONFIG_STORE_DIR, OF_CACHE, false },
	{ "public-key", CONFIG_PUBLIC_KEY, OF_CACHE, true },
	{ "signing-key", CONFIG_SIGNING_KEY, OF_CACHE, true },
	{ "access-key-id", CONFIG_ACCESS_KEY_ID, OF_CACHE, false },
	{ "secret-access-key", CONFIG_SECRET_ACCESS_KEY, OF_CACHE, false },
	{ "session-token", CONFIG_SESSION_TOKEN, OF_CACHE, false },
	{ "compression", CONFIG_COMPRESSION, OF_CACHE, false },
	{ "compression-level", CONFIG_COMPRESSION_LEVEL, OF_CACHE, false },
	{ "upstream-key", CONFIG_UPSTREAM_KEY, OF_CACHE, true },
	{ "sign-policy", CONFIG_SIGN_POLICY, OF_CACHE, false },
	{ "confirm", CONFIG_CONFIRM, OF_CACHE, false },
};

int config_begin_section(struct config_build *build, const char *name)
{
	if (strcmp(name, "agent") == 0) {
		if (build->agent.line > 0) {
			return config_error(
				build,
				"[agent] is here twice, first in line %d",
				build->agent.line);
		}
		build->agent.line = build->line;
		build->section = SECTION_AGENT;
		return 0;
	}
	if (text_has_prefix(name, SOCKET_SECTION)) {
		name += strlen(SOCKET_SECTION);
		return config_add_socket(build, name + strspn(name, " \t"));
	}
	if (!text_has_prefix(name, CACHE_SECTION)) {
		return config_error(build, "unknown section; there is [agent], "
		                           "[cache NAME] and [socket NAME]");
	}

	name += strlen(CACHE_SECTION);
	return config_add_cache(build, name + strspn(name, " \t"));
}

static int set_duration(struct config_build *build, const char *name,
                        const char *value, uint32_t *slot)
{
	uint64_t seconds = 0;

	if (strcmp(value, "never") != 0 &&
	    number_parse_duration(value, &seconds) < 0) {
		return config_error(build,
		                    "%s: wants a time such as 15m, 12h "
		                    "or never",
		                    name);
	}
	*slot = (uint32_t)seconds;
	return 0;
}

static int set_op_timeout(struct config_build *build, const char *value)
{
	uint64_t seconds;

	if (number_parse_duration(value, &seconds) < 0 || seconds == 0 ||
	    seconds > OP_TIMEOUT_MAX) {
		return config_error(build,
		                    "op-timeout: wants a time from 1s to 1h");
	}
	build->config->op_timeout = (uint32_t)seconds;
	return 0;
}

static int set_op(struct config_build *build, const char *value)
{
	if (value[0] != '/')
		return config_error(build, "op: wants an absolute path");
	return config_set_text(&build->config->op, value);
}

static int set_agent(struct config_build *build, enum config_key key,
                     const char *value)
{
	switch (key) {
	case CONFIG_IDLE:
		return set_duration(build, "idle", value, &build->config->idle);
	case CONFIG_LIFETIME:
		build->config->is_lifetime_said = true;
		return set_duration(build, "lifetime", value,
		                    &build->config->lifetime);
	case CONFIG_OP:
		return set_op(build, value);
	case CONFIG_OP_TIMEOUT:
		return set_op_timeout(build, value);
	case CONFIG_NIX_STORE:
	case CONFIG_AUDIT:
	case CONFIG_AUDIT_MAX_SIZE:
	case CONFIG_CONFIRM_WINDOW:
	case CONFIG_CONFIRM_TIMEOUT:
		return config_set_custody(build, key, value);
	case CONFIG_STORE:
	case CONFIG_STORE_DIR:
	case CONFIG_PUBLIC_KEY:
	case CONFIG_SIGNING_KEY:
	case CONFIG_ACCESS_KEY_ID:
	case CONFIG_SECRET_ACCESS_KEY:
	case CONFIG_SESSION_TOKEN:
	case CONFIG_COMPRESSION:
	case CONFIG_COMPRESSION_LEVEL:
	case CONFIG_UPSTREAM_KEY:
	case CONFIG_SIGN_POLICY:
	case CONFIG_CONFIRM:
		break;
	}
	return config_error(build, "not a key of [agent]");
}

/* The index in keys, or -1. */
static int find_key(const char *name, enum section_kind section)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].section == section &&
		    strcmp(keys[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

int config_set(struct config_build *build, const char *name, const char *value)
{
	bool in_agent = build->section == SECTION_AGENT;
	struct config_section *section;
	char shown[64];
	int at;

	text_printable(name, strlen(name), shown, sizeof(shown));
	if (build->section == SECTION_NONE) {
		return config_error(build, "%s: stands before any section",
		                    shown);
	}
	if (build->section == SECTION_SOCKET)
		return config_set_socket(build, name, value);
	at = find_key(name, in_agent ? OF_AGENT : OF_CACHE);
	if (at < 0) {
		return config_error(build, "%s: unknown key of [%s]", shown,
		                    in_agent ? "agent" : "cache");
	}
	if (*value == '\0')
		return config_error(build, "%s: has no value", shown);

	section = in_agent ? &build->agent : &build->caches[build->section];
	if (!keys[at].may_repeat && (section->seen & (1U << keys[at].key)))
		return config_error(build, "%s: is here twice", shown);
	section->seen |= 1U << keys[at].key;

	if (in_agent)
		return set_agent(build, keys[at].key, value);
	return config_set_cache(build, &build->config->caches[build->section],
	                        keys[at].key, value);
}
