#include "agent/config_build.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"
#include "protocol/nix/store_path.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define STORE_DIR_USUAL   "/nix/store"
#define COMPRESSION_USUAL "zstd"
#define UPSTREAM_USUAL \
	"cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
#define WHY_MAX 256

bool config_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			return false;
	}
	return len > 0 && len <= AGENT_CACHE_NAME_MAX && name[0] != '.' &&
	       name[0] != '-';
}

int config_add_cache(struct config_build *build, const char *name)
{
	struct config *config = build->config;
	struct config_cache *caches;
	int rc;

	if (!config_name_is_valid(name)) {
		return config_error(build,
		                    "the name of a cache is 1 to %d letters, "
		                    "digits, '-', '_' and '.'",
		                    AGENT_CACHE_NAME_MAX);
	}
	for (size_t i = 0; i < config->cache_count; i++) {
		if (strcmp(config->caches[i].name, name) == 0) {
			return config_error(build,
			                    "[cache %s] is here twice, first "
			                    "in line %d",
			                    name, build->caches[i].line);
		}
	}
	if (config->cache_count == AGENT_CACHES_MAX) {
		return config_error(build, "more than %d caches",
		                    AGENT_CACHES_MAX);
	}

	caches = reallocarray(config->caches, config->cache_count + 1,
	                      sizeof(*caches));
	if (!caches)
		return -ENOMEM;
	config->caches = caches;
	caches[config->cache_count] = (struct config_cache){
		.compression_level = -1,
		.priority = -1,
	};
	rc = config_set_text(&caches[config->cache_count].name, name);
	if (rc < 0)
		return rc;

	build->section = (int)config->cache_count;
	build->caches[build->section].line = build->line;
	config->cache_count++;
	return 0;
}

const char *secret_kind_name(enum secret_kind kind)
{
	switch (kind) {
	case SECRET_SIGNING_KEY:
		return "signing-key";
	case SECRET_ACCESS_KEY_ID:
		return "access-key-id";
	case SECRET_SECRET_ACCESS_KEY:
		return "secret-access-key";
	case SECRET_SESSION_TOKEN:
		return "session-token";
	}
	return "secret";
}

static size_t slots_of(const struct config *config, size_t cache,
                       enum secret_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < config->slot_count; i++) {
		if (config->slots[i].cache == cache &&
		    config->slots[i].kind == kind)
			count++;
	}
	return count;
}

/* A descriptor gives its bytes once; a variable may serve several caches. */
static bool fd_is_used(const struct config *config, const char *spec)
{
	for (size_t i = 0; i < config->slot_count; i++) {
		if (config->slots[i].source == SECRET_FD &&
		    strcmp(config->slots[i].spec, spec) == 0)
			return true;
	}
	return false;
}

int config_add_slot(struct config_build *build, enum secret_kind kind,
                    const char *value)
{
	struct config *config = build->config;
	struct secret_slot slot = {
		.cache = (uint16_t)build->section,
		.kind = kind,
		.line = build->line,
	};
	struct secret_slot *slots;
	const char *problem;
	int rc;

	if (config->slot_count == WIRE_SLOTS_MAX) {
		return config_error(build, "more than %d secrets",
		                    WIRE_SLOTS_MAX);
	}
	if (slots_of(config, slot.cache, kind) == AGENT_KEYS_MAX) {
		return config_error(build, "more than %d signing keys",
		                    AGENT_KEYS_MAX);
	}
	rc = secret_source_parse(value, &slot, &problem);
	if (rc == -EINVAL) {
		return config_error(build, "%s: %s", secret_kind_name(kind),
		                    problem);
	}
	if (rc < 0)
		return rc;

	if (slot.source == SECRET_FD && fd_is_used(config, slot.spec)) {
		free(slot.spec);
		return config_error(build, "%s: a descriptor can be read once",
		                    secret_kind_name(kind));
	}

	slots = reallocarray(config->slots, config->slot_count + 1,
	                     sizeof(*slots));
	if (!slots) {
		free(slot.spec);
		return -ENOMEM;
	}
	config->slots = slots;
	config->slots[config->slot_count++] = slot;
	return 0;
}

