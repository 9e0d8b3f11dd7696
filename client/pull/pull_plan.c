/* Theory of operation
 *
 * The weight of a path is its own cost and that of the heaviest chain of paths
 * that wait for it.  What a path refers to weighs more than the path, always,
 * as every cost is more than nothing: so the order of falling weight puts
 * references first, and gives the longest chain the earliest start.
 *
 * Weights are found from the top down, a path when all that wait for it have
 * theirs; paths that are never reached go round in a circle.
 */
#include "client/pull/pull_plan.h"

#include "protocol/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* A path costs at least a round trip and an import.  The most keeps sums of
 * PULL_PATHS_MAX costs below 2^64, whatever sizes a cache makes up. */
#define COST_LEAST 65536U
#define COST_MOST  ((uint64_t)1 << 43)

static_assert(PULL_PATHS_MAX < ((uint64_t)1 << 20), "weights overflow");

struct weighing {
	const struct pull_paths *paths;
	struct pull_plan *plan;
	uint64_t *weights; /* owned; by index; 0: not known */
	size_t *waiting;   /* owned; dependents without a weight */
	size_t *queue;     /* owned; of paths that have one */
	size_t queued;
};

void pull_plan_clear(struct pull_plan *plan)
{
	free(plan->order);
	free(plan->unmet);
	free(plan->first);
	free(plan->dependents);
	*plan = (struct pull_plan){ .count = 0 };
}

static void weighing_clear(struct weighing *w)
{
	free(w->weights);
	free(w->waiting);
	free(w->queue);
}

static bool is_to_come(const struct pull_path *path)
{
	return path->state == PULL_FOUND || path->state == PULL_ABSENT;
}

/* The path that reference i is, if it has to be waited for. */
static const struct pull_path *awaited(const struct pull_paths *paths,
                                       const struct pull_path *path, size_t i)
{
	const struct pull_path *to =
		pull_paths_find(paths, path->info->path.references.items[i]);

	return to && to != path && is_to_come(to) ? to : NULL;
}

static size_t reference_count(const struct pull_path *path)
{
	return path->state == PULL_FOUND ? path->info->path.references.count
	                                 : 0;
}

/* first[i + 1] becomes the number of dependents of path i. */
static size_t count_edges(const struct pull_paths *paths,
                          struct pull_plan *plan)
{
	size_t edges = 0;

	for (size_t i = 0; i < paths->count; i++) {
		const struct pull_path *path = paths->items[i];

		for (size_t k = 0; k < reference_count(path); k++) {
			const struct pull_path *to = awaited(paths, path, k);

			if (!to)
				continue;
			plan->first[to->index + 1]++;
			plan->unmet[i]++;
			edges++;
		}
	}
	return edges;
}

static void fill_edges(const struct pull_paths *paths, struct pull_plan *plan,
                       size_t *used)
{
	for (size_t i = 0; i < paths->count; i++)
		plan->first[i + 1] += plan->first[i];
	for (size_t i = 0; i < paths->count; i++) {
		const struct pull_path *path = paths->items[i];

		for (size_t k = 0; k < reference_count(path); k++) {
			const struct pull_path *to = awaited(paths, path, k);

			if (!to)
				continue;
			plan->dependents[plan->first[to->index] +
			                 used[to->index]++] = i;
		}
	}
}

static int tie(const struct pull_paths *paths, struct pull_plan *plan)
{
	cleanup_free size_t *used = calloc(paths->count + 1, sizeof(*used));
	size_t edges;

	plan->first = calloc(paths->count + 1, sizeof(*plan->first));
	plan->unmet = calloc(paths->count + 1, sizeof(*plan->unmet));
	if (!used || !plan->first || !plan->unmet)
		return -ENOMEM;
	edges = count_edges(paths, plan);
	plan->dependents = calloc(edges + 1, sizeof(*plan->dependents));
	if (!plan->dependents)
		return -ENOMEM;
	fill_edges(paths, plan, used);
	return 0;
}

static uint64_t cost_of(const struct pull_path *path)
{
	uint64_t size = path->state == PULL_FOUND ? path->info->path.nar_size
	                                          : 0;

	return COST_LEAST + (size < COST_MOST ? size : COST_MOST);
}

