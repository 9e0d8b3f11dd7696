/* test_estimate.c - what a push will take, from values alone */
#include "client/push/estimate.h"
#include "tests/lib/closure_stage.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define MIB (1ULL << 20)

struct stage {
	struct closure closure;
	struct plan plan;
	struct estimate_request request;
	struct progress_estimate estimate;
};

/* Paths of so many MiB each, to be pushed to a bucket uncompressed. */
static void set_up(struct stage *s, size_t count, const uint64_t *sizes)
{
	*s = (struct stage){ .request = { .plan = &s->plan,
		                          .compression = PACK_NONE,
		                          .is_remote = true,
		                          .jobs = 2,
		                          .connections = 10 } };
	closure_stage_make(&s->closure, count);
	for (size_t i = 0; i < count; i++)
		s->closure.paths[i].nar_size = sizes[i] * MIB;
	CHECK(plan_make(&s->closure, &s->plan) == 0);
	CHECK(plan_finish(&s->plan) == 0);
}

static void make(struct stage *s)
{
	estimate_make(&s->request, &s->estimate);
}

static void tear_down(struct stage *s)
{
	plan_clear(&s->plan);
	closure_clear(&s->closure);
}

static bool has_classes(const struct stage *s, uint64_t a, uint64_t b,
                        uint64_t c)
{
	if (s->estimate.class_a == a && s->estimate.class_b == b &&
	    s->estimate.class_c == c)
		return true;
	printf("# %llu %llu %llu\n", (unsigned long long)s->estimate.class_a,
	       (unsigned long long)s->estimate.class_b,
	       (unsigned long long)s->estimate.class_c);
	return false;
}

static void a_small_path_is_looked_up_and_put_twice(void)
{
	static struct stage s;

	set_up(&s, 3, (const uint64_t[]){ 1, 0, 16 });
	make(&s);
	CHECK(s.estimate.has_requests && !s.estimate.is_bound);
	CHECK(s.estimate.file_bytes == 17 * MIB);
	CHECK(has_classes(&s, 6, 3, 0));
	s.request.needs_cache_info = true;
	make(&s);
	CHECK(has_classes(&s, 7, 3, 0));
	tear_down(&s);
}

static void a_large_path_goes_in_parts(void)
{
	static const struct {
		uint64_t mib;
		uint64_t parts;
	} rows[] = { { 17, 2 }, { 32, 2 }, { 33, 3 }, { 160, 10 } };
	static struct stage s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(&s, 1, &rows[i].mib);
		make(&s);
		/* Begun, completed, and the narinfo. */
		CHECK(has_classes(&s, rows[i].parts + 3, 1, 1));
		tear_down(&s);
	}
}

static void what_compresses_makes_fewer_parts(void)
{
	const struct journal_work fourth = { 100 * MIB, 25 * MIB, 1000 };
	static struct stage s;

	/* Blocks of 4 MiB: after 16 of them a part for each two. */
	set_up(&s, 2, (const uint64_t[]){ 64, 96 });
	s.request.compression = PACK_ZSTD;
	s.request.work = &fourth;
	make(&s);
	CHECK(s.estimate.file_bytes == 40 * MIB && !s.estimate.is_bound);
	CHECK(has_classes(&s, 2 + 2 + 1 + 2, 2, 1));
	tear_down(&s);
}

static void without_a_measure_it_is_said_to_be_a_bound(void)
{
	static struct stage s;

	set_up(&s, 1, (const uint64_t[]){ 40 });
	s.request.compression = PACK_ZSTD;
	make(&s);
	CHECK(s.estimate.is_bound);
	CHECK(s.estimate.file_bytes == 40 * MIB);
	CHECK(!s.estimate.has_link && !s.estimate.has_cpu);
	CHECK(s.estimate.link_ms == 0 && s.estimate.cpu_ms == 0);
	tear_down(&s);
}

static void a_folder_is_asked_nothing(void)
{
	static struct stage s;

	set_up(&s, 1, (const uint64_t[]){ 40 });
	s.request.is_remote = false;
	s.request.needs_cache_info = true;
	make(&s);
	CHECK(!s.estimate.has_requests);
	CHECK(has_classes(&s, 0, 0, 0));
	tear_down(&s);
}

