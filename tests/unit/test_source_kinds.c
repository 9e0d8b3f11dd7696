#include "tests/lib/op_rig.h"
#include "tests/lib/test.h"

#include "agent/launcher/feed.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* len letters; the caller frees. */
static char *long_text(size_t len)
{
	char *text = calloc(1, len + 1);

	if (!text)
		abort();
	memset(text, 'x', len);
	return text;
}

static void files_and_credentials_come_whole(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "ok");
	op_rig_write(&rig, "key", "line 1\nline 2", 0600);
	op_rig_write(&rig, "cred", "credential", 0440);
	CHECK(setenv("CREDENTIALS_DIRECTORY", rig.dir, 1) == 0);
	CHECK(op_rig_open(&rig,
	                  "signing-key = file:DIR/key\n"
	                  "signing-key = credential:cred\n",
	                  20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has(&rig, 0, "line 1\nline 2"));
	CHECK(op_rig_has(&rig, 1, "credential"));
	CHECK(op_rig_has_end(&rig));
	CHECK(op_rig_count(&rig, "run") == 0);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	op_rig_close(&rig);
}

static void every_kind_fits_into_one_run(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "ok");
	op_rig_write(&rig, "key", "of a file", 0400);
	CHECK(setenv("RIG_SECRET", "of the environment", 1) == 0);
	CHECK(op_rig_open(&rig,
	                  "signing-key = op://a/b/first\n"
	                  "signing-key = file:DIR/key\n"
	                  "signing-key = env:RIG_SECRET\n"
	                  "signing-key = command:echo of a command\n"
	                  "signing-key = op://a/b/last\n",
	                  20));
	CHECK(!getenv("RIG_SECRET"));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has(&rig, 0, "value-of-first"));
	CHECK(op_rig_has(&rig, 1, "of a file"));
	CHECK(op_rig_has(&rig, 2, "of the environment"));
	CHECK(op_rig_has(&rig, 3, "of a command\n"));
	CHECK(op_rig_has(&rig, 4, "value-of-last"));
	CHECK(op_rig_has_end(&rig));
	CHECK(op_rig_count(&rig, "run") == 1);
	op_rig_close(&rig);
}

/* The file key has that mode; the run ends so, and nothing has been written. */
static void check_file_refused(unsigned mode, enum source_failure failure,
                               const char *words)
{
	struct op_rig rig;

	op_rig_init(&rig, "ok");
	op_rig_write(&rig, "key", "secret", mode);
	CHECK(op_rig_open(&rig, "signing-key = file:DIR/key\n", 20));
	CHECK(op_rig_run(&rig) && !rig.outcome.is_ok);
	CHECK(rig.outcome.failure == failure);
	CHECK(strstr(rig.outcome.detail, "cache a: signing-key: /"));
	CHECK(strstr(rig.outcome.detail, words));
	CHECK(rig.got.len == 0 && !source_needs_renewal(rig.source));
	op_rig_close(&rig);
}

static void a_file_that_others_can_read_is_refused(void)
{
	check_file_refused(0640, SOURCE_UNSAFE, "chmod 600");
	check_file_refused(0604, SOURCE_UNSAFE, "chmod 600");
	check_file_refused(0620, SOURCE_UNSAFE, "chmod 600");
	check_file_refused(0610, SOURCE_UNSAFE, "chmod 600");
}

/* What stands in the place of the file key. */
enum odd_file {
	ODD_MISSING,
	ODD_LINK,
	ODD_DIRECTORY,
	ODD_FIFO,
	ODD_EMPTY,
	ODD_LONG,
	ODD_FOREIGN,
};

