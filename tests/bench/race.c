#include "tests/bench/race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000ULL

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void laps_begin(struct laps *laps)
{
	laps->began_ns = now_ns();
}

void laps_end(struct laps *laps)
{
	if (laps->count < RACE_STEPS_MAX)
		laps->ns[laps->count++] = now_ns() - laps->began_ns;
}

static int compare_ns(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void way_note(struct way *way, size_t round, struct laps *laps)
{
	uint64_t middle, late;

	if (laps->count == 0)
		return;
	qsort(laps->ns, laps->count, sizeof(laps->ns[0]), compare_ns);
	middle = laps->ns[laps->count / 2];
	late = laps->ns[laps->count * 99 / 100];
	way->p50_ns[round] = (double)middle / (double)way->items;
	way->p99_ns[round] = (double)late / (double)way->items;
	laps->count = 0;
}

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct spread spread_of(const double values[RACE_ROUNDS])
{
	double sorted[RACE_ROUNDS];

	memcpy(sorted, values, sizeof(sorted));
	qsort(sorted, RACE_ROUNDS, sizeof(sorted[0]), compare_doubles);
	return (struct spread){ sorted[0], sorted[RACE_ROUNDS / 2],
		                sorted[RACE_ROUNDS - 1] };
}

struct spread way_ratio(const struct way *way, const struct way *measure)
{
	double ratios[RACE_ROUNDS];

	for (size_t i = 0; i < RACE_ROUNDS; i++)
		ratios[i] = way->p50_ns[i] / measure->p50_ns[i];
	return spread_of(ratios);
}

void race_print(const struct way *ways, size_t count, const char *items)
{
	(void)printf("%-34s %8s %8s %10s  %s\n", "", "p50 us", "p99 us",
	             "per s", "times the first (spread)");
	for (size_t i = 0; i < count; i++) {
		struct spread ratio = way_ratio(&ways[i], &ways[0]);
		double p50 = spread_of(ways[i].p50_ns).median;
		double p99 = spread_of(ways[i].p99_ns).median;

		(void)printf("%-34s %8.1f %8.1f %10.0f  %5.2f (%.2f - %.2f)\n",
		             ways[i].name, p50 / 1e3, p99 / 1e3,
		             (double)NS_PER_S / p50, ratio.median, ratio.low,
		             ratio.high);
	}
	(void)printf("(times are of one of the %s; medians of %d rounds)\n",
	             items, RACE_ROUNDS);
}
