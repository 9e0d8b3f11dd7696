#include "tests/lib/op_rig.h"
#include "tests/lib/test.h"

#include "agent/launcher/feed.h"
#include "agent/vault/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREE_REFERENCES                                     \
	"signing-key = op://Dev/backblaze/nix-signing-key\n" \
	"signing-key = op://Dev/My Item/second\n"            \
	"signing-key = op://Dev/backblaze/section/third\n"

static void all_references_come_in_one_run_and_one_approval(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has(&rig, 0, "value-of-nix-signing-key"));
	CHECK(op_rig_has(&rig, 1, "value-of-second"));
	CHECK(op_rig_has(&rig, 2, "value-of-third"));
	CHECK(op_rig_has_end(&rig));
	CHECK(op_rig_count(&rig, "run") == 1);
	CHECK(op_rig_count(&rig, "approval") == 1);
	op_rig_close(&rig);
}

static void the_marks_are_those_that_the_vault_looks_for(void)
{
	CHECK(strcmp(FEED_MARK_PREFIX, VAULT_MARK_PREFIX) == 0);
	CHECK(FEED_MARK_SIZE == VAULT_MARK_LEN + 1);
}

static void nothing_is_run_before_it_is_asked_for(void)
{
	struct op_rig rig;
	struct pollfd fds[SOURCE_POLL_MAX];
	int timeout;

	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(source_poll(rig.source, fds, &timeout) == 0 && timeout == -1);
	CHECK(source_step(rig.source, &rig.outcome) == 0);
	CHECK(op_rig_count(&rig, "run") == 0);
	CHECK(!source_needs_renewal(rig.source));
	op_rig_close(&rig);
}

static void starting_again_while_it_runs_starts_nothing(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "slow");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run_until(&rig, "approval"));
	for (int i = 0; i < 100; i++)
		CHECK(source_start(rig.source) == 0);
	op_rig_write(&rig, "op.go", "", 0600);
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_count(&rig, "run") == 1);
	CHECK(op_rig_has_end(&rig));
	op_rig_close(&rig);
}

static void op_has_a_terminal_of_its_own_and_nothing_else(void)
{
	struct op_rig rig;
	char report[RIG_TEXT_MAX];
	int stray = fcntl(STDOUT_FILENO, F_DUPFD, 60); /* stays over exec */

	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(stray == 60 && close(stray) == 0);
	rig.fds_before--;
	op_rig_report(&rig, report);
	CHECK(strstr(report, "argv inject --in-file /dev/fd/3\n"));
	CHECK(strstr(report, "terminal yes\nleader yes\nstdin terminal\n"));
	CHECK(strstr(report, "cwd /\nblocked 0\nstdout blocking\n"));
	CHECK(strstr(report, "fd 0 /dev/pts/"));
	CHECK(strstr(report, "fd 1 pipe:["));
	CHECK(strstr(report, "fd 2 pipe:["));
	CHECK(strstr(report, "fd 3 /memfd:template"));
	CHECK(!strstr(report, "fd 4 ") && !strstr(report, "fd 60 "));
	CHECK(!strstr(report, "value-of"));
	op_rig_close(&rig);
}

static void op_gets_only_the_environment_it_needs(void)
{
	static const char *const kept[] = {
		"HOME",          "LANG",       "OP_ACCOUNT",
		"OP_SESSION_my", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS"
	};
	static const char *const dropped[] = {
		"LD_PRELOAD_X",         "GODEBUG",          "HTTPS_PROXY",
		"OP_CONNECT_HOST",      "OP_CONNECT_TOKEN", "OP_FORMAT",
		"AWS_SECRET_ACCESS_KEY"
	};
	struct op_rig rig;
	char report[RIG_TEXT_MAX], entry[64];

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		CHECK(setenv(kept[i], "/kept", 1) == 0);
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		CHECK(setenv(dropped[i], "dropped", 1) == 0);
	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	op_rig_report(&rig, report);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		(void)snprintf(entry, sizeof(entry), "env %s=", kept[i]);
		CHECK(strstr(report, entry));
		(void)unsetenv(kept[i]);
	}
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		(void)unsetenv(dropped[i]);
	CHECK(!strstr(report, "dropped"));
	CHECK(strstr(report, "env OP_CACHE=false\n"));
	CHECK(strstr(report, "/run/wrappers/bin:/run/current-system/sw/bin:"));
	op_rig_close(&rig);
}

