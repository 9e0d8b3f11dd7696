/* grant.h - what a socket, or one narrowing of a connection, may be asked for
 *
 * A row of the allow-table: what it does not name is refused.  Only
 * agent/door/scope decides by it.
 */
#pragma once

#include "protocol/varlink/agent_api.h"

/* The most that a grant can give; the table is in agent/door/scope. */
enum scope_base {
	SCOPE_OWNER,
	SCOPE_PUSH,
	SCOPE_PULL,
	SCOPE_BASE_COUNT,
};

#define GRANT_UNLIMITED UINT64_MAX

struct grant {
	enum scope_base base;
	uint32_t allow; /* bits of enum permission, all of them: what base has */
	uint64_t caches;            /* bits of indices in the configuration */
	struct strings keys;        /* owned; shell patterns; empty: any */
	struct strings store_paths; /* likewise, over names below the store */
	uint64_t max_count;         /* signatures and URLs together */
	uint64_t max_bytes;   /* of archives signed and of bodies to be sent */
	uint32_t max_expires; /* of a URL, seconds */
	uint32_t rate;        /* items a second of one peer; 0: no limit */
	int64_t until;        /* seconds since the epoch; 0: no limit */
};

/* Everything that base has, of all caches. */
void grant_init(struct grant *grant, enum scope_base base);
void grant_clear(struct grant *grant);

/* "owner", "push", "pull". */
const char *scope_base_name(enum scope_base base);
/* 0, or -EINVAL. */
must_check int scope_base_parse(const char *name, enum scope_base *ret_base);
