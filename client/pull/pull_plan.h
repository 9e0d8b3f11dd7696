/* pull_plan.h - in which order paths are fetched, and which waits for which
 *
 * Pure: decides from values, asks nobody.
 */
#pragma once

#include "client/pull/pull_paths.h"

struct pull_plan {
	size_t *order; /* owned; indexes of the paths that are PULL_FOUND */
	size_t count;
	uint64_t nar_bytes; /* of them */

	/* By index of a path: references that are PULL_FOUND or PULL_ABSENT,
	 * and so are not valid yet.  Owned. */
	size_t *unmet;

	/* Those that wait for path i: dependents[first[i] .. first[i + 1]).
	 * Owned. */
	size_t *first;
	size_t *dependents;
};

/* References come before what refers to them; where that leaves a choice,
 * what most bytes wait for comes first.  -ELOOP: paths[*ret_culprit] refers
 * to itself through others, which no store allows; -ENOMEM. */
must_check int pull_plan_make(const struct pull_paths *paths,
                              struct pull_plan *ret_plan, size_t *ret_culprit);
void pull_plan_clear(struct pull_plan *plan);

/* For cleanup_pull_plan on a local struct pull_plan. */
#define cleanup_pull_plan __attribute__((__cleanup__(pull_plan_clear)))