static void make_odd(struct op_rig *rig, enum odd_file odd, const char *path)
{
	cleanup_free char *text = long_text(FEED_SECRET_MAX + 1);

	(void)unlink(path);
	switch (odd) {
	case ODD_MISSING:
		break;
	case ODD_LINK:
		CHECK(symlink("op.conf", path) == 0);
		break;
	case ODD_DIRECTORY:
		CHECK(mkdir(path, 0700) == 0);
		break;
	case ODD_FIFO:
		CHECK(mkfifo(path, 0600) == 0);
		break;
	case ODD_EMPTY:
		op_rig_write(rig, "key", "", 0600);
		break;
	case ODD_LONG:
		op_rig_write(rig, "key", text, 0600);
		break;
	case ODD_FOREIGN:
		op_rig_write(rig, "key", "secret", 0600);
		CHECK(chown(path, 65534, 65534) == 0);
		break;
	}
}

static void a_file_that_is_not_a_plain_own_file_is_refused(void)
{
	static const struct {
		enum odd_file odd;
		enum source_failure failure;
		const char *words;
	} cases[] = {
		{ ODD_MISSING, SOURCE_NOT_FOUND, "No such file" },
		{ ODD_LINK, SOURCE_UNSAFE, "symbolic link" },
		{ ODD_DIRECTORY, SOURCE_UNSAFE, "not a regular file" },
		{ ODD_FIFO, SOURCE_UNSAFE, "not a regular file" },
		{ ODD_EMPTY, SOURCE_FAILED, "is empty" },
		{ ODD_LONG, SOURCE_FAILED, "longer than 16384" },
		{ ODD_FOREIGN, SOURCE_UNSAFE, "another user" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct op_rig rig;
		char path[256];

		if (cases[i].odd == ODD_FOREIGN && geteuid() != 0)
			continue;
		op_rig_init(&rig, "ok");
		op_rig_path(&rig, "key", path, sizeof(path));
		CHECK(op_rig_open(&rig, "signing-key = file:DIR/key\n", 20));
		make_odd(&rig, cases[i].odd, path);
		CHECK(op_rig_run(&rig) && !rig.outcome.is_ok);
		CHECK(rig.outcome.failure == cases[i].failure);
		CHECK(strstr(rig.outcome.detail, cases[i].words));
		(void)rmdir(path);
		op_rig_close(&rig);
	}
}

static void the_longest_file_is_taken(void)
{
	struct op_rig rig;
	cleanup_free char *text = long_text(FEED_SECRET_MAX);

	op_rig_init(&rig, "ok");
	op_rig_write(&rig, "key", text, 0600);
	CHECK(op_rig_open(&rig, "signing-key = file:DIR/key\n", 20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(rig.got.len > FEED_SECRET_MAX && op_rig_has_end(&rig));
	op_rig_close(&rig);
}

static void a_vault_that_reads_slowly_is_waited_for(void)
{
	cleanup_free char *text = long_text(FEED_SECRET_MAX);
	struct pollfd fds[SOURCE_POLL_MAX];
	struct op_rig rig;
	int timeout;

	op_rig_init(&rig, "ok");
	op_rig_write(&rig, "key", text, 0600);
	CHECK(op_rig_open(&rig, "signing-key = file:DIR/key\n", 20));
	CHECK(fcntl(rig.intake, F_SETPIPE_SZ, 4096) >= 4096);
	CHECK(source_start(rig.source) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(source_step(rig.source, &rig.outcome) == 0);
	CHECK(source_poll(rig.source, fds, &timeout) == 1 && timeout > 0);
	CHECK(poll(fds, 1, 0) == 0);
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has_end(&rig));
	op_rig_close(&rig);
}

static void a_vault_that_never_reads_is_given_up(void)
{
	cleanup_free char *text = long_text(FEED_SECRET_MAX);
	struct op_rig rig;
	int rc = 0;

	op_rig_init(&rig, "ok");
	op_rig_write(&rig, "key", text, 0600);
	CHECK(op_rig_open(&rig, "signing-key = file:DIR/key\n", 1));
	CHECK(fcntl(rig.intake, F_SETPIPE_SZ, 4096) >= 4096);
	CHECK(source_start(rig.source) == 0);
	while (rc == 0) {
		struct pollfd fds[SOURCE_POLL_MAX];
		int timeout;
		size_t count = source_poll(rig.source, fds, &timeout);

		(void)poll(fds, count, timeout);
		rc = source_step(rig.source, &rig.outcome);
	}
	CHECK(rc == 1 && rig.outcome.failure == SOURCE_TIMED_OUT);
	op_rig_close(&rig);
}

static void a_credential_without_systemd_is_named(void)
{
	struct op_rig rig;

	(void)unsetenv("CREDENTIALS_DIRECTORY");
	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig, "signing-key = credential:k\n", 20));
	CHECK(op_rig_run(&rig) && rig.outcome.failure == SOURCE_NOT_FOUND);
	CHECK(strstr(rig.outcome.detail, "LoadCredential"));
	op_rig_close(&rig);
}

static void a_command_that_fails_is_told_with_its_last_words(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig,
	                  "signing-key = command:echo first >&2; "
	                  "echo 'the last\tword' >&2; echo on out; exit 7\n",
	                  20));
	CHECK(op_rig_run(&rig) && rig.outcome.failure == SOURCE_FAILED);
	CHECK(strcmp(rig.outcome.detail,
	             "cache a: signing-key: the command ended with status 7: "
	             "the last?word") == 0);
	CHECK(source_needs_renewal(rig.source));
	op_rig_close(&rig);
}