static int set_store(struct config_build *build, struct config_cache *cache,
                     const char *value)
{
	char why[WHY_MAX] = "not a store URI";

	if (store_uri_parse(value, &cache->store, why, sizeof(why)) < 0)
		return config_error(build, "store: %s", why);
	cache->priority = cache->store.priority;
	return config_set_text(&cache->store_text, value);
}

static int set_store_dir(struct config_build *build, struct config_cache *cache,
                         const char *value)
{
	if (!store_dir_is_valid(value, strlen(value))) {
		return config_error(build, "store-dir: wants an absolute path "
		                           "of printable ASCII without '.', "
		                           "'..', a last '/', spaces, ';' and "
		                           "','");
	}
	return config_set_text(&cache->store_dir, value);
}

static int add_public_key(struct config_build *build,
                          struct config_cache *cache, const char *value)
{
	struct public_key key;

	if (public_key_parse(value, strlen(value), &key) < 0) {
		return config_error(build, "public-key: wants name:base64, as "
		                           "nix key convert-secret-to-public "
		                           "prints it");
	}
	if (cache->public_key_count == AGENT_KEYS_MAX) {
		return config_error(build, "more than %d public keys",
		                    AGENT_KEYS_MAX);
	}
	for (size_t i = 0; i < cache->public_key_count; i++) {
		if (strcmp(cache->public_keys[i].name, key.name) == 0) {
			return config_error(build,
			                    "public-key: %s is here twice",
			                    key.name);
		}
	}
	cache->public_keys[cache->public_key_count++] = key;
	return 0;
}

static int add_upstream_key(struct config_build *build,
                            struct config_cache *cache, const char *value)
{
	struct config_section *section = &build->caches[build->section];
	struct public_key key;
	bool is_none = strcmp(value, "none") == 0;

	if (section->no_upstream || (is_none && cache->upstream_keys.count > 0))
		return config_error(build, "upstream-key: none stands alone");
	section->no_upstream = is_none;
	if (is_none)
		return 0;
	if (public_key_parse(value, strlen(value), &key) < 0) {
		return config_error(build, "upstream-key: wants name:base64, "
		                           "or none");
	}
	if (cache->upstream_keys.count == CONFIG_UPSTREAM_MAX) {
		return config_error(build, "more than %d upstream keys",
		                    CONFIG_UPSTREAM_MAX);
	}
	return strings_add(&cache->upstream_keys, value, strlen(value));
}

static int set_level(struct config_build *build, struct config_cache *cache,
                     const char *value)
{
	uint64_t level;

	if (number_parse(value, 22, &level) < 0) {
		return config_error(build, "compression-level: wants a number "
		                           "up to 22 (xz: 9)");
	}
	cache->compression_level = (int)level;
	return 0;
}

/* What can be written; more can be read (pack.h). */
static bool compression_is_known(const char *name)
{
	return strcmp(name, "zstd") == 0 || strcmp(name, "xz") == 0 ||
	       strcmp(name, "none") == 0;
}

static int set_compression(struct config_build *build,
                           struct config_cache *cache, const char *value)
{
	if (!compression_is_known(value))
		return config_error(build, "compression: zstd, xz or none");
	return config_set_text(&cache->compression, value);
}

int config_set_cache(struct config_build *build, struct config_cache *cache,
                     enum config_key key, const char *value)
{
	switch (key) {
	case CONFIG_STORE:
		return set_store(build, cache, value);
	case CONFIG_STORE_DIR:
		return set_store_dir(build, cache, value);
	case CONFIG_PUBLIC_KEY:
		return add_public_key(build, cache, value);
	case CONFIG_SIGNING_KEY:
		return config_add_slot(build, SECRET_SIGNING_KEY, value);
	case CONFIG_ACCESS_KEY_ID:
		return config_add_slot(build, SECRET_ACCESS_KEY_ID, value);
	case CONFIG_SECRET_ACCESS_KEY:
		return config_add_slot(build, SECRET_SECRET_ACCESS_KEY, value);
	case CONFIG_SESSION_TOKEN:
		return config_add_slot(build, SECRET_SESSION_TOKEN, value);
	case CONFIG_COMPRESSION:
		return set_compression(build, cache, value);
	case CONFIG_COMPRESSION_LEVEL:
		return set_level(build, cache, value);
	case CONFIG_UPSTREAM_KEY:
		return add_upstream_key(build, cache, value);
	case CONFIG_SIGN_POLICY:
	case CONFIG_CONFIRM:
		return config_set_cache_custody(build, cache, key, value);
	case CONFIG_IDLE:
	case CONFIG_LIFETIME:
	case CONFIG_OP:
	case CONFIG_OP_TIMEOUT:
	case CONFIG_NIX_STORE:
	case CONFIG_AUDIT:
	case CONFIG_AUDIT_MAX_SIZE:
	case CONFIG_CONFIRM_WINDOW:
	case CONFIG_CONFIRM_TIMEOUT:
		break;
	}
	return config_error(build, "not a key of a cache");
}

