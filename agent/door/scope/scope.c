#include "agent/door/scope/scope.h"

#include "agent/pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WHO_SIZE  (2 * AGENT_CACHE_NAME_MAX)
#define WHAT_SIZE 256

/* Of the layers, 0 is the socket's. */
static const struct grant *layer_at(const struct scope *scope, size_t i)
{
	return i == 0 ? scope->socket : &scope->narrowed[i - 1];
}

static const struct scope_use *use_at(const struct scope *scope, size_t i)
{
	return i == 0 ? scope->socket_use : &scope->narrowed_use[i - 1];
}

static size_t layer_count(const struct scope *scope)
{
	return scope->narrowed_count + 1;
}

void scope_describe(const struct scope *scope, char *out, size_t size)
{
	(void)snprintf(out, size, "%s%s", scope->name,
	               scope->narrowed_count > 0 ? ", narrowed" : "");
}

/* What a rule says: "scope ci: " and the rest. */
printf_like(4, 5) static enum gate_outcome
	refuse(const struct scope *scope, enum varlink_error error,
               struct error_reply *ret_error, const char *format, ...)
{
	char who[WHO_SIZE], what[WHAT_SIZE], text[WHO_SIZE + WHAT_SIZE + 16];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	scope_describe(scope, who, sizeof(who));
	(void)snprintf(text, sizeof(text), "scope %s: %s", who, what);
	*ret_error = error_reply_make(error, text);
	return GATE_REFUSED;
}

static bool is_object(const struct scope_item *item)
{
	return item->permission >= PERMIT_OBJECT;
}

static bool is_listing(const struct scope_item *item)
{
	return item->permission == PERMIT_OBJECT + S3_LIST_OBJECTS_V2 ||
	       item->permission == PERMIT_OBJECT + S3_LIST_MULTIPART_UPLOADS;
}

static enum object_key_kind kind_of(const struct scope_item *item)
{
	return is_object(item) && !is_listing(item)
	               ? object_key_kind((const char *)item->key.data,
	                                 item->key.len)
	               : OBJECT_KEY_INVALID;
}

/* An empty list is no restriction.  A listing shows whatever begins with its
 * prefix, so one pattern must match all of that. */
static bool is_named(const struct strings *patterns, struct bytes text,
                     bool with_all_below)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (with_all_below
		            ? pattern_matches_below(patterns->items[i], text)
		            : pattern_matches(patterns->items[i], text))
			return true;
	}
	return patterns->count == 0;
}

/* Without a default: a new kind must be named here, and gets its cells. */
static const char *of_kind(enum object_key_kind kind)
{
	switch (kind) {
	case OBJECT_KEY_CACHE_INFO:
		return " of nix-cache-info";
	case OBJECT_KEY_NARINFO:
		return " of narinfos";
	case OBJECT_KEY_LISTING:
		return " of file listings";
	case OBJECT_KEY_NAR:
		return " of NARs";
	case OBJECT_KEY_LOG:
		return " of build logs";
	case OBJECT_KEY_DEBUG_INFO:
		return " of debug info";
	case OBJECT_KEY_REALISATION:
		return " of realisations";
	case OBJECT_KEY_BUILD_TRACE:
		return " of build traces";
	case OBJECT_KEY_INVALID:
		break;
	}
	return "";
}

static enum gate_outcome refuse_permission(const struct scope *scope,
                                           const struct scope_item *item,
                                           enum object_key_kind kind,
                                           struct error_reply *ret_error)
{
	return refuse(scope,
	              is_object(item) ? ERROR_POLICY_DENIED
	                              : ERROR_PERMISSION_DENIED,
	              ret_error, "no %s%s", permission_name(item->permission),
	              of_kind(kind));
}

static enum gate_outcome refuse_until(const struct scope *scope, int64_t until,
                                      struct error_reply *ret_error)
{
	time_t end = (time_t)until;
	char text[sizeof("2026-12-31T00:00:00Z") + 16] = "before our time";
	struct tm tm;