static void only_what_is_pushed_counts(void)
{
	static struct stage s;

	set_up(&s, 3, (const uint64_t[]){ 1, 2, 4 });
	plan_clear(&s.plan);
	CHECK(plan_make(&s.closure, &s.plan) == 0);
	s.plan.entries[0].state = PLAN_PRESENT;
	s.plan.entries[2].state = PLAN_UPSTREAM;
	CHECK(plan_finish(&s.plan) == 0);
	make(&s);
	CHECK(s.estimate.file_bytes == 2 * MIB);
	CHECK(has_classes(&s, 2, 1, 0));

	plan_clear(&s.plan);
	CHECK(plan_make(&s.closure, &s.plan) == 0);
	for (size_t i = 0; i < 3; i++)
		s.plan.entries[i].state = PLAN_PRESENT;
	CHECK(plan_finish(&s.plan) == 0);
	s.request.needs_cache_info = true;
	make(&s);
	CHECK(has_classes(&s, 0, 0, 0));
	tear_down(&s);
}

static void the_link_takes_as_long_as_bytes_or_answers(void)
{
	static const struct journal_link near = { .bytes_per_s = MIB,
		                                  .latency_ms = 50,
		                                  .measured_at = 77 };
	static const struct journal_link far = { .bytes_per_s = 1000 * MIB,
		                                 .latency_ms = 500 };
	static const struct journal_link unmeasured = { .latency_ms = 500 };
	static struct stage s;

	set_up(&s, 2, (const uint64_t[]){ 3, 7 });
	s.request.link = &near;
	make(&s);
	CHECK(s.estimate.has_link && s.estimate.link_measured_at == 77);
	CHECK(s.estimate.link_bytes_per_s == MIB);
	CHECK(s.estimate.link_latency_ms == 50);
	CHECK(s.estimate.link_ms == 10000);

	/* Six requests, of which ten can be under way. */
	s.request.link = &far;
	make(&s);
	CHECK(s.estimate.link_ms == 300);
	s.request.link = &unmeasured;
	make(&s);
	CHECK(!s.estimate.has_link);
	tear_down(&s);
}

static void the_processors_share_the_work(void)
{
	const struct journal_work work = { 50 * MIB, 25 * MIB, 1000 };
	static struct stage s;

	set_up(&s, 2, (const uint64_t[]){ 100, 100 });
	s.request.compression = PACK_XZ;
	s.request.work = &work;
	make(&s);
	CHECK(s.estimate.has_cpu && s.estimate.cpu_ms == 2000);
	CHECK(s.estimate.file_bytes == 100 * MIB);
	s.request.jobs = 8;
	make(&s);
	CHECK(s.estimate.cpu_ms == 500);
	tear_down(&s);
}

static void the_largest_numbers_do_not_wrap(void)
{
	const struct journal_work work = { 1, INT64_MAX / 2, INT64_MAX / 2 };
	const struct journal_link link = { .bytes_per_s = 1,
		                           .latency_ms = UINT32_MAX };
	static struct stage s;

	set_up(&s, 1, (const uint64_t[]){ 1000 });
	s.request.compression = PACK_ZSTD;
	s.request.work = &work;
	s.request.link = &link;
	make(&s);
	CHECK(s.estimate.file_bytes == INT64_MAX);
	CHECK(s.estimate.link_ms == INT64_MAX);
	CHECK(s.estimate.cpu_ms == INT64_MAX / 2);
	tear_down(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a small path is looked up and put twice",
		  a_small_path_is_looked_up_and_put_twice },
		{ "a large path goes in parts", a_large_path_goes_in_parts },
		{ "what compresses makes fewer parts",
		  what_compresses_makes_fewer_parts },
		{ "without a measure it is said to be a bound",
		  without_a_measure_it_is_said_to_be_a_bound },
		{ "a folder is asked nothing", a_folder_is_asked_nothing },
		{ "only what is pushed counts", only_what_is_pushed_counts },
		{ "the link takes as long as bytes or answers",
		  the_link_takes_as_long_as_bytes_or_answers },
		{ "the processors share the work",
		  the_processors_share_the_work },
		{ "the largest numbers do not wrap",
		  the_largest_numbers_do_not_wrap },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
