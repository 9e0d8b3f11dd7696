#include "agent/start/ready.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void what_is_told_is_heard_and_the_descriptor_is_gone(void)
{
	struct ready ready;
	int ends[2], told;

	CHECK(pipe(ends) == 0);
	told = ends[1];
	ready_tell(&told, EXIT_SOURCE, "op: not signed in");
	CHECK(told == -1);
	CHECK(fcntl(ends[1], F_GETFD) < 0 && errno == EBADF);
	CHECK(ready_wait(ends[0], &ready) == 0);
	CHECK(ready.exit_status == EXIT_SOURCE);
	CHECK(strcmp(ready.error, "op: not signed in") == 0);
	(void)close(ends[0]);
}

static void it_is_told_once(void)
{
	struct ready ready;
	int ends[2], told;
	char byte;

	CHECK(pipe(ends) == 0);
	told = ends[1];
	ready_tell(&told, EXIT_DONE, "");
	ready_tell(&told, EXIT_FAILED, "again");
	CHECK(ready_wait(ends[0], &ready) == 0);
	CHECK(ready.exit_status == EXIT_DONE && ready.error[0] == '\0');
	CHECK(read(ends[0], &byte, 1) == 0);
	(void)close(ends[0]);
}

static void a_long_error_is_cut_and_ends(void)
{
	char error[2 * READY_ERROR_MAX];
	struct ready ready;
	int ends[2], told;

	memset(error, 'x', sizeof(error) - 1);
	error[sizeof(error) - 1] = '\0';
	CHECK(pipe(ends) == 0);
	told = ends[1];
	ready_tell(&told, EXIT_FAILED, error);
	CHECK(ready_wait(ends[0], &ready) == 0);
	CHECK(strnlen(ready.error, READY_ERROR_MAX) == READY_ERROR_MAX - 1);
	(void)close(ends[0]);
}

/* Whatever has come before the end. */
static void an_end_without_a_whole_word_is_a_failure(void)
{
	static const size_t lengths[] = { 0, 1, sizeof(struct ready) - 1 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct ready half = { .exit_status = EXIT_DONE };
		struct ready ready;
		int ends[2];

		CHECK(pipe(ends) == 0);
		CHECK(write(ends[1], &half, lengths[i]) == (ssize_t)lengths[i]);
		(void)close(ends[1]);
		CHECK(ready_wait(ends[0], &ready) == 0);
		CHECK(ready.exit_status == EXIT_FAILED);
		CHECK(strcmp(ready.error, "the agent ended while it started") ==
		      0);
		(void)close(ends[0]);
	}
}

static void nobody_waiting_harms_nobody(void)
{
	int ends[2], told;

	(void)signal(SIGPIPE, SIG_IGN);
	CHECK(pipe(ends) == 0);
	(void)close(ends[0]);
	told = ends[1];
	ready_tell(&told, EXIT_DONE, "");
	CHECK(told == -1);
}

static void a_descriptor_that_cannot_be_read_is_an_error(void)
{
	struct ready ready;

	CHECK(ready_wait(-1, &ready) == -EBADF);
}

static const struct test tests[] = {
	{ "what is told is heard, and the descriptor is gone",
	  what_is_told_is_heard_and_the_descriptor_is_gone },
	{ "it is told once", it_is_told_once },
	{ "a long error is cut, and ends", a_long_error_is_cut_and_ends },
	{ "an end without a whole word is a failure",
	  an_end_without_a_whole_word_is_a_failure },
	{ "nobody waiting harms nobody", nobody_waiting_harms_nobody },
	{ "a descriptor that cannot be read is an error",
	  a_descriptor_that_cannot_be_read_is_an_error },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
