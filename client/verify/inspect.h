/* inspect.h - looks at each path of a roster: its narinfo, then its archive */
#pragma once

#include "client/catalog/trust.h"
#include "client/verify/inventory.h"

struct inspect_request {
	struct cache *cache;
	const char *store_dir;
	const struct trust *trust;
	struct roster *roster;             /* what paths refer to is added */
	const struct inventory *inventory; /* NULL: only what is asked for */
	struct report *report;
	bool is_deep;
};

struct inspect_result {
	size_t paths;   /* whose narinfo is there */
	uint64_t bytes; /* of archives that were fetched */
	int exit_status;
	char why[768]; /* unless EXIT_DONE: why it was given up */
};

/* Every path ends as ROSTER_DONE or ROSTER_MISSING, unless it was given up. */
void inspect_run(const struct inspect_request *request,
                 struct inspect_result *ret_result);
