#include "protocol/varlink/agent_api.h"

#include <stdlib.h>
#include <string.h>

const char *agent_state_name(enum agent_state state)
{
	switch (state) {
	case AGENT_LOCKED:
		return "locked";
	case AGENT_UNLOCKING:
		return "unlocking";
	case AGENT_UNLOCKED:
		return "unlocked";
	}
	return "";
}

const char *source_failure_name(enum source_failure kind)
{
	switch (kind) {
	case SOURCE_NOT_SIGNED_IN:
		return "notSignedIn";
	case SOURCE_DISMISSED:
		return "dismissed";
	case SOURCE_TIMED_OUT:
		return "timedOut";
	case SOURCE_APP_UNREACHABLE:
		return "appUnreachable";
	case SOURCE_NOT_FOUND:
		return "notFound";
	case SOURCE_RATE_LIMITED:
		return "rateLimited";
	case SOURCE_NOT_INSTALLED:
		return "notInstalled";
	case SOURCE_UNSAFE:
		return "unsafe";
	case SOURCE_SPENT:
		return "spent";
	case SOURCE_MALFORMED:
		return "malformed";
	case SOURCE_KEY_MISMATCH:
		return "keyMismatch";
	case SOURCE_FAILED:
		return "failed";
	}
	return "";
}

const char *measure_state_name(enum measure_state state)
{
	switch (state) {
	case MEASURE_HELD:
		return "held";
	case MEASURE_WEAKER:
		return "weaker";
	case MEASURE_ABSENT:
		return "absent";
	}
	return "";
}

const char *sign_policy_name(enum sign_policy policy)
{
	switch (policy) {
	case SIGN_IN_STORE:
		return "inStore";
	case SIGN_BUILT_HERE:
		return "builtHere";
	case SIGN_ANY:
		return "any";
	}
	return "";
}

const char *confirmation_name(enum confirmation confirmation)
{
	switch (confirmation) {
	case CONFIRM_SIGN:
		return "sign";
	case CONFIRM_PRESIGN_PUT:
		return "presignPut";
	case CONFIRM_UNLOCK:
		return "unlock";
	case CONFIRM_COUNT:
		break;
	}
	return "";
}

const char *permission_name(enum permission permission)
{
	switch (permission) {
	case PERMIT_UNLOCK:
		return "Unlock";
	case PERMIT_LOCK:
		return "Lock";
	case PERMIT_QUIT:
		return "Quit";
	case PERMIT_SIGN:
		return "Sign";
	default:
		return s3_operation_name(
			(enum s3_operation)(permission - PERMIT_OBJECT));
	}
}

static void clear_cache(struct agent_cache *cache)
{
	free(cache->name);
	free(cache->store);
	free(cache->store_dir);
	free(cache->compression);
	strings_clear(&cache->public_keys);
	strings_clear(&cache->upstream_keys);
}

void agent_status_clear(struct agent_status *status)
{
	for (size_t i = 0; i < status->cache_count; i++)
		clear_cache(&status->caches[i]);
	free(status->caches);
	free(status->measures);
	free(status->version);
	free(status->scope);
	free(status->audit.path);
	free(status->audit.failure);
	*status = (struct agent_status){ .version = NULL };
}

void agent_signed_request_clear(struct agent_signed_request *request)
{
	if (request->url)
		explicit_bzero(request->url, strlen(request->url));
	free(request->url);
	*request = (struct agent_signed_request){ .url = NULL };
}
