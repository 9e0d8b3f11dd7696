/* test_estimate_words.c - what is said of what a push will take */
#include "client/ui/progress.h"
#include "tests/lib/spoken.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void speak(const struct progress_estimate *estimate,
                  enum progress_mode mode, struct spoken *spoken)
{
	const struct progress_plan plan = { .path_count = 3,
		                            .todo_count = 3,
		                            .nar_bytes = 3 << 20,
		                            .estimate = estimate };
	struct progress *p;

	if (!spoken_begin(spoken))
		return;
	p = progress_new(mode, PROGRESS_PUSH);
	progress_plan(p, &plan, "mine");
	progress_free(p);
	spoken_end();
}

static void check_says(const struct spoken *spoken, const char *lines)
{
	if (strstr(spoken->err, lines))
		return;
	printf("# said: %s\n", spoken->err);
	FAIL(lines);
}

static void what_was_measured_is_told(void)
{
	const struct progress_estimate known = {
		.file_bytes = 1 << 20,
		.has_requests = true,
		.class_a = 12,
		.class_b = 3,
		.class_c = 1,
		.has_link = true,
		.link_bytes_per_s = 2 << 20,
		.link_latency_ms = 20,
		.link_measured_at = 1800000000,
		.link_ms = 200500,
		.has_cpu = true,
		.cpu_ms = 7300000,
	};
	static struct spoken spoken;

	speak(&known, PROGRESS_AUTO, &spoken);
	check_says(&spoken,
	           " from upstream\n"
	           "to upload: 1.0 MiB\n"
	           "requests: 12 of class A, 3 of class B, 1 of class C\n"
	           "link: 2.0 MiB/s, 20 ms, as measured 2027-01-15\n"
	           "time: about 2 h 1 min (link 3 min 20 s, processors 2 h 1 "
	           "min)\n");
	speak(&known, PROGRESS_QUIET, &spoken);
	CHECK(spoken.err[0] == '\0');
}

static void what_was_not_measured_is_not_made_up(void)
{
	struct progress_estimate unknown = {
		.is_bound = true,
		.file_bytes = 1 << 20,
	};
	static struct spoken spoken;

	speak(&unknown, PROGRESS_AUTO, &spoken);
	check_says(&spoken, " from upstream\n"
	                    "to upload: at most 1.0 MiB (how well it "
	                    "compresses is not known yet)\n"
	                    "time: not known, nothing was measured yet\n");

	unknown.has_link = true;
	unknown.link_ms = 42999;
	speak(&unknown, PROGRESS_AUTO, &spoken);
	check_says(&spoken, "\ntime: up to 42 s for the link; what compressing "
	                    "takes was not measured yet\n");

	unknown = (struct progress_estimate){ .has_cpu = true, .cpu_ms = 999 };
	speak(&unknown, PROGRESS_AUTO, &spoken);
	check_says(&spoken, "\ntime: at least under 1 s for the processors; "
	                    "the link was not measured yet\n");
}

static void a_program_gets_members_of_the_plan(void)
{
	struct progress_estimate half = {
		.is_bound = true,
		.file_bytes = 5,
		.class_a = 1,
		.class_b = 2,
		.class_c = 3,
		.has_link = true,
		.link_bytes_per_s = 4,
		.link_latency_ms = 6,
		.link_measured_at = 7,
		.link_ms = 8,
	};
	static struct spoken spoken;

	speak(&half, PROGRESS_JSON, &spoken);
	CHECK(strstr(spoken.out,
	             "\"narBytes\":3145728,\"fileBytes\":5,\"atMost\":true,"
	             "\"classA\":1,\"classB\":2,\"classC\":3,"
	             "\"linkBytesPerSecond\":4,\"linkLatencyMilliseconds\":6,"
	             "\"linkMeasuredAt\":7,\"linkMilliseconds\":8,"
	             "\"milliseconds\":8}\n") != NULL);
	half.has_link = false;
	half.has_cpu = true;
	half.cpu_ms = 9;
	speak(&half, PROGRESS_JSON, &spoken);
	CHECK(strstr(spoken.out, "\"classC\":3,\"processorMilliseconds\":9,"
	                         "\"milliseconds\":9}\n") != NULL);
	half.has_cpu = false;
	speak(&half, PROGRESS_JSON, &spoken);
	CHECK(strstr(spoken.out, "\"classC\":3}\n") != NULL);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what was measured is told", what_was_measured_is_told },
		{ "what was not measured is not made up",
		  what_was_not_measured_is_not_made_up },
		{ "a program gets members of the plan",
		  a_program_gets_members_of_the_plan },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
