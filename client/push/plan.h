/* plan.h - which paths of a closure must be uploaded, and what waits for what
 *
 * Pure: decides from values, asks nobody.
 */
#pragma once

#include "client/store/closure.h"
#include "protocol/nix/key.h"

enum plan_state {
	PLAN_UNKNOWN,  /* not asked yet */
	PLAN_UPSTREAM, /* an upstream key signed it: never uploaded */
	PLAN_PRESENT,  /* the cache has its narinfo */
	PLAN_PUSH,     /* to be uploaded */
};

/* One path of the closure, by the same index. */
struct plan_entry {
	enum plan_state state;
	size_t *dependents; /* owned: indexes of paths in the plan that refer to it */
	size_t dependent_count;
	size_t unmet; /* references in the plan that are not published yet */
};

struct plan {
	const struct closure *closure; /* borrowed */
	struct plan_entry *entries;    /* owned; closure->count */
	size_t push_count;
	size_t upstream_count;
	size_t present_count;
	uint64_t nar_bytes; /* of the paths to upload */
};

/* Everything PLAN_UNKNOWN.  0 or -ENOMEM. */
must_check int plan_make(const struct closure *closure, struct plan *ret_plan);
void plan_clear(struct plan *plan);

/* Counts, and ties each path to push to those that wait for it.  Paths that
 * are still PLAN_UNKNOWN become PLAN_PUSH.  0 or -ENOMEM. */
must_check int plan_finish(struct plan *plan);

/* References of paths to push that are outside the closure (--no-closure):
 * they must be in the cache or upstream.  Sorted. */
must_check int plan_outside_references(const struct plan *plan,
                                       struct strings *ret_bases);

/* Indexes of the paths to push, the largest first: the long ones overlap with
 * all others.  Owned by the caller; push_count long.  NULL: out of memory. */
size_t *plan_order(const struct plan *plan);
