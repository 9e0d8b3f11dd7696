#include "tests/lib/op_rig.h"
#include "tests/lib/test.h"

#include "agent/launcher/feed.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET_TEXT "sekrit-of-the-environment"
#define TOKEN_TEXT  "ops_sekrit-token"
/* printf %s ops_sekrit-token | sha256sum */
#define TOKEN_DIGEST \
	"79dd39a7d01a390557fd24baf4e5f08a9297224d11f1ce6310f49badcc6813ce"

/* len letters; the caller frees. */
static char *long_text(size_t len)
{
	char *text = calloc(1, len + 1);

	if (!text)
		abort();
	memset(text, 'x', len);
	return text;
}

/* A pipe with text in it and its write end closed. */
static int pipe_of(const char *text)
{
	int ends[2] = { -1, -1 };

	CHECK(pipe(ends) == 0);
	CHECK(fd_write_full(ends[1], text, strlen(text)) == 0);
	(void)close(ends[1]);
	return ends[0];
}

static void a_descriptor_is_emptied_and_closed(void)
{
	struct op_rig rig;
	char lines[64];
	int fd;

	op_rig_init(&rig, "ok");
	fd = pipe_of("of a pipe");
	(void)snprintf(lines, sizeof(lines), "signing-key = fd:%d\n", fd);
	CHECK(op_rig_open(&rig, lines, 20));
	CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has(&rig, 0, "of a pipe") && op_rig_has_end(&rig));
	op_rig_close(&rig);
}

static void what_can_be_had_once_is_spent_with_a_new_vault(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "ok");
	CHECK(setenv("RIG_SECRET", "x", 1) == 0);
	CHECK(op_rig_open(&rig, "signing-key = env:RIG_SECRET\n", 20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	(void)close(rig.intake);
	rig.intake = -1;
	buffer_clear(&rig.got);
	CHECK(source_renew(rig.source, &rig.intake) == 0);
	CHECK(op_rig_run(&rig) && rig.outcome.failure == SOURCE_SPENT);
	CHECK(strcmp(rig.outcome.detail,
	             "cache a: signing-key: env:RIG_SECRET could be read only "
	             "once; start the agent again") == 0);
	CHECK(rig.got.len == 0);
	op_rig_close(&rig);
}

static void one_variable_may_serve_two_caches(void)
{
	struct op_rig rig;

	op_rig_init(&rig, "ok");
	CHECK(setenv("RIG_SECRET", "shared", 1) == 0);
	CHECK(op_rig_open(&rig,
	                  "signing-key = env:RIG_SECRET\n[cache b]\n"
	                  "store = file:///y\nsigning-key = env:RIG_SECRET\n",
	                  20));
	CHECK(op_rig_run(&rig) && rig.outcome.is_ok);
	CHECK(op_rig_has(&rig, 0, "shared") && op_rig_has(&rig, 1, "shared"));
	CHECK(source_taken_env(rig.source)->count == 2);
	op_rig_close(&rig);
}

static void what_cannot_be_taken_ends_the_start(void)
{
	cleanup_free char *wide = long_text(FEED_SECRET_MAX + 1);
	char lines[64];
	struct op_rig rig;
	int fd;

	(void)unsetenv("RIG_SECRET");
	op_rig_init(&rig, "ok");
	CHECK(!op_rig_open(&rig, "signing-key = env:RIG_SECRET\n", 20));
	CHECK(strcmp(rig.why, "cache a: signing-key: env:RIG_SECRET: the "
	                      "variable is not set") == 0);
	op_rig_close(&rig);

	CHECK(setenv("RIG_SECRET", wide, 1) == 0);
	op_rig_init(&rig, "ok");
	CHECK(!op_rig_open(&rig, "signing-key = env:RIG_SECRET\n", 20));
	CHECK(strstr(rig.why, "too long"));
	CHECK(unsetenv("RIG_SECRET") == 0);
	op_rig_close(&rig);

	op_rig_init(&rig, "ok");
	CHECK(!op_rig_open(&rig, "signing-key = fd:999\n", 20));
	CHECK(strstr(rig.why, "fd:999: the descriptor is not open"));
	op_rig_close(&rig);

	op_rig_init(&rig, "ok");
	fd = pipe_of("");
	(void)snprintf(lines, sizeof(lines), "signing-key = fd:%d\n", fd);
	CHECK(!op_rig_open(&rig, lines, 20));
	CHECK(strstr(rig.why, "is empty"));
	op_rig_close(&rig);

	op_rig_init(&rig, "ok");
	fd = pipe_of(wide);
	(void)snprintf(lines, sizeof(lines), "signing-key = fd:%d\n", fd);
	CHECK(!op_rig_open(&rig, lines, 20));
	CHECK(strstr(rig.why, "too long"));
	op_rig_close(&rig);
}

static void a_descriptor_that_is_never_closed_ends_the_start(void)
{
	struct op_rig rig;
	char lines[64];
	int ends[2] = { -1, -1 };

	CHECK(pipe(ends) == 0);
	op_rig_init(&rig, "ok");
	rig.fds_before--; /* the source closes one of ours */
	(void)snprintf(lines, sizeof(lines), "signing-key = fd:%d\n", ends[0]);
	CHECK(!op_rig_open(&rig, lines, 1));
	CHECK(strstr(rig.why, "not closed it in time"));
	op_rig_close(&rig);
	(void)close(ends[1]);
}

/* Nobody reads yet: it must not wait for ever. */
static void more_than_a_pipe_holds_ends_the_start(void)
{
	cleanup_free char *wide = long_text(FEED_SECRET_MAX);
	cleanup_buffer struct buffer lines;
	struct op_rig rig;

	buffer_init(&lines, 65536);
	for (int cache = 0; cache < 9; cache++) {
		for (int i = 0; i < AGENT_KEYS_MAX; i++) {
			buffer_append_text(&lines,
			                   "signing-key = env:RIG_SECRET\n");
		}
		buffer_append_format(&lines, "[cache b%d]\nstore = file:///y\n",
		                     cache);
	}
	CHECK(setenv("RIG_SECRET", wide, 1) == 0);
	op_rig_init(&rig, "ok");
	CHECK(!op_rig_open(&rig, buffer_text(&lines), 20));
	CHECK(strstr(rig.why, "more than a pipe holds"));
	CHECK(unsetenv("RIG_SECRET") == 0);
	op_rig_close(&rig);
}

static bool file_has(const char *path, const char *words)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n = fd >= 0 ? fd_read_full(fd, text, sizeof(text)) : -1;

	CHECK(n > 0);
	return n > 0 && memmem(text, (size_t)n, words, strlen(words));
}