static int check_credentials(struct config_build *build, size_t index)
{
	const struct config_cache *cache = &build->config->caches[index];
	bool has_id = slots_of(build->config, index, SECRET_ACCESS_KEY_ID) > 0;
	bool has_secret =
		slots_of(build->config, index, SECRET_SECRET_ACCESS_KEY) > 0;
	bool has_token = slots_of(build->config, index, SECRET_SESSION_TOKEN) >
	                 0;

	if (!cache->store_text) {
		return config_error(build, "cache %s: has no store",
		                    cache->name);
	}
	if (cache->store.kind == STORE_URI_S3 && (!has_id || !has_secret)) {
		return config_error(build, "cache %s: s3:// needs %s",
		                    cache->name,
		                    has_id       ? "secret-access-key"
		                    : has_secret ? "access-key-id"
		                                 : "access-key-id and "
		                                   "secret-access-key");
	}
	if (cache->store.kind == STORE_URI_FILE &&
	    (has_id || has_secret || has_token)) {
		return config_error(build,
		                    "cache %s: file:// takes no S3 credentials",
		                    cache->name);
	}
	return 0;
}

static int complete_compression(struct config_build *build,
                                struct config_cache *cache)
{
	const char *of_uri = cache->store.compression;
	const char *name = cache->compression ? cache->compression : of_uri;
	int level = cache->compression_level;

	if (*name == '\0')
		name = COMPRESSION_USUAL;
	if (*of_uri != '\0' && strcmp(name, of_uri) != 0) {
		return config_error(build,
		                    "cache %s: compression says another "
		                    "thing than the store URI",
		                    cache->name);
	}
	if ((level == 0 && strcmp(name, "zstd") == 0) ||
	    (level > 9 && strcmp(name, "xz") == 0) ||
	    (level >= 0 && strcmp(name, "none") == 0)) {
		return config_error(build, "cache %s: no such level of %s",
		                    cache->name, name);
	}
	return cache->compression ? 0
	                          : config_set_text(&cache->compression, name);
}

static int complete_cache(struct config_build *build, size_t index)
{
	struct config_cache *cache = &build->config->caches[index];
	int rc;

	build->line = build->caches[index].line;
	rc = check_credentials(build, index);
	if (rc == 0)
		rc = complete_compression(build, cache);
	if (rc == 0 && !cache->store_dir)
		rc = config_set_text(&cache->store_dir, STORE_DIR_USUAL);
	if (rc == 0 && cache->upstream_keys.count == 0 &&
	    !build->caches[index].no_upstream) {
		rc = strings_add(&cache->upstream_keys, UPSTREAM_USUAL,
		                 strlen(UPSTREAM_USUAL));
	}
	return rc;
}

int config_complete(struct config_build *build)
{
	struct config *config = build->config;
	int rc;

	build->line = 0;
	if (config->cache_count == 0)
		return config_error(build, "no [cache NAME] section");
	for (size_t i = 0; i < config->cache_count; i++) {
		rc = complete_cache(build, i);
		if (rc < 0)
			return rc;
	}

	rc = config_complete_sockets(build);
	if (rc < 0)
		return rc;

	/* What cannot be fetched again must not be wiped for idleness. */
	if (config_has_spent_source(config) &&
	    !(build->agent.seen & (1U << CONFIG_IDLE)))
		config->idle = 0;
	return config_complete_custody(build);
}