static void a_command_that_hangs_is_killed_with_its_children(void)
{
	struct op_rig rig;
	char byte;

	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(
		&rig, "signing-key = command:sleep 1000 & sleep 1000\n", 1));
	CHECK(op_rig_run(&rig) && rig.outcome.failure == SOURCE_TIMED_OUT);
	CHECK(strstr(rig.outcome.detail, "the command did not end"));

	/* Nobody of them holds the pipe any more: it ends. */
	CHECK(fcntl(rig.intake, F_SETFL, 0) == 0);
	CHECK(read(rig.intake, &byte, 1) == 0);
	op_rig_close(&rig);
}

static void what_a_command_leaves_running_is_ended(void)
{
	struct op_rig rig;
	char byte;

	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig, "signing-key = command:sleep 1000 & echo key\n",
	                  20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has(&rig, 0, "key\n") && op_rig_has_end(&rig));
	CHECK(fcntl(rig.intake, F_SETFL, 0) == 0);
	CHECK(read(rig.intake, &byte, 1) == 0);
	op_rig_close(&rig);
}

static void a_command_gets_little(void)
{
	struct op_rig rig;
	const char *got;

	CHECK(setenv("RIG_OTHER", "not for commands", 1) == 0);
	CHECK(setenv("OP_ACCOUNT", "not for commands", 1) == 0);
	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig,
	                  "signing-key = command:env; ls -l /proc/$$/fd; "
	                  "cat\n",
	                  20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	got = buffer_text(&rig.got);
	CHECK(got && strstr(got, "PATH=/run/wrappers/bin:"));
	CHECK(got && !strstr(got, "not for commands"));
	CHECK(got && strstr(got, " 0 -> /dev/null"));
	CHECK(got && !strstr(got, " 3 -> ") && !strstr(got, " 4 -> "));
	(void)unsetenv("RIG_OTHER");
	(void)unsetenv("OP_ACCOUNT");
	op_rig_close(&rig);
}

