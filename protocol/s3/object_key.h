/* object_key.h - the names that objects of a binary cache may have
 *
 * An allow-list: nix-cache-info, <32 nix32>.narinfo, <32 nix32>.ls,
 * nar/<52 nix32>.nar[.ext], log/<drv name>, debuginfo/<40 hex>[.debug],
 * realisations/sha256:<64 hex>!<output>.doi,
 * build-trace-v2/<drv name>/<output>.doi.  No "..", no '%', no query string.
 * Relative to the cache's prefix.  Allocation-free.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define OBJECT_KEY_MAX 512

enum object_key_kind {
	OBJECT_KEY_INVALID,
	OBJECT_KEY_CACHE_INFO,
	OBJECT_KEY_NARINFO,
	OBJECT_KEY_LISTING,
	OBJECT_KEY_NAR,
	OBJECT_KEY_LOG,
	OBJECT_KEY_DEBUG_INFO,
	OBJECT_KEY_REALISATION,
	OBJECT_KEY_BUILD_TRACE,
};
#define OBJECT_KEY_KIND_COUNT (OBJECT_KEY_BUILD_TRACE + 1)

enum object_key_kind object_key_kind(const char *key, size_t len);

/* May be listed: empty, or a directory of the above ("nar/", "log/", ...), or
 * any leading part of a valid key made of its characters, without "..". */
bool object_key_prefix_is_valid(const char *prefix, size_t len);