/* All that wait for the path have their weights. */
static void weigh(struct weighing *w, size_t index)
{
	const struct pull_plan *plan = w->plan;
	uint64_t heaviest = 0;

	for (size_t i = plan->first[index]; i < plan->first[index + 1]; i++) {
		uint64_t weight = w->weights[plan->dependents[i]];

		if (weight > heaviest)
			heaviest = weight;
	}
	w->weights[index] = heaviest + cost_of(w->paths->items[index]);
	w->queue[w->queued++] = index;
}

static void weigh_references(struct weighing *w, size_t index)
{
	const struct pull_path *path = w->paths->items[index];

	for (size_t k = 0; k < reference_count(path); k++) {
		const struct pull_path *to = awaited(w->paths, path, k);

		if (to && --w->waiting[to->index] == 0)
			weigh(w, to->index);
	}
}

/* Every path without a weight has a dependent without one: whoever follows
 * these for long enough is in the circle. */
static size_t find_culprit(const struct weighing *w, size_t index)
{
	const struct pull_plan *plan = w->plan;

	for (size_t step = 0; step < w->paths->count; step++) {
		size_t i = plan->first[index];

		while (w->weights[plan->dependents[i]] > 0)
			i++;
		index = plan->dependents[i];
	}
	return index;
}

static int weigh_all(struct weighing *w, size_t *ret_culprit)
{
	for (size_t i = 0; i < w->paths->count; i++) {
		w->waiting[i] = w->plan->first[i + 1] - w->plan->first[i];
		if (w->waiting[i] == 0 && is_to_come(w->paths->items[i]))
			weigh(w, i);
	}
	for (size_t i = 0; i < w->queued; i++)
		weigh_references(w, w->queue[i]);
	for (size_t i = 0; i < w->paths->count; i++) {
		if (w->weights[i] > 0 || !is_to_come(w->paths->items[i]))
			continue;
		*ret_culprit = find_culprit(w, i);
		return -ELOOP;
	}
	return 0;
}

static int by_weight(const void *a, const void *b, void *weights)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const uint64_t *of = weights;

	if (of[x] != of[y])
		return of[x] < of[y] ? 1 : -1;
	return x < y ? -1 : 1;
}

static int sort(const struct weighing *w)
{
	struct pull_plan *plan = w->plan;

	plan->order = calloc(w->paths->count + 1, sizeof(*plan->order));
	if (!plan->order)
		return -ENOMEM;
	for (size_t i = 0; i < w->paths->count; i++) {
		const struct pull_path *path = w->paths->items[i];

		if (path->state != PULL_FOUND)
			continue;
		plan->order[plan->count++] = i;
		if (__builtin_add_overflow(plan->nar_bytes,
		                           path->info->path.nar_size,
		                           &plan->nar_bytes))
			plan->nar_bytes = UINT64_MAX;
	}
	qsort_r(plan->order, plan->count, sizeof(*plan->order), by_weight,
	        w->weights);
	return 0;
}

static int make(const struct pull_paths *paths, struct pull_plan *plan,
                size_t *ret_culprit)
{
	__attribute__((__cleanup__(weighing_clear))) struct weighing w = {
		.paths = paths,
		.plan = plan,
		.weights = calloc(paths->count + 1, sizeof(*w.weights)),
		.waiting = calloc(paths->count + 1, sizeof(*w.waiting)),
		.queue = calloc(paths->count + 1, sizeof(*w.queue)),
	};
	int rc;

	if (!w.weights || !w.waiting || !w.queue)
		return -ENOMEM;
	rc = tie(paths, plan);
	if (rc == 0)
		rc = weigh_all(&w, ret_culprit);
	if (rc == 0)
		rc = sort(&w);
	return rc;
}

int pull_plan_make(const struct pull_paths *paths, struct pull_plan *ret_plan,
                   size_t *ret_culprit)
{
	struct pull_plan plan = { .count = 0 };
	int rc = make(paths, &plan, ret_culprit);

	if (rc < 0) {
		pull_plan_clear(&plan);
		return rc;
	}
	*ret_plan = plan;
	return 0;
}
