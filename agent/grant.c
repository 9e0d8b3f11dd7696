#include "agent/grant.h"

#include <errno.h>
#include <string.h>

static const char *const names[SCOPE_BASE_COUNT] = {
	[SCOPE_OWNER] = "owner",
	[SCOPE_PUSH] = "push",
	[SCOPE_PULL] = "pull",
};

void grant_init(struct grant *grant, enum scope_base base)
{
	*grant = (struct grant){
		.base = base,
		.allow = UINT32_MAX,
		.caches = UINT64_MAX,
		.max_count = GRANT_UNLIMITED,
		.max_bytes = GRANT_UNLIMITED,
		.max_expires = S3_EXPIRES_MAX,
	};
}

void grant_clear(struct grant *grant)
{
	strings_clear(&grant->keys);
	strings_clear(&grant->store_paths);
}

const char *scope_base_name(enum scope_base base)
{
	return names[base];
}

int scope_base_parse(const char *name, enum scope_base *ret_base)
{
	for (size_t i = 0; i < SCOPE_BASE_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_base = (enum scope_base)i;
			return 0;
		}
	}
	return -EINVAL;
}