static const struct {
	const char *behave;
	enum source_failure failure;
	const char *words;
} failures[] = {
	{ "not-signed-in", SOURCE_NOT_SIGNED_IN, "not signed in" },
	{ "dismissed", SOURCE_DISMISSED, "dismissed" },
	{ "timed-out", SOURCE_TIMED_OUT, "nobody approved" },
	{ "app-unreachable", SOURCE_APP_UNREACHABLE, "start and unlock" },
	{ "no-item", SOURCE_NOT_FOUND, "isn't an item in the \"Dev\" vault" },
	{ "no-field", SOURCE_NOT_FOUND, "does not have a field 'x'" },
	{ "rate-limited", SOURCE_RATE_LIMITED, "in 58 minutes" },
	{ "unknown", SOURCE_FAILED, "op: something new went wrong?" },
	{ "partial", SOURCE_FAILED, "op: something new" },
	{ "silent", SOURCE_FAILED, "status 3 and said nothing" },
	{ "crash", SOURCE_FAILED, "signal 9" },
	{ "noisy", SOURCE_DISMISSED, "dismissed" },
};

static void check_failure(const char *behave, enum source_failure failure,
                          const char *words)
{
	struct op_rig rig;

	op_rig_init(&rig, behave);
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run(&rig) && !rig.outcome.is_ok);
	CHECK(rig.outcome.failure == failure);
	if (!strstr(rig.outcome.detail, words))
		test_fail(__FILE__, __LINE__, rig.outcome.detail);
	CHECK(!strstr(rig.outcome.detail, "value-of"));
	CHECK(!op_rig_has_end(&rig));
	CHECK(source_needs_renewal(rig.source));
	CHECK(source_start(rig.source) == -ESTALE);
	op_rig_close(&rig);
}

static void failures_of_op_are_told_apart(void)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		check_failure(failures[i].behave, failures[i].failure,
		              failures[i].words);
	}
}

static void a_rate_limit_says_when_to_ask_again(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "rate-limited");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run(&rig) && rig.outcome.retry_after == 58 * 60);
	op_rig_close(&rig);
}

/* What comes is the vault's to judge; here only that the run ends. */
static void odd_output_goes_through_unread(void)
{
	static const char *const behaviours[] = {
		"empty", "garbage", "nul", "crlf", "huge", "chatty"
	};

	for (size_t i = 0; i < sizeof(behaviours) / sizeof(*behaviours); i++) {
		struct op_rig rig;

		op_rig_init(&rig, behaviours[i]);
		CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
		CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
		if (strcmp(behaviours[i], "huge") == 0)
			CHECK(rig.got.len > 8U << 20);
		if (strcmp(behaviours[i], "chatty") == 0)
			CHECK(op_rig_has_end(&rig));
		op_rig_close(&rig);
	}
}

static void op_that_hangs_is_killed_at_the_deadline(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "hang");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 1));
	CHECK(op_rig_run(&rig) && !rig.outcome.is_ok);
	CHECK(rig.outcome.failure == SOURCE_TIMED_OUT);
	CHECK(strstr(rig.outcome.detail, "within 1 seconds"));
	op_rig_close(&rig);
}

/* It holds the pipe open: an end of file does not come, and is not awaited. */
static void a_daemon_left_behind_does_not_hold_the_run_up(void)
{
	struct op_rig rig;
	char byte;

	op_rig_init(&rig, "daemon");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has(&rig, 0, "value-of-nix-signing-key"));
	CHECK(op_rig_has_end(&rig));
	CHECK(read(rig.intake, &byte, 1) == -1 && errno == EAGAIN);
	op_rig_close(&rig);
}

static void without_a_daemon_the_pipe_ends_with_op(void)
{
	struct op_rig rig;
	char byte;

	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(read(rig.intake, &byte, 1) == 0);
	op_rig_close(&rig);
}

static void a_new_vault_gets_everything_again_with_a_new_mark(void)
{
	struct op_rig rig;
	char mark[FEED_MARK_SIZE];

	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	(void)snprintf(mark, sizeof(mark), "%s", buffer_text(&rig.got));
	(void)close(rig.intake);
	rig.intake = -1;
	buffer_clear(&rig.got);

	CHECK(source_renew(rig.source, &rig.intake) == 0);
	CHECK(!source_needs_renewal(rig.source));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has(&rig, 2, "value-of-third") && op_rig_has_end(&rig));
	CHECK(memcmp(mark, rig.got.data, sizeof(mark) - 1) != 0);
	CHECK(op_rig_count(&rig, "run") == 2);
	op_rig_close(&rig);
}

static void renewing_kills_what_runs(void)
{
	struct op_rig rig;
	struct pollfd fds[SOURCE_POLL_MAX];
	int timeout;

	op_rig_init(&rig, "hang");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run_until(&rig, "approval"));
	(void)close(rig.intake);
	rig.intake = -1;
	CHECK(source_renew(rig.source, &rig.intake) == 0);
	CHECK(source_poll(rig.source, fds, &timeout) == 0 && timeout == -1);
	CHECK(source_step(rig.source, &rig.outcome) == 0);
	op_rig_write(&rig, "op.conf", "behave = ok\n", 0600);
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	op_rig_close(&rig);
}

