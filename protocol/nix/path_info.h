/* path_info.h - what a store knows of one store path */
#pragma once

#include "protocol/base/strings.h"
#include "protocol/nix/hash.h"
#include "protocol/nix/store_path.h"

struct path_info {
	char base[STORE_PATH_BASE_SIZE];
	char deriver[STORE_PATH_BASE_SIZE]; /* base name, or empty */
	struct nix_hash nar_hash;
	uint64_t nar_size;
	struct strings references; /* base names, sorted, unique, self included */
	struct strings signatures; /* name:base64, as the store has them */
	char *content_address;     /* owned, or NULL */
	bool is_ultimate;          /* built here */
};

void path_info_clear(struct path_info *info);
