/* store_path.h - the grammar of store paths
 *
 * A base name is "<32 nix32>-<name>"; a store path is the store directory, a
 * slash and a base name (facts: Nix manual, "Store Path"; names as the
 * strictest reader takes them: Nix 2.22 and later).
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

#define STORE_PATH_HASH_LEN  32
#define STORE_PATH_NAME_MAX  211
#define STORE_PATH_BASE_MAX  (STORE_PATH_HASH_LEN + 1 + STORE_PATH_NAME_MAX)
#define STORE_PATH_BASE_SIZE (STORE_PATH_BASE_MAX + 1)
#define STORE_DIR_MAX        255
#define STORE_PATH_MAX       (STORE_DIR_MAX + 1 + STORE_PATH_BASE_MAX)
#define STORE_PATH_SIZE      (STORE_PATH_MAX + 1)
#define STORE_DIR_DEFAULT    "/nix/store"

/* Allocation-free: the vault uses it. */
/* A byte that a name may have. */
bool store_path_is_name_char(char c);

bool store_path_base_is_valid(const char *base, size_t len);

/* An absolute, normalised directory of at most STORE_DIR_MAX bytes, printable
 * ASCII without space, ';' and ','. */
bool store_dir_is_valid(const char *dir, size_t len);

/* Copies the base name of exactly "<store_dir>/<base>".  -EINVAL otherwise. */
must_check int store_path_parse(const char *store_dir, const char *path,
                                size_t len,
                                char ret_base[STORE_PATH_BASE_SIZE]);

/* Like store_path_parse, but path may also lie inside a store path:
 * /nix/store/<base>/bin/x gives <base>.  One with a ".." in it does not. */
must_check int store_path_of(const char *store_dir, const char *path,
                             char ret_base[STORE_PATH_BASE_SIZE]);