static void a_vault_that_is_gone_ends_the_run(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "ok");
	op_rig_write(&rig, "key", "secret\n", 0600);
	CHECK(op_rig_open(&rig, "signing-key = file:DIR/key\n", 20));
	(void)close(rig.intake);
	rig.intake = -1;
	CHECK(op_rig_run(&rig) && !rig.outcome.is_ok);
	CHECK(strstr(rig.outcome.detail, "takes no more"));
	op_rig_close(&rig);
}

static void op_that_is_not_there_is_named(void)
{
	struct op_rig rig;
	char path[256];

	op_rig_init(&rig, "ok");
	op_rig_path(&rig, "op", path, sizeof(path));
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(unlink(path) == 0);
	CHECK(op_rig_run(&rig) && !rig.outcome.is_ok);
	CHECK(rig.outcome.failure == SOURCE_NOT_INSTALLED);
	CHECK(strstr(rig.outcome.detail, path));

	/* Nothing was written: the same vault can be fed later. */
	CHECK(!source_needs_renewal(rig.source) && rig.got.len == 0);
	op_rig_write(&rig, "op",
	             "#!/bin/sh\necho 'session expired' >&2; exit 1\n", 0700);
	CHECK(op_rig_run(&rig));
	CHECK(rig.outcome.failure == SOURCE_NOT_SIGNED_IN);
	op_rig_close(&rig);
}

static void op_that_others_can_change_is_not_run(void)
{
	struct op_rig rig;
	char path[256];

	op_rig_init(&rig, "ok");
	op_rig_path(&rig, "op", path, sizeof(path));
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(chmod(path, 0722) == 0);
	CHECK(op_rig_run(&rig) && rig.outcome.failure == SOURCE_UNSAFE);
	CHECK(strstr(rig.outcome.detail, path));
	CHECK(chmod(path, 0700) == 0 && chmod(rig.dir, 0777) == 0);
	CHECK(op_rig_run(&rig) && rig.outcome.failure == SOURCE_UNSAFE);
	CHECK(chmod(rig.dir, 0700) == 0);
	if (geteuid() == 0) {
		CHECK(chown(path, 65534, 65534) == 0);
		CHECK(op_rig_run(&rig) && rig.outcome.failure == SOURCE_UNSAFE);
		CHECK(strstr(rig.outcome.detail, "another user"));
		CHECK(chown(path, 0, 0) == 0);
	}
	CHECK(op_rig_count(&rig, "run") == 0);
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	op_rig_close(&rig);
}

static void a_forked_role_lets_go_without_ending_the_run(void)
{
	struct op_rig rig;
	pid_t pid;

	op_rig_init(&rig, "slow");
	CHECK(op_rig_open(&rig, THREE_REFERENCES, 20));
	CHECK(op_rig_run_until(&rig, "approval"));
	pid = fork();
	if (pid == 0) {
		source_forget(rig.source);
		_exit(0);
	}
	CHECK(pid > 0);
	op_rig_write(&rig, "op.go", "", 0600);
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has_end(&rig));
	op_rig_close(&rig);
}

int main(void)
{
	static const struct test tests[] = {
		{ "all references come in one run and one approval",
		  all_references_come_in_one_run_and_one_approval },
		{ "the marks are those that the vault looks for",
		  the_marks_are_those_that_the_vault_looks_for },
		{ "nothing is run before it is asked for",
		  nothing_is_run_before_it_is_asked_for },
		{ "starting again while it runs starts nothing",
		  starting_again_while_it_runs_starts_nothing },
		{ "op has a terminal of its own and nothing else",
		  op_has_a_terminal_of_its_own_and_nothing_else },
		{ "op gets only the environment it needs",
		  op_gets_only_the_environment_it_needs },
		{ "failures of op are told apart",
		  failures_of_op_are_told_apart },
		{ "a rate limit says when to ask again",
		  a_rate_limit_says_when_to_ask_again },
		{ "odd output goes through unread",
		  odd_output_goes_through_unread },
		{ "op that hangs is killed at the deadline",
		  op_that_hangs_is_killed_at_the_deadline },
		{ "a daemon left behind does not hold the run up",
		  a_daemon_left_behind_does_not_hold_the_run_up },
		{ "without a daemon the pipe ends with op",
		  without_a_daemon_the_pipe_ends_with_op },
		{ "a new vault gets everything again with a new mark",
		  a_new_vault_gets_everything_again_with_a_new_mark },
		{ "renewing kills what runs", renewing_kills_what_runs },
		{ "a vault that is gone ends the run",
		  a_vault_that_is_gone_ends_the_run },
		{ "op that is not there is named",
		  op_that_is_not_there_is_named },
		{ "op that others can change is not run",
		  op_that_others_can_change_is_not_run },
		{ "a forked role lets go without ending the run",
		  a_forked_role_lets_go_without_ending_the_run },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