	if (gmtime_r(&end, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return refuse(scope, ERROR_POLICY_DENIED, ret_error, "it ended %s",
	              text);
}

/* What is named: a cache, keys, store paths. */
static enum gate_outcome decide_names(const struct scope *scope,
                                      const struct grant *grant,
                                      const struct scope_item *item,
                                      struct error_reply *ret_error)
{
	const char *permission = permission_name(item->permission);

	if (item->cache != SCOPE_NO_CACHE &&
	    (item->cache >= AGENT_CACHES_MAX ||
	     !(grant->caches >> item->cache & 1))) {
		return refuse(scope, ERROR_POLICY_DENIED, ret_error,
		              "no cache %s", item->cache_name);
	}
	if (is_object(item) &&
	    !is_named(&grant->keys, item->key, is_listing(item))) {
		return refuse(scope, ERROR_POLICY_DENIED, ret_error,
		              "no %s of %.*s%s", permission, (int)item->key.len,
		              item->key.data ? (const char *)item->key.data
		                             : "",
		              is_listing(item) ? "*" : "");
	}
	if (item->permission == PERMIT_SIGN &&
	    !is_named(&grant->store_paths, bytes_of_text(item->store_path),
	              false)) {
		return refuse(scope, ERROR_POLICY_DENIED, ret_error,
		              "no %s of %s", permission, item->store_path);
	}
	return GATE_PASSED;
}

/* Who does not say gets the usual, if nobody has chosen less. */
static uint32_t expires_of(const struct scope_item *item)
{
	return is_object(item) && item->expires == 0 ? S3_EXPIRES_USUAL
	                                             : item->expires;
}

static enum gate_outcome decide_layer(const struct scope *scope,
                                      const struct grant *grant,
                                      const struct scope_item *item,
                                      int64_t now_s,
                                      struct error_reply *ret_error)
{
	enum object_key_kind kind = kind_of(item);
	enum gate_outcome outcome;

	if (grant->until != 0 && now_s >= grant->until)
		return refuse_until(scope, grant->until, ret_error);
	if (!scope_table_allows(grant->base, item->permission, kind) ||
	    !(grant->allow >> item->permission & 1))
		return refuse_permission(scope, item, kind, ret_error);
	outcome = decide_names(scope, grant, item, ret_error);
	if (outcome == GATE_PASSED && expires_of(item) > grant->max_expires) {
		return refuse(scope, ERROR_POLICY_DENIED, ret_error,
		              "no URL that is good for more than %" PRIu32 " s",
		              grant->max_expires);
	}
	return outcome;
}

enum gate_outcome scope_decide(const struct scope *scope,
                               const struct scope_item *item, int64_t now_s,
                               struct error_reply *ret_error)
{
	enum gate_outcome outcome = GATE_PASSED;

	for (size_t i = 0; i < layer_count(scope) && outcome == GATE_PASSED;
	     i++) {
		outcome = decide_layer(scope, layer_at(scope, i), item, now_s,
		                       ret_error);
	}
	return outcome;
}

bool scope_may_put(const struct scope *scope, uint16_t cache)
{
	const enum permission put = PERMIT_OBJECT + S3_PUT_OBJECT;

	for (size_t i = 0; i < layer_count(scope); i++) {
		const struct grant *grant = layer_at(scope, i);

		if (!scope_table_allows(grant->base, put, OBJECT_KEY_NAR) ||
		    !(grant->allow >> put & 1) || !(grant->caches >> cache & 1))
			return false;
	}
	return true;
}

uint32_t scope_expires(const struct scope *scope)
{
	uint32_t expires = S3_EXPIRES_USUAL;

	for (size_t i = 0; i < layer_count(scope); i++) {
		if (layer_at(scope, i)->max_expires < expires)
			expires = layer_at(scope, i)->max_expires;
	}
	return expires;
}

static bool has_room(uint64_t used, uint64_t more, uint64_t max)
{
	return max == GRANT_UNLIMITED || (used <= max && more <= max - used);
}

static void add(uint64_t *used, uint64_t more)
{
	if (__builtin_add_overflow(*used, more, used))
		*used = UINT64_MAX;
}

static void charge(struct scope_use *use, uint64_t count, uint64_t bytes)
{
	add(&use->count, count);
	add(&use->bytes, bytes);
}

enum gate_outcome scope_charge(struct scope *scope, uint64_t count,
                               uint64_t bytes, struct error_reply *ret_error)
{
	for (size_t i = 0; i < layer_count(scope); i++) {
		const struct grant *grant = layer_at(scope, i);
		const struct scope_use *use = use_at(scope, i);

		if (!has_room(use->count, count, grant->max_count)) {
			return refuse(scope, ERROR_POLICY_DENIED, ret_error,
			              "no more than %" PRIu64
			              " signatures and URLs",
			              grant->max_count);
		}
		if (!has_room(use->bytes, bytes, grant->max_bytes)) {
			return refuse(scope, ERROR_POLICY_DENIED, ret_error,
			              "no more than %" PRIu64 " bytes",
			              grant->max_bytes);
		}
	}
	charge(scope->socket_use, count, bytes);
	for (size_t i = 0; i < scope->narrowed_count; i++)
		charge(&scope->narrowed_use[i], count, bytes);
	return GATE_PASSED;
}

void scope_clear(struct scope *scope)
{
	for (size_t i = 0; i < scope->narrowed_count; i++)
		grant_clear(&scope->narrowed[i]);
	scope->narrowed_count = 0;
}
