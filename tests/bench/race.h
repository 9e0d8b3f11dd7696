/* race.h - several ways to the same thing, timed by turns, told as ratios
 *
 * The first way is the measure of the others.  Ways take turns in rounds, so
 * that a machine that slows down slows all of them; a ratio is made within a
 * round, and what is told is its median over the rounds, with the spread.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RACE_ROUNDS    9
#define RACE_STEPS_MAX 4096

struct way {
	const char *name;
	size_t items;               /* done in one step */
	size_t steps;               /* in one round; at most RACE_STEPS_MAX */
	double p50_ns[RACE_ROUNDS]; /* of an item */
	double p99_ns[RACE_ROUNDS];
};

/* Times count ways in RACE_ROUNDS rounds, after some that do not count.  step
 * does one step of the way with that index.  0, or the first failure of step,
 * which ends it. */
int race_run(struct way *ways, size_t count, size_t warm_up,
             int (*step)(void *context, size_t way), void *context);

struct spread {
	double low;
	double median;
	double high;
};

/* How many times as long as the measure an item takes. */
struct spread way_ratio(const struct way *way, const struct way *measure);

/* The same beside the sum of two measures. */
struct spread way_ratio_to_both(const struct way *way, const struct way *one,
                                const struct way *other);

/* What is asked of a benchmark, and what it has found. */
struct bar {
	const char *what;
	double asked;
	bool is_least; /* at least what is asked, or at most */
	struct spread found;
	const char *unit; /* "times", "of ..." */
};

/* One line each: held or not. */
void race_say_bars(const struct bar *bars, size_t count);

/* The rows and bars as JSON into the file that the environment's BENCH_JSON
 * names, if it names one.  0 or -errno. */
must_check int race_write(const char *benchmark, const struct way *ways,
                          size_t way_count, const struct bar *bars,
                          size_t bar_count);

/* One line for each way; what an item is called in the plural. */
void race_print(const struct way *ways, size_t count, const char *items);
