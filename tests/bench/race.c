#include "tests/bench/race.h"

#include <errno.h>
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

static int compare_ns(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void note(struct way *way, size_t round, uint64_t *ns)
{
	const size_t p50 = way->steps / 2, p99 = way->steps * 99 / 100;

	if (way->steps == 0)
		return;
	qsort(ns, way->steps, sizeof(ns[0]), compare_ns);
	way->p50_ns[round] = (double)ns[p50] / (double)way->items;
	way->p99_ns[round] = (double)ns[p99] / (double)way->items;
}

static int run_round(struct way *ways, size_t count, size_t round,
                     int (*step)(void *context, size_t way), void *context)
{
	static uint64_t ns[RACE_STEPS_MAX];

	for (size_t i = 0; i < count; i++) {
		if (ways[i].steps > RACE_STEPS_MAX)
			return -EINVAL;
		for (size_t n = 0; n < ways[i].steps; n++) {
			uint64_t began_ns = now_ns();
			int rc = step(context, i);

			ns[n] = now_ns() - began_ns;
			if (rc < 0)
				return rc;
		}
		note(&ways[i], round, ns);
	}
	return 0;
}

int race_run(struct way *ways, size_t count, size_t warm_up,
             int (*step)(void *context, size_t way), void *context)
{
	int rc = 0;

	for (size_t i = 0; i < warm_up && rc == 0; i++)
		rc = run_round(ways, count, 0, step, context);
	for (size_t i = 0; i < RACE_ROUNDS && rc == 0; i++)
		rc = run_round(ways, count, i, step, context);
	return rc;
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

struct spread way_ratio_to_both(const struct way *way, const struct way *one,
                                const struct way *other)
{
	double ratios[RACE_ROUNDS];

	for (size_t i = 0; i < RACE_ROUNDS; i++) {
		ratios[i] =
			way->p50_ns[i] / (one->p50_ns[i] + other->p50_ns[i]);
	}
	return spread_of(ratios);
}

static bool is_held(const struct bar *bar)
{
	return bar->is_least ? bar->found.median >= bar->asked
	                     : bar->found.median <= bar->asked;
}

void race_say_bars(const struct bar *bars, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct bar *b = &bars[i];

		(void)printf("bar: %s: %.2f %s (%.2f - %.2f; at %s %g): %s\n",
		             b->what, b->found.median, b->unit, b->found.low,
		             b->found.high, b->is_least ? "least" : "most",
		             b->asked, is_held(b) ? "held" : "NOT held");
	}
}

static void write_rows(FILE *file, const struct way *ways, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct spread p50 = spread_of(ways[i].p50_ns);

		(void)fprintf(file,
		              "%s\n  {\"what\": \"%s\", \"median\": %.3f, "
		              "\"spread_low\": %.3f, \"spread_high\": %.3f, "
		              "\"p99\": %.3f, \"unit\": \"us\"}",
		              i > 0 ? "," : "", ways[i].name, p50.median / 1e3,
		              p50.low / 1e3, p50.high / 1e3,
		              spread_of(ways[i].p99_ns).median / 1e3);
	}
}

static void write_bars(FILE *file, const struct bar *bars, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct bar *b = &bars[i];

		(void)fprintf(
			file,
			"%s\n  {\"what\": \"%s\", \"bar\": \"at %s %g %s\", "
			"\"value\": %.4f, \"spread_low\": %.4f, "
			"\"spread_high\": %.4f, \"held\": %s}",
			i > 0 ? "," : "", b->what,
			b->is_least ? "least" : "most", b->asked, b->unit,
			b->found.median, b->found.low, b->found.high,
			is_held(b) ? "true" : "false");
	}
}

int race_write(const char *benchmark, const struct way *ways, size_t way_count,
               const struct bar *bars, size_t bar_count)
{
	const char *path = getenv("BENCH_JSON");
	FILE *file;

	if (!path)
		return 0;
	file = fopen(path, "we");
	if (!file)
		return -errno;
	(void)fprintf(file, "{\"benchmark\": \"%s\", \"rows\": [", benchmark);
	write_rows(file, ways, way_count);
	(void)fprintf(file, "],\n \"bars\": [");
	write_bars(file, bars, bar_count);
	(void)fprintf(file, "]}\n");
	return fclose(file) == 0 ? 0 : -errno;
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
