/* names.h - what the objects of a binary cache are called */
#pragma once

#include "protocol/nix/hash.h"
#include "protocol/nix/store_path.h"

#define NAMES_CACHE_INFO    "nix-cache-info"
#define NAMES_NAR_DIRECTORY "nar/"
#define NAMES_SUFFIX_MAX    8 /* ".zst" */
#define NAMES_NARINFO_SIZE  (STORE_PATH_HASH_LEN + sizeof(".narinfo"))
#define NAMES_NAR_SIZE                                              \
	(sizeof("nar/") - 1 + NIX_HASH_NIX32_LEN + sizeof(".nar") + \
	 NAMES_SUFFIX_MAX)

/* "<hash part>.narinfo"; base is a store path's valid base name. */
void names_format_narinfo(const char *base, char out[NAMES_NARINFO_SIZE]);

/* "nar/<NarHash in nix32>.nar<suffix>": known before compression starts.
 * suffix is at most NAMES_SUFFIX_MAX long. */
void names_format_nar(const struct nix_hash *nar_hash, const char *suffix,
                      char out[NAMES_NAR_SIZE]);

/* The media type that Nix gives to such an object. */
const char *names_content_type(const char *key);

/* The key of an object in its bucket, relative to the cache's prefix (may be
 * ""); NULL if it lies elsewhere.  Borrowed from key, which may be NULL. */
const char *names_without_prefix(const char *prefix, const char *key);
