#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "tests/lib/askpass_rig.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PATIENCE_MS 20000 /* for what must end by itself */
#define LONG        60
#define TEXT_MAX    8192

static void write_script(const struct askpass_rig *rig, const char *body,
                         unsigned mode)
{
	char text[1024];
	int len = snprintf(text, sizeof(text),
	                   "#!/bin/sh\ncd '%s' || exit 9\n%s\n", rig->dir,
	                   body);
	cleanup_close int fd = -1;

	(void)unlink(rig->path);
	fd = open(rig->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && fd_write_full(fd, text, (size_t)len) == 0 &&
	      fchmod(fd, mode) == 0);
}

static void rig_open(struct askpass_rig *rig, const char *body)
{
	memset(rig, 0, sizeof(*rig));
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/askpass.XXXXXX");
	if (!mkdtemp(rig->dir))
		abort();
	(void)snprintf(rig->path, sizeof(rig->path), "%s/ask", rig->dir);
	write_script(rig, body, 0700);
	CHECK(setenv("NIXCACHE_ASKPASS", rig->path, 1) == 0);
	CHECK(unsetenv("SSH_ASKPASS") == 0);
}

static void rig_close(struct askpass_rig *rig)
{
	pid_t pid;

	askpass_close(&rig->asking);
	pid = fork();
	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", rig->dir, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
	(void)unsetenv("NIXCACHE_ASKPASS");
}

static void read_file(const struct askpass_rig *rig, const char *name,
                      char *out)
{
	char path[96];
	cleanup_close int fd = -1;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd >= 0 ? fd_read_full(fd, out, TEXT_MAX - 1) : 0;
	out[len > 0 ? len : 0] = '\0';
}

static enum errand_end answer_of(const char *body, uint32_t seconds)
{
	enum errand_end end = ERRAND_FAILED;
	struct askpass_rig rig;

	rig_open(&rig, body);
	if (askpass_rig_begin(&rig, seconds) && askpass_rig_run(&rig))
		end = rig.done.end;
	CHECK(!rig.asking.is_asking && rig.done.text[0] == '\0');
	rig_close(&rig);
	return end;
}

static void what_is_a_yes(void)
{
	static const char *const yes[] = {
		"exit 0", "echo yes",           "printf yes",        "echo YES",
		"echo",   "printf 'yes\\r\\n'", "echo a secret >&2",
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		enum errand_end end = answer_of(yes[i], LONG);

		if (end != ERRAND_DONE)
			(void)printf("# %s\n", yes[i]);
		CHECK(end == ERRAND_DONE);
	}
}

static void anything_else_is_a_no(void)
{
	static const char *const no[] = {
		"exit 1",
		"echo no",
		"echo no; exit 0",
		"echo yes; exit 1",
		"echo ' yes'",
		"echo yesno",
		"echo ye",
		"echo a password",
		"echo; echo yes; echo no",
		"kill -KILL $$",
		"echo yes; kill -TERM $$",
		"exec /nonexistent",
		"printf 'yes\\000'",
		/* More than is kept, and a yes at its end. */
		"yes no | head -c 200000; echo; echo yes",
		"head -c 200000 /dev/zero; echo yes",
	};

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		enum errand_end end = answer_of(no[i], LONG);

		if (end != ERRAND_DENIED)
			(void)printf("# %s: %d\n", no[i], (int)end);
		CHECK(end == ERRAND_DENIED);
	}
}

static void it_gets_the_question_and_little_else(void)
{
	char text[TEXT_MAX];
	struct askpass_rig rig;

	rig_open(&rig, "printf %s \"$#:$1\" >question; env >env; "
	               "readlink /proc/self/fd/0 >in");
	CHECK(setenv("LD_PRELOAD", "", 1) == 0);
	CHECK(setenv("OP_SERVICE_ACCOUNT_TOKEN", "a-token", 1) == 0);
	CHECK(setenv("WAYLAND_DISPLAY", "wayland-9", 1) == 0);
	CHECK(askpass_rig_begin(&rig, LONG) && askpass_rig_run(&rig));
	CHECK(rig.done.end == ERRAND_DONE);
	read_file(&rig, "question", text);
	CHECK(strcmp(text, "1:" ASKPASS_RIG_QUESTION) == 0);
	read_file(&rig, "env", text);
	CHECK(strstr(text, "SSH_ASKPASS_PROMPT=confirm\n"));
	CHECK(strstr(text, "WAYLAND_DISPLAY=wayland-9\n"));
	CHECK(!strstr(text, "LD_PRELOAD") && !strstr(text, "a-token"));
	CHECK(!strstr(text, "NIXCACHE"));
	read_file(&rig, "in", text);
	CHECK(strcmp(text, "/dev/null\n") == 0);
	read_file(&rig, "x", text);
	CHECK(text[0] == '\0');
	(void)unsetenv("LD_PRELOAD");
	(void)unsetenv("OP_SERVICE_ACCOUNT_TOKEN");
	(void)unsetenv("WAYLAND_DISPLAY");
	rig_close(&rig);
}

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) < 0;
}

static bool ends_soon(pid_t pid)
{
	long long end_ms = clock_boot_ms() + PATIENCE_MS;

	while (!is_gone(pid)) {
		if (clock_boot_ms() > end_ms)
			return false;
		(void)poll(NULL, 0, 10);
	}
	return true;
}

/* Waits for a file that the script writes whole with one rename. */
static pid_t wait_for_pid(const struct askpass_rig *rig, const char *name)
{
	long long end_ms = clock_boot_ms() + PATIENCE_MS;
	char text[TEXT_MAX] = "";

	while (text[0] == '\0' && clock_boot_ms() < end_ms) {
		read_file(rig, name, text);
		(void)poll(NULL, 0, 5);
	}
	return (pid_t)strtol(text, NULL, 10);
}

