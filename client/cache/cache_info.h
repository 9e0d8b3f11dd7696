/* cache_info.h - the nix-cache-info file of a binary cache */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/nix/store_path.h"

#define CACHE_INFO_MAX 4096 /* bytes of the file */

struct cache_info {
	char store_dir[STORE_DIR_MAX + 1];
	int priority; /* -1: not said */
	bool want_mass_query;
};

/* Lines this program does not know are passed over, as Nix does.  -EINVAL for
 * a file without a valid StoreDir, too long, or with a line that is malformed
 * or said twice. */
must_check int cache_info_parse(struct bytes text, struct cache_info *ret_info);

void cache_info_format(const struct cache_info *cache_info, struct buffer *out);
