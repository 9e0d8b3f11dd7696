#include "client/cmd/usage.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/spoken.h"
#include "tests/lib/test.h"

#include <string.h>

static const struct cli_option options[] = {
	{ "jobs", 'j', "N", "compress on so many threads", 1 },
	{ "help", 'h', NULL, "print this", 2 },
};

static const struct usage usage = {
	.synopsis = "nixcache push [OPTION...] PATH...",
	.summary = "Pushes paths.",
	.options = options,
	.option_count = 2,
};

static void help_is_an_answer(void)
{
	static struct spoken spoken;

	if (spoken_begin(&spoken))
		usage_help(&usage);
	CHECK(spoken.exit_status == EXIT_DONE);
	CHECK(strcmp(spoken.out,
	             "usage: nixcache push [OPTION...] PATH...\n"
	             "\n"
	             "Pushes paths.\n"
	             "\n"
	             "  -j, --jobs N               compress on so many threads\n"
	             "  -h, --help                 print this\n") == 0);
	CHECK(spoken.err[0] == '\0');
}

static void wrong_usage_is_an_error_in_two_lines(void)
{
	static struct spoken spoken;

	if (spoken_begin(&spoken))
		usage_wrong(&usage, "--jobs takes a number");
	CHECK(spoken.exit_status == EXIT_USAGE);
	CHECK(spoken.out[0] == '\0');
	CHECK(strcmp(spoken.err,
	             "nixcache: --jobs takes a number\n"
	             "usage: nixcache push [OPTION...] PATH...\n") == 0);
}

static const struct test tests[] = {
	{ "help is an answer", help_is_an_answer },
	{ "wrong usage is an error, in two lines",
	  wrong_usage_is_an_error_in_two_lines },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
