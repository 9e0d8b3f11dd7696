#include "client/cache/select.h"

#include "protocol/base/text.h"
#include "protocol/nix/store_uri.h"

#include <stdio.h>
#include <string.h>

static void list_names(const struct agent_status *status, char *out,
                       size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < status->cache_count && at < size; i++) {
		int len = snprintf(out + at, size - at, "%s%s",
		                   i > 0 ? ", " : "", status->caches[i].name);

		at += len > 0 ? (size_t)len : 0;
	}
}

/* What the person asked for, fit to be shown. */
static void explain(const char *wanted, const char *what, const char *names,
                    char *why, size_t why_size)
{
	char shown[200];
	int len;

	text_printable(wanted, strlen(wanted), shown, sizeof(shown));
	len = snprintf(why, why_size, "%s: ", shown);
	if (len > 0 && (size_t)len < why_size) {
		(void)snprintf(why + len, why_size - (size_t)len, "%s: %s",
		               what, names);
	}
}

static const struct agent_cache *by_name(const struct agent_status *status,
                                         const char *name)
{
	for (size_t i = 0; i < status->cache_count; i++) {
		if (strcmp(status->caches[i].name, name) == 0)
			return &status->caches[i];
	}
	return NULL;
}

static const struct agent_cache *by_place(const struct agent_status *status,
                                          const struct store_uri *wanted)
{
	for (size_t i = 0; i < status->cache_count; i++) {
		struct store_uri uri;
		char why[200];

		if (store_uri_parse(status->caches[i].store, &uri, why,
		                    sizeof(why)) == 0 &&
		    store_uri_same_place(&uri, wanted))
			return &status->caches[i];
	}
	return NULL;
}

const struct agent_cache *select_cache(const struct agent_status *status,
                                       const char *wanted, char *why,
                                       size_t why_size)
{
	const struct agent_cache *found = NULL;
	struct store_uri uri;
	char names[256];

	list_names(status, names, sizeof(names));
	if (!wanted && status->cache_count == 1)
		return &status->caches[0];
	if (!wanted) {
		(void)snprintf(
			why, why_size,
			status->cache_count == 0
				? "the agent knows no cache: write "
				  "nixcache.conf, see nixcache-agent(1)%s"
				: "there are several caches, say which one: %s",
			names);
		return NULL;
	}

	found = by_name(status, wanted);
	if (found)
		return found;
	if (!strstr(wanted, "://")) {
		explain(wanted, "the agent knows no such cache; it knows",
		        names, why, why_size);
		return NULL;
	}
	if (store_uri_parse(wanted, &uri, why, why_size) < 0)
		return NULL;
	found = by_place(status, &uri);
	if (!found) {
		explain(wanted,
		        "no cache of the agent is at that place: add a [cache] "
		        "section for it; it knows",
		        names, why, why_size);
	}
	return found;
}
