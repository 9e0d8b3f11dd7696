#include "client/push/plan.h"

#include "protocol/base/cleanup.h"
#include "protocol/nix/fingerprint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int plan_make(const struct closure *closure, struct plan *ret_plan)
{
	struct plan plan = { .closure = closure };

	plan.entries = calloc(closure->count + 1, sizeof(*plan.entries));
	if (!plan.entries)
		return -ENOMEM;
	*ret_plan = plan;
	return 0;
}

void plan_clear(struct plan *plan)
{
	for (size_t i = 0; plan->entries && i < plan->closure->count; i++)
		free(plan->entries[i].dependents);
	free(plan->entries);
	*plan = (struct plan){ .closure = NULL };
}

static int add_dependent(struct plan_entry *entry, size_t dependent)
{
	size_t *grown = reallocarray(
		entry->dependents, entry->dependent_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	grown[entry->dependent_count++] = dependent;
	entry->dependents = grown;
	return 0;
}

/* The paths in the plan that this one must be published after. */
static int tie(struct plan *plan, size_t index)
{
	const struct path_info *info = &plan->closure->paths[index];

	for (size_t i = 0; i < info->references.count; i++) {
		ssize_t at =
			closure_find(plan->closure, info->references.items[i]);
		int rc;

		if (at < 0 || (size_t)at == index ||
		    plan->entries[at].state != PLAN_PUSH)
			continue;
		rc = add_dependent(&plan->entries[at], index);
		if (rc < 0)
			return rc;
		plan->entries[index].unmet++;
	}
	return 0;
}

static void count(struct plan *plan, size_t index)
{
	switch (plan->entries[index].state) {
	case PLAN_UPSTREAM:
		plan->upstream_count++;
		break;
	case PLAN_PRESENT:
		plan->present_count++;
		break;
	case PLAN_UNKNOWN:
	case PLAN_PUSH:
		plan->entries[index].state = PLAN_PUSH;
		plan->push_count++;
		plan->nar_bytes += plan->closure->paths[index].nar_size;
		break;
	}
}

int plan_finish(struct plan *plan)
{
	int rc = 0;

	for (size_t i = 0; i < plan->closure->count; i++)
		count(plan, i);
	for (size_t i = 0; i < plan->closure->count && rc == 0; i++) {
		if (plan->entries[i].state == PLAN_PUSH)
			rc = tie(plan, i);
	}
	return rc;
}

int plan_outside_references(const struct plan *plan, struct strings *ret_bases)
{
	struct strings outside = { .items = NULL };
	int rc = 0;

	for (size_t i = 0; i < plan->closure->count && rc == 0; i++) {
		const struct path_info *info = &plan->closure->paths[i];

		if (plan->entries[i].state != PLAN_PUSH)
			continue;
		for (size_t k = 0; k < info->references.count && rc == 0; k++) {
			const char *base = info->references.items[k];

			if (closure_find(plan->closure, base) < 0)
				rc = strings_add(&outside, base, strlen(base));
		}
	}
	if (rc < 0) {
		strings_clear(&outside);
		return rc;
	}
	strings_sort(&outside);
	*ret_bases = outside;
	return 0;
}

struct ordered {
	size_t index;
	uint64_t size;
};

static int by_size(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->index < y->index ? -1 : 1;
}

size_t *plan_order(const struct plan *plan)
{
	cleanup_free struct ordered *sorted =
		calloc(plan->push_count + 1, sizeof(*sorted));
	cleanup_free size_t *order =
		calloc(plan->push_count + 1, sizeof(*order));
	size_t at = 0;

	if (!sorted || !order)
		return NULL;
	for (size_t i = 0; i < plan->closure->count; i++) {
		if (plan->entries[i].state == PLAN_PUSH) {
			sorted[at++] = (struct ordered){
				i, plan->closure->paths[i].nar_size
			};
		}
	}
	qsort(sorted, at, sizeof(*sorted), by_size);
	for (size_t i = 0; i < at; i++)
		order[i] = sorted[i].index;
	return take_ptr(order);
}
