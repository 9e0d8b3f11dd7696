/* scope_narrow.c - one more layer, below which a connection never comes again */
#include "agent/door/scope/scope.h"

#include "agent/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse(enum varlink_error error, const char *text,
                  struct error_reply *ret_error)
{
	*ret_error = error_reply_make(error, text);
	return CALL_E_REFUSED;
}

static int add_cache(struct grant *grant, const struct config *config,
                     const char *name, struct error_reply *ret_error)
{
	for (size_t i = 0; i < config->cache_count; i++) {
		if (strcmp(config->caches[i].name, name) != 0)
			continue;
		grant->caches |= 1ULL << i;
		return CALL_OK;
	}
	return refuse(ERROR_UNKNOWN_CACHE, name, ret_error);
}

static int take_caches(struct grant *grant, const struct config *config,
                       const struct strings *names,
                       struct error_reply *ret_error)
{
	int rc = CALL_OK;

	if (names->count > 0)
		grant->caches = 0;
	for (size_t i = 0; i < names->count && rc == CALL_OK; i++)
		rc = add_cache(grant, config, names->items[i], ret_error);
	return rc;
}

static int take_patterns(const struct narrow_call *narrow, struct grant *grant,
                         struct error_reply *ret_error)
{
	int rc;

	for (size_t i = 0; i < narrow->keys.count; i++) {
		if (pattern_check_key(narrow->keys.items[i])) {
			return refuse(ERROR_INVALID_PARAMETER, "keys",
			              ret_error);
		}
	}
	for (size_t i = 0; i < narrow->store_paths.count; i++) {
		if (pattern_check_name(narrow->store_paths.items[i])) {
			return refuse(ERROR_INVALID_PARAMETER, "storePaths",
			              ret_error);
		}
	}
	rc = strings_add_all(&grant->keys, &narrow->keys);
	return rc < 0 ? rc
	              : strings_add_all(&grant->store_paths,
	                                &narrow->store_paths);
}

static void take_limits(const struct narrow_call *narrow, struct grant *grant)
{
	if (narrow->allow != 0)
		grant->allow = narrow->allow;
	if (narrow->max_count >= 0)
		grant->max_count = (uint64_t)narrow->max_count;
	if (narrow->max_bytes >= 0)
		grant->max_bytes = (uint64_t)narrow->max_bytes;
	if (narrow->max_expires >= 0)
		grant->max_expires = (uint32_t)narrow->max_expires;
	/* 0 is no limit in a grant, and long past in a call. */
	if (narrow->until >= 0)
		grant->until = narrow->until > 0 ? narrow->until : 1;
}

static int fill(struct grant *grant, const struct config *config,
                const struct narrow_call *narrow, struct error_reply *ret_error)
{
	enum scope_base base = SCOPE_OWNER;
	int rc;

	if (narrow->scope[0] != '\0' &&
	    scope_base_parse(narrow->scope, &base) < 0)
		return refuse(ERROR_INVALID_PARAMETER, "scope", ret_error);
	grant_init(grant, base);
	take_limits(narrow, grant);
	rc = take_caches(grant, config, &narrow->caches, ret_error);
	return rc == CALL_OK ? take_patterns(narrow, grant, ret_error) : rc;
}

/* A layer is only ever added: whatever it allows, the others must allow too. */
int scope_narrow(struct scope *scope, const struct config *config,
                 const struct narrow_call *narrow,
                 struct error_reply *ret_error)
{
	struct grant grant = { .base = SCOPE_OWNER };
	int rc;

	if (scope->narrowed_count == SCOPE_LAYERS_MAX - 1) {
		return refuse(ERROR_POLICY_DENIED,
		              "a connection narrows itself at most 7 times",
		              ret_error);
	}
	rc = fill(&grant, config, narrow, ret_error);
	if (rc != CALL_OK) {
		grant_clear(&grant);
		return rc;
	}
	scope->narrowed_use[scope->narrowed_count] = (struct scope_use){ 0 };
	scope->narrowed[scope->narrowed_count++] = grant;
	return CALL_OK;
}