/* As when the configuration is read again: a new source, the old one gone. */
static bool token_passes_on(struct op_rig *rig)
{
	struct source *next = NULL;
	struct config *config = NULL;
	char path[256], why[512];
	int intake = -1;

	op_rig_write(rig, "nixcache.conf",
	             "[cache a]\nstore = file:///x\n"
	             "signing-key = op://a/b/d\n",
	             0600);
	op_rig_path(rig, "nixcache.conf", path, sizeof(path));
	CHECK(setenv("PATH", rig->dir, 1) == 0);
	if (config_load(path, &config, why, sizeof(why)) < 0 ||
	    source_open(config, &next, &intake, why, sizeof(why)) < 0)
		return false;
	source_pass_token(rig->source, next);
	source_close(rig->source);
	config_free(rig->config);
	(void)close(rig->intake);
	buffer_clear(&rig->got);
	rig->source = next;
	rig->config = config;
	rig->intake = intake;
	return op_rig_run(rig) && rig->outcome.is_ok &&
	       op_rig_has(rig, 0, "value-of-d") &&
	       op_rig_count(rig, "approval") == 0;
}

/* Runs in a fresh program, whose first environment holds the secret twice:
 * that is what /proc/PID/environ shows.  Returns its exit status. */
static int in_a_fresh_program(void)
{
	bool was_there = file_has("/proc/self/environ", SECRET_TEXT) &&
	                 file_has("/proc/self/environ", TOKEN_TEXT);
	char path[64], report[RIG_TEXT_MAX];
	struct op_rig rig;
	bool is_good;
	pid_t pid;

	op_rig_init(&rig, "ok");
	is_good = op_rig_open(&rig,
	                      "signing-key = env:RIG_SECRET\n"
	                      "signing-key = op://a/b/c\n",
	                      20);
	is_good = is_good && was_there && !getenv("RIG_SECRET") &&
	          !getenv("OP_SERVICE_ACCOUNT_TOKEN") &&
	          !file_has("/proc/self/environ", "sekrit") &&
	          file_has("/proc/self/environ", "RIG_KEPT=kept");
	pid = fork();
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	is_good = is_good && !file_has(path, "sekrit");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);

	is_good = is_good && op_rig_run(&rig) && rig.outcome.is_ok &&
	          op_rig_has(&rig, 0, SECRET_TEXT) &&
	          op_rig_has(&rig, 1, "value-of-c") &&
	          source_taken_env(rig.source)->count == 2;
	is_good = is_good && token_passes_on(&rig);
	op_rig_report(&rig, report);
	is_good = is_good &&
	          strstr(report, "OP_SERVICE_ACCOUNT_TOKEN=sha256:" TOKEN_DIGEST
	                         "\n") &&
	          strstr(report, "OP_BIOMETRIC_UNLOCK_ENABLED=false\n") &&
	          strstr(report, "OP_LOAD_DESKTOP_APP_SETTINGS=false\n") &&
	          !strstr(report, "OP_ACCOUNT") && !strstr(report, "approval");
	op_rig_close(&rig);
	return is_good ? 0 : 1;
}

static void what_was_in_the_environment_is_nowhere_in_proc(void)
{
	static char name[] = "test", word[] = "fresh",
		    secret[] = "RIG_SECRET=" SECRET_TEXT,
		    again[] = "RIG_SECRET=" SECRET_TEXT "-again",
		    kept[] = "RIG_KEPT=kept",
		    token[] = "OP_SERVICE_ACCOUNT_TOKEN=" TOKEN_TEXT,
		    account[] = "OP_ACCOUNT=x";
	char *const argv[] = { name, word, NULL };
	char *const envp[] = { secret, kept, token, again, account, NULL };
	int status = -1;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)execve("/proc/self/exe", argv, envp);
		_exit(126);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a descriptor is emptied and closed",
		  a_descriptor_is_emptied_and_closed },
		{ "what can be had once is spent with a new vault",
		  what_can_be_had_once_is_spent_with_a_new_vault },
		{ "one variable may serve two caches",
		  one_variable_may_serve_two_caches },
		{ "what cannot be taken ends the start",
		  what_cannot_be_taken_ends_the_start },
		{ "more than a pipe holds ends the start",
		  more_than_a_pipe_holds_ends_the_start },
		{ "a descriptor that is never closed ends the start",
		  a_descriptor_that_is_never_closed_ends_the_start },
		{ "what was in the environment is nowhere in proc",
		  what_was_in_the_environment_is_nowhere_in_proc },
	};

	if (argc == 2 && strcmp(argv[1], "fresh") == 0)
		return in_a_fresh_program();
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