/* As the launcher is: /proc/self/fd is root's then. */
static void it_works_in_a_process_that_cannot_be_dumped(void)
{
	struct op_rig rig;
	int was = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

	CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
	op_rig_init(&rig, "ok");
	CHECK(op_rig_open(&rig, "signing-key = op://a/b/c\n", 20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has(&rig, 0, "value-of-c"));
	op_rig_close(&rig);
	CHECK(prctl(PR_SET_DUMPABLE, was, 0, 0, 0) == 0);
}

static void op_is_looked_for_in_the_absolute_folders_of_path(void)
{
	struct op_rig rig;
	const char *usual = getenv("PATH");
	char old[4096];
	char path[512], *found = NULL;

	op_rig_init(&rig, "ok");
	(void)snprintf(old, sizeof(old), "%s", usual ? usual : "/bin");
	(void)snprintf(path, sizeof(path), "::.:bin:/nonexistent:%s:/usr/bin",
	               rig.dir);
	CHECK(chdir(rig.dir) == 0 && setenv("PATH", path, 1) == 0);
	CHECK(program_find("op", &found) == 0);
	op_rig_path(&rig, "op", path, sizeof(path));
	CHECK(found && strcmp(found, path) == 0);
	free(found);
	CHECK(setenv("PATH", "::.", 1) == 0);
	CHECK(program_find("op", &found) == -ENOENT);
	CHECK(unsetenv("PATH") == 0);
	CHECK(program_find("op", &found) == -ENOENT);
	CHECK(setenv("PATH", old, 1) == 0 && chdir("/") == 0);
	op_rig_close(&rig);
}

static void links_to_a_program_are_followed_with_care(void)
{
	struct op_rig rig;
	char op[256], link[256], loop[256], why[512];

	op_rig_init(&rig, "ok");
	op_rig_path(&rig, "op", op, sizeof(op));
	op_rig_path(&rig, "link", link, sizeof(link));
	op_rig_path(&rig, "loop", loop, sizeof(loop));
	CHECK(symlink("./.././../tmp/", loop) == 0);
	CHECK(program_check(loop, why, sizeof(why)) == PROGRAM_MISSING);
	CHECK(unlink(loop) == 0 && symlink("loop", loop) == 0);
	CHECK(program_check(loop, why, sizeof(why)) == PROGRAM_UNSAFE);
	CHECK(strstr(why, "too many symbolic links"));
	CHECK(symlink(op, link) == 0);
	CHECK(program_check(link, why, sizeof(why)) == PROGRAM_OK);
	CHECK(chmod(op, 0770) == 0);
	CHECK(program_check(link, why, sizeof(why)) == PROGRAM_UNSAFE);
	CHECK(strstr(why, "/op: others can write"));
	CHECK(chmod(op, 0600) == 0 && geteuid() != 0
	              ? program_check(link, why, sizeof(why)) == PROGRAM_MISSING
	              : true);
	CHECK(program_check("/etc", why, sizeof(why)) == PROGRAM_MISSING);
	CHECK(program_check("/etc/passwd/op", why, sizeof(why)) ==
	      PROGRAM_MISSING);
	CHECK(program_check("op", why, sizeof(why)) == -EINVAL);
	op_rig_close(&rig);
}

int main(void)
{
	static const struct test tests[] = {
		{ "files and credentials come whole",
		  files_and_credentials_come_whole },
		{ "every kind fits into one run",
		  every_kind_fits_into_one_run },
		{ "a file that others can read is refused",
		  a_file_that_others_can_read_is_refused },
		{ "a file that is not a plain own file is refused",
		  a_file_that_is_not_a_plain_own_file_is_refused },
		{ "the longest file is taken", the_longest_file_is_taken },
		{ "a vault that reads slowly is waited for",
		  a_vault_that_reads_slowly_is_waited_for },
		{ "a vault that never reads is given up",
		  a_vault_that_never_reads_is_given_up },
		{ "a credential without systemd is named",
		  a_credential_without_systemd_is_named },
		{ "a command that fails is told with its last words",
		  a_command_that_fails_is_told_with_its_last_words },
		{ "a command that hangs is killed with its children",
		  a_command_that_hangs_is_killed_with_its_children },
		{ "what a command leaves running is ended",
		  what_a_command_leaves_running_is_ended },
		{ "a command gets little", a_command_gets_little },
		{ "it works in a process that cannot be dumped",
		  it_works_in_a_process_that_cannot_be_dumped },
		{ "op is looked for in the absolute folders of PATH",
		  op_is_looked_for_in_the_absolute_folders_of_path },
		{ "links to a program are followed with care",
		  links_to_a_program_are_followed_with_care },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
