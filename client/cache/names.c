#include "client/cache/names.h"

#include "protocol/base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void names_format_narinfo(const char *base, char out[NAMES_NARINFO_SIZE])
{
	assert(strlen(base) >= STORE_PATH_HASH_LEN);
	(void)snprintf(out, NAMES_NARINFO_SIZE, "%.*s.narinfo",
	               STORE_PATH_HASH_LEN, base);
}

void names_format_nar(const struct nix_hash *nar_hash, const char *suffix,
                      char out[NAMES_NAR_SIZE])
{
	char digits[NIX_HASH_NIX32_LEN + 1];

	assert(strlen(suffix) <= NAMES_SUFFIX_MAX);
	nix_hash_format_nix32(nar_hash, digits);
	(void)snprintf(out, NAMES_NAR_SIZE, NAMES_NAR_DIRECTORY "%s.nar%s",
	               digits, suffix);
}

const char *names_content_type(const char *key)
{
	if (strcmp(key, NAMES_CACHE_INFO) == 0)
		return "text/x-nix-cache-info";
	if (text_has_suffix(key, ".narinfo"))
		return "text/x-nix-narinfo";
	if (text_has_prefix(key, NAMES_NAR_DIRECTORY))
		return "application/x-nix-nar";
	if (text_has_prefix(key, "log/"))
		return "text/plain; charset=utf-8";
	if (text_has_suffix(key, ".ls") || text_has_suffix(key, ".doi") ||
	    text_has_prefix(key, "debuginfo/"))
		return "application/json";
	return "application/octet-stream";
}

const char *names_without_prefix(const char *prefix, const char *key)
{
	size_t len = strlen(prefix);

	if (!key || len == 0)
		return key;
	if (strncmp(key, prefix, len) != 0 || key[len] != '/')
		return NULL;
	return key + len + 1;
}
