#include "tests/lib/test.h"

#include "client/pack/level.h"

#define BLOCK   (16ULL * 1024 * 1024)
#define SLOTS   5 /* blocks of memory, as by default with two threads */
#define PACKERS 2
#define MAX     15

/* A pack and a wire, in milliseconds: what zstd does with a text. */
static const struct {
	unsigned ms;  /* for a block */
	unsigned kib; /* that it becomes */
} costs[MAX + 1] = {
	[1] = { 51, 8580 },    [2] = { 62, 7900 },    [3] = { 110, 6490 },
	[4] = { 125, 6450 },   [5] = { 210, 6200 },   [6] = { 280, 6000 },
	[7] = { 330, 5900 },   [8] = { 420, 5850 },   [9] = { 500, 5800 },
	[10] = { 640, 5750 },  [11] = { 850, 5720 },  [12] = { 900, 5710 },
	[13] = { 1500, 5600 }, [14] = { 1900, 5560 }, [15] = { 2400, 5530 },
};

struct plant {
	struct level level;
	int fixed;              /* 0: as the controller says */
	unsigned rate;          /* KiB a ms, of the wire, times 1000 */
	unsigned busy[PACKERS]; /* ms, still */
	int at[PACKERS];        /* level of what it does */
	unsigned queued;        /* blocks that wait for a packer */
	unsigned held;          /* blocks that wait for the wire */
	uint64_t parts[SLOTS];  /* what is left of each, in bytes */
	unsigned done;          /* blocks on the other side */
	unsigned changes;
};

static unsigned busy_count(const struct plant *p)
{
	unsigned count = 0;

	for (int i = 0; i < PACKERS; i++)
		count += p->busy[i] > 0;
	return count;
}

static void begin_block(struct plant *p, int packer, bool was_idle)
{
	struct level_sight sight = {
		.len = BLOCK,
		.held = p->held * BLOCK,
		.limit = SLOTS * BLOCK,
	};
	int before = p->level.level, level;

	p->queued--;
	sight.has_waited = !was_idle;
	level = level_next(&p->level, &sight);
	p->changes += level != before;
	p->at[packer] = p->fixed ? p->fixed : level;
	p->busy[packer] = costs[p->at[packer]].ms;
}

static void work(struct plant *p)
{
	for (int i = 0; i < PACKERS; i++) {
		bool was_idle = p->busy[i] == 0;

		if (!was_idle && --p->busy[i] == 0)
			p->parts[p->held++] = costs[p->at[i]].kib * 1024ULL;
		if (p->busy[i] == 0 && p->queued > 0)
			begin_block(p, i, was_idle);
	}
}

/* The first part goes first. */
static void send(struct plant *p)
{
	uint64_t may = p->rate * 1024ULL / 1000;

	while (p->held > 0 && may > 0) {
		uint64_t n = p->parts[0] < may ? p->parts[0] : may;

		p->parts[0] -= n;
		may -= n;
		if (p->parts[0] > 0)
			continue;
		for (unsigned i = 1; i < p->held; i++)
			p->parts[i - 1] = p->parts[i];
		p->held--;
		p->done++;
	}
}

/* The reader is always in time, while there is memory and no block waits. */
static unsigned run_ms(struct plant *p, unsigned ms)
{
	unsigned before = p->done;

	p->changes = 0;
	for (; ms > 0; ms--) {
		if (p->queued == 0 && busy_count(p) + p->held < SLOTS)
			p->queued++;
		work(p);
		if (p->queued == 0 && busy_count(p) + p->held < SLOTS)
			p->queued++;
		send(p);
	}
	return p->done - before;
}

static void plant_init(struct plant *p, unsigned rate, int fixed)
{
	*p = (struct plant){ .rate = rate, .fixed = fixed };
	level_init(&p->level, MAX);
}

/* What the best of all levels gets through. */
static unsigned best_of_all(unsigned rate, unsigned ms)
{
	unsigned best = 0;

	for (int level = 1; level <= MAX; level++) {
		struct plant p;
		unsigned done;

		plant_init(&p, rate, level);
		(void)run_ms(&p, 60000);
		done = run_ms(&p, ms);
		if (done > best)
			best = done;
	}
	return best;
}

#define SLOW  1000    /* 1 MB/s */
#define QUICK 1000000 /* 1 GB/s */

static void nearly_the_best_level_is_found_for_any_wire(void)
{
	static const unsigned rates[] = { SLOW,   3000,   7000,   12000,
		                          25000,  40000,  70000,  100000,
		                          125000, 160000, 250000, QUICK };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		unsigned best = best_of_all(rates[i], 240000), done;
		struct plant p;

		plant_init(&p, rates[i], 0);
		(void)run_ms(&p, 300000);
		done = run_ms(&p, 240000);
		CHECK(done * 100 >= best * 94);
		CHECK(p.changes <= done / 10);
	}
}

static void the_ends_are_reached_and_kept(void)
{
	struct plant p;

	plant_init(&p, QUICK, 0);
	(void)run_ms(&p, 3000);
	CHECK(p.level.level == 1);
	(void)run_ms(&p, 60000);
	CHECK(p.level.level == 1 && p.changes == 0);

	plant_init(&p, SLOW, 0);
	(void)run_ms(&p, 300000);
	CHECK(p.level.level == MAX);
	(void)run_ms(&p, 300000);
	CHECK(p.level.level == MAX && p.changes == 0);
}

/* Another level within so many blocks. */
static void a_wire_that_changes_is_followed(void)
{
	struct plant p;

	plant_init(&p, SLOW, 0);
	(void)run_ms(&p, 300000);
	p.rate = QUICK;
	(void)run_ms(&p, 60000);
	CHECK(p.level.level == 1);
	p.rate = SLOW;
	(void)run_ms(&p, 400000);
	CHECK(p.level.level == MAX);
}

/* Nothing is to be won where nobody waits, nor where both sides have enough. */
static void what_is_even_leaves_the_level_alone(void)
{
	static const struct level_sight sights[] = {
		{ .len = 100000, .limit = 5 * BLOCK },
		{ .len = 100000,
		  .limit = 5 * BLOCK,
		  .held = 4 * BLOCK,
		  .has_waited = true },
	};

	for (size_t i = 0; i < sizeof(sights) / sizeof(sights[0]); i++) {
		unsigned changes = 0;
		struct level l;

		level_init(&l, MAX);
		for (int k = 0; k < 10000; k++)
			changes += level_next(&l, &sights[i]) != LEVEL_FIRST;
		CHECK(changes == 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "nearly the best level is found for any wire",
		  nearly_the_best_level_is_found_for_any_wire },
		{ "the ends are reached and kept",
		  the_ends_are_reached_and_kept },
		{ "a wire that changes is followed",
		  a_wire_that_changes_is_followed },
		{ "what is even leaves the level alone",
		  what_is_even_leaves_the_level_alone },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