#define SAY_PID(name, pid) "echo " pid " >t; mv t " name "; "

static void one_that_hangs_is_killed_with_its_children(void)
{
	pid_t itself, child;
	struct askpass_rig rig;

	rig_open(&rig, "trap '' TERM HUP INT; echo yes; sleep 1000 & " SAY_PID(
			       "child", "$!") SAY_PID("pid", "$$") "wait");
	CHECK(askpass_rig_begin(&rig, 1));
	child = wait_for_pid(&rig, "child");
	itself = wait_for_pid(&rig, "pid");
	CHECK(child > 0 && itself > 0);
	CHECK(askpass_rig_run(&rig));
	CHECK(rig.done.end == ERRAND_UNANSWERED);
	CHECK(is_gone(itself) && ends_soon(child));
	rig_close(&rig);
}

/* Its own end is the answer; who holds its output open is not waited for. */
static void one_that_leaves_a_daemon_has_answered(void)
{
	pid_t daemon;
	struct askpass_rig rig;

	rig_open(&rig, "setsid sleep 1000 & " SAY_PID("child", "$!") "exit 1");
	CHECK(askpass_rig_begin(&rig, LONG) && askpass_rig_run(&rig));
	CHECK(rig.done.end == ERRAND_DENIED);
	daemon = wait_for_pid(&rig, "child");
	CHECK(daemon > 0);
	/* On a busy machine it may have been killed with those that belong to
	 * the program, before it had a session of its own. */
	(void)kill(daemon, SIGKILL);
	rig_close(&rig);
}

static void one_that_prints_for_ever_is_stopped(void)
{
	CHECK(answer_of("yes yes", 1) == ERRAND_UNANSWERED);
	CHECK(answer_of("yes yes >&2", 1) == ERRAND_UNANSWERED);
}

static void a_question_can_be_taken_back(void)
{
	struct askpass_rig rig;
	pid_t pid;

	rig_open(&rig, SAY_PID("pid", "$$") "exec sleep 1000");
	CHECK(askpass_rig_begin(&rig, LONG));
	pid = wait_for_pid(&rig, "pid");
	askpass_stop(&rig.asking, 6);
	CHECK(rig.asking.is_asking);
	CHECK(!askpass_rig_begin(&rig, LONG));
	CHECK(rig.done.end == ERRAND_FAILED && rig.asking.is_asking);
	askpass_stop(&rig.asking, 7);
	CHECK(!rig.asking.is_asking && is_gone(pid));
	CHECK(!askpass_step(&rig.asking, &rig.done));
	CHECK(askpass_deadline_ms(&rig.asking) == 0);
	/* And the next is asked. */
	write_script(&rig, "exit 0", 0700);
	CHECK(askpass_rig_begin(&rig, LONG) && askpass_rig_run(&rig));
	CHECK(rig.done.end == ERRAND_DONE);
	rig_close(&rig);
}

static void a_program_that_others_could_change_is_not_run(void)
{
	struct askpass_rig rig;

	rig_open(&rig, "exit 0");
	write_script(&rig, "exit 0", 0722);
	CHECK(askpass_rig_fails(&rig, "others can write"));
	write_script(&rig, "exit 0", 0600);
	CHECK(askpass_rig_fails(&rig, "NIXCACHE_ASKPASS"));
	CHECK(chmod(rig.dir, 0777) == 0);
	write_script(&rig, "exit 0", 0700);
	CHECK(askpass_rig_fails(&rig, "directory"));
	CHECK(chmod(rig.dir, 0700) == 0);
	CHECK(setenv("NIXCACHE_ASKPASS", "ask", 1) == 0);
	CHECK(askpass_rig_fails(&rig, "absolute"));
	CHECK(setenv("NIXCACHE_ASKPASS", "/nonexistent/ask", 1) == 0);
	/* The second choice is not there to mend the first. */
	CHECK(setenv("SSH_ASKPASS", rig.path, 1) == 0);
	CHECK(askpass_rig_fails(&rig, "/nonexistent"));
	rig_close(&rig);
}

static void the_second_choice_is_that_of_ssh(void)
{
	struct askpass_rig rig;

	rig_open(&rig, "exit 0");
	CHECK(setenv("SSH_ASKPASS", rig.path, 1) == 0);
	CHECK(unsetenv("NIXCACHE_ASKPASS") == 0);
	CHECK(askpass_rig_begin(&rig, LONG) && askpass_rig_run(&rig));
	CHECK(rig.done.end == ERRAND_DONE);
	CHECK(setenv("NIXCACHE_ASKPASS", "", 1) == 0);
	CHECK(askpass_rig_begin(&rig, LONG) && askpass_rig_run(&rig));
	write_script(&rig, "exit 1", 0700);
	CHECK(askpass_rig_begin(&rig, LONG) && askpass_rig_run(&rig));
	CHECK(rig.done.end == ERRAND_DENIED);
	(void)unsetenv("SSH_ASKPASS");
	rig_close(&rig);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what is a yes", what_is_a_yes },
		{ "anything else is a no", anything_else_is_a_no },
		{ "it gets the question, and little else",
		  it_gets_the_question_and_little_else },
		{ "one that hangs is killed with its children",
		  one_that_hangs_is_killed_with_its_children },
		{ "one that leaves a daemon has answered",
		  one_that_leaves_a_daemon_has_answered },
		{ "one that prints for ever is stopped",
		  one_that_prints_for_ever_is_stopped },
		{ "a question can be taken back",
		  a_question_can_be_taken_back },
		{ "a program that others could change is not run",
		  a_program_that_others_could_change_is_not_run },
		{ "the second choice is that of ssh",
		  the_second_choice_is_that_of_ssh },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
