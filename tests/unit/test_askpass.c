#include "agent/launcher/askpass.h"
#include "agent/launcher/pty.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
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
#define QUESTION    "may it? $(touch x); `id`"

/* A stand-in for an askpass program, in a folder of its own. */
struct rig {
	char dir[32];
	char path[64];
	struct askpass asking;
	struct errand done;
};

static void write_script(const struct rig *rig, const char *body, unsigned mode)
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

static void rig_open(struct rig *rig, const char *body)
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

static void rig_close(struct rig *rig)
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

static bool begin(struct rig *rig, uint32_t seconds)
{
	struct errand errand = {
		.kind = ERRAND_ASK,
		.tag = 7,
		.seconds = seconds,
		.fd = -1,
		.text = QUESTION,
	};

	rig->done = (struct errand){ .kind = ERRAND_ASK, .fd = -1 };
	return askpass_begin(&rig->asking, &errand, &rig->done);
}

/* As the launcher's loop does. */
static bool step_to_the_end(struct rig *rig)
{
	long long end_ms = clock_boot_ms() + PATIENCE_MS;

	while (!askpass_step(&rig->asking, &rig->done)) {
		struct pollfd fds[CHILD_POLL_MAX];
		long long now_ms = clock_boot_ms();
		long long until = askpass_deadline_ms(&rig->asking);

		if (now_ms > end_ms)
			return false;
		for (size_t i = 0; i < CHILD_POLL_MAX; i++)
			fds[i] = (struct pollfd){ .fd = -1 };
		askpass_poll(&rig->asking, fds);
		if (until > end_ms)
			until = end_ms;
		(void)poll(fds, CHILD_POLL_MAX,
		           until > now_ms ? (int)(until - now_ms) : 0);
	}
	return rig->done.tag == 7;
}

static void read_file(const struct rig *rig, const char *name, char *out)
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
	struct rig rig;

	rig_open(&rig, body);
	if (begin(&rig, seconds) && step_to_the_end(&rig))
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
	struct rig rig;

	rig_open(&rig, "printf %s \"$#:$1\" >question; env >env; "
	               "readlink /proc/self/fd/0 >in");
	CHECK(setenv("LD_PRELOAD", "", 1) == 0);
	CHECK(setenv("OP_SERVICE_ACCOUNT_TOKEN", "a-token", 1) == 0);
	CHECK(setenv("WAYLAND_DISPLAY", "wayland-9", 1) == 0);
	CHECK(begin(&rig, LONG) && step_to_the_end(&rig));
	CHECK(rig.done.end == ERRAND_DONE);
	read_file(&rig, "question", text);
	CHECK(strcmp(text, "1:" QUESTION) == 0);
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
static pid_t wait_for_pid(const struct rig *rig, const char *name)
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
	struct rig rig;

	rig_open(&rig, "trap '' TERM HUP INT; echo yes; sleep 1000 & " SAY_PID(
			       "child", "$!") SAY_PID("pid", "$$") "wait");
	CHECK(begin(&rig, 1));
	child = wait_for_pid(&rig, "child");
	itself = wait_for_pid(&rig, "pid");
	CHECK(child > 0 && itself > 0);
	CHECK(step_to_the_end(&rig));
	CHECK(rig.done.end == ERRAND_UNANSWERED);
	CHECK(is_gone(itself) && ends_soon(child));
	rig_close(&rig);
}

/* Its own end is the answer; who holds its output open is not waited for. */
static void one_that_leaves_a_daemon_has_answered(void)
{
	pid_t daemon;
	struct rig rig;

	rig_open(&rig, "setsid sleep 1000 & " SAY_PID("child", "$!") "exit 1");
	CHECK(begin(&rig, LONG) && step_to_the_end(&rig));
	CHECK(rig.done.end == ERRAND_DENIED);
	daemon = wait_for_pid(&rig, "child");
	CHECK(daemon > 0 && kill(daemon, SIGKILL) == 0);
	rig_close(&rig);
}

static void one_that_prints_for_ever_is_stopped(void)
{
	CHECK(answer_of("yes yes", 1) == ERRAND_UNANSWERED);
	CHECK(answer_of("yes yes >&2", 1) == ERRAND_UNANSWERED);
}

static void a_question_can_be_taken_back(void)
{
	struct rig rig;
	pid_t pid;

	rig_open(&rig, SAY_PID("pid", "$$") "exec sleep 1000");
	CHECK(begin(&rig, LONG));
	pid = wait_for_pid(&rig, "pid");
	askpass_stop(&rig.asking, 6);
	CHECK(rig.asking.is_asking);
	CHECK(!begin(&rig, LONG));
	CHECK(rig.done.end == ERRAND_FAILED && rig.asking.is_asking);
	askpass_stop(&rig.asking, 7);
	CHECK(!rig.asking.is_asking && is_gone(pid));
	CHECK(!askpass_step(&rig.asking, &rig.done));
	CHECK(askpass_deadline_ms(&rig.asking) == 0);
	/* And the next is asked. */
	write_script(&rig, "exit 0", 0700);
	CHECK(begin(&rig, LONG) && step_to_the_end(&rig));
	CHECK(rig.done.end == ERRAND_DONE);
	rig_close(&rig);
}

static bool fails_saying(struct rig *rig, const char *words)
{
	bool is_so = !begin(rig, LONG) && !rig->asking.is_asking &&
	             rig->done.end == ERRAND_FAILED &&
	             strstr(rig->done.text, "nobody can be asked") &&
	             strstr(rig->done.text, words);

	if (!is_so)
		(void)printf("# %s\n", rig->done.text);
	askpass_close(&rig->asking);
	return is_so;
}

static void a_program_that_others_could_change_is_not_run(void)
{
	struct rig rig;

	rig_open(&rig, "exit 0");
	write_script(&rig, "exit 0", 0722);
	CHECK(fails_saying(&rig, "others can write"));
	write_script(&rig, "exit 0", 0600);
	CHECK(fails_saying(&rig, "NIXCACHE_ASKPASS"));
	CHECK(chmod(rig.dir, 0777) == 0);
	write_script(&rig, "exit 0", 0700);
	CHECK(fails_saying(&rig, "directory"));
	CHECK(chmod(rig.dir, 0700) == 0);
	CHECK(setenv("NIXCACHE_ASKPASS", "ask", 1) == 0);
	CHECK(fails_saying(&rig, "absolute"));
	CHECK(setenv("NIXCACHE_ASKPASS", "/nonexistent/ask", 1) == 0);
	/* The second choice is not there to mend the first. */
	CHECK(setenv("SSH_ASKPASS", rig.path, 1) == 0);
	CHECK(fails_saying(&rig, "/nonexistent"));
	rig_close(&rig);
}

static void the_second_choice_is_that_of_ssh(void)
{
	struct rig rig;

	rig_open(&rig, "exit 0");
	CHECK(setenv("SSH_ASKPASS", rig.path, 1) == 0);
	CHECK(unsetenv("NIXCACHE_ASKPASS") == 0);
	CHECK(begin(&rig, LONG) && step_to_the_end(&rig));
	CHECK(rig.done.end == ERRAND_DONE);
	CHECK(setenv("NIXCACHE_ASKPASS", "", 1) == 0);
	CHECK(begin(&rig, LONG) && step_to_the_end(&rig));
	write_script(&rig, "exit 1", 0700);
	CHECK(begin(&rig, LONG) && step_to_the_end(&rig));
	CHECK(rig.done.end == ERRAND_DENIED);
	(void)unsetenv("SSH_ASKPASS");
	rig_close(&rig);
}

/* In a session of its own, which has no terminal yet. */
static bool holds_in_a_session(bool (*claim)(void))
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)unsetenv("NIXCACHE_ASKPASS");
		(void)unsetenv("SSH_ASKPASS");
		(void)signal(SIGHUP, SIG_IGN);
		_exit(setsid() >= 0 && claim() ? 0 : 1);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool fails_without_a_terminal(void)
{
	struct rig rig = { .dir = "" };

	return fails_saying(&rig, "set NIXCACHE_ASKPASS");
}

static void without_program_and_terminal_it_says_what_to_do(void)
{
	CHECK(holds_in_a_session(fails_without_a_terminal));
}

/* The other side of our terminal; -1. */
static int take_terminal(int *ret_master)
{
	char name[PTY_NAME_SIZE];

	if (pty_open(ret_master, name) < 0)
		return -1;
	return open(name, O_RDWR);
}

/* Until these words are on the screen. */
static bool sees(struct rig *rig, int master, const char *words)
{
	long long end_ms = clock_boot_ms() + PATIENCE_MS;
	static char screen[TEXT_MAX];
	size_t len = 0;

	while (clock_boot_ms() < end_ms && len + 1 < sizeof(screen)) {
		ssize_t n =
			read(master, screen + len, sizeof(screen) - len - 1);

		len += n > 0 ? (size_t)n : 0;
		screen[len] = '\0';
		if (strstr(screen, words))
			return true;
		if (askpass_step(&rig->asking, &rig->done))
			return false;
		(void)poll(NULL, 0, 2);
	}
	return false;
}

static bool types(int master, const char *text)
{
	return write(master, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool answers(const char *typed, enum errand_end end)
{
	cleanup_close int master = -1, terminal = -1;
	struct rig rig = { .dir = "" };
	struct termios before, after;
	bool is_so;

	terminal = take_terminal(&master);
	if (terminal < 0 || tcgetattr(terminal, &before) < 0)
		return false;
	/* A program that was here before has left it raw, and a "yes" was typed
	 * for something else. */
	before.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	is_so = tcsetattr(terminal, TCSANOW, &before) == 0 &&
	        types(master, "yes\n") && begin(&rig, LONG) &&
	        sees(&rig, master, "Type yes") && types(master, typed) &&
	        step_to_the_end(&rig) && rig.done.end == end &&
	        tcgetattr(terminal, &after) == 0 &&
	        after.c_lflag == before.c_lflag;
	if (!is_so)
		(void)printf("# %s: %d\n", typed, (int)rig.done.end);
	(void)fflush(stdout);
	return is_so;
}

static bool yes_is_a_yes(void)
{
	return answers("yes\n", ERRAND_DONE);
}

static bool upper_case_is_a_yes(void)
{
	return answers("Yes\n", ERRAND_DONE);
}

static bool nothing_is_a_no(void)
{
	return answers("\n", ERRAND_DENIED);
}

static bool y_is_a_no(void)
{
	return answers("y\n", ERRAND_DENIED);
}

static bool more_than_yes_is_a_no(void)
{
	return answers("yes please\n", ERRAND_DENIED);
}

static bool the_end_is_a_no(void)
{
	return answers("\004", ERRAND_DENIED);
}

static void only_yes_counts_on_a_terminal(void)
{
	CHECK(holds_in_a_session(yes_is_a_yes));
	CHECK(holds_in_a_session(upper_case_is_a_yes));
	CHECK(holds_in_a_session(nothing_is_a_no));
	CHECK(holds_in_a_session(y_is_a_no));
	CHECK(holds_in_a_session(more_than_yes_is_a_no));
	CHECK(holds_in_a_session(the_end_is_a_no));
}

static bool stays_unanswered(void)
{
	cleanup_close int master = -1, terminal = -1;
	struct rig rig = { .dir = "" };

	terminal = take_terminal(&master);
	return terminal >= 0 && begin(&rig, 1) && step_to_the_end(&rig) &&
	       rig.done.end == ERRAND_UNANSWERED &&
	       sees(&rig, master, "asks no more");
}

/* Held by Ctrl-S: nothing can be shown, and nothing waits for that. */
static bool waits_for_no_screen(void)
{
	cleanup_close int master = -1, terminal = -1;
	struct rig rig = { .dir = "" };

	terminal = take_terminal(&master);
	return terminal >= 0 && tcflow(terminal, TCOOFF) == 0 &&
	       begin(&rig, 1) && types(master, "yes\n") &&
	       step_to_the_end(&rig) && rig.done.end == ERRAND_UNANSWERED;
}

static bool ends_with_its_terminal(void)
{
	cleanup_close int master = -1, terminal = -1;
	struct rig rig = { .dir = "" };

	terminal = take_terminal(&master);
	if (terminal < 0 || !begin(&rig, LONG) ||
	    !sees(&rig, master, "Type yes"))
		return false;
	(void)close(take_fd(&master));
	return step_to_the_end(&rig) && rig.done.end != ERRAND_DONE;
}

/* Reading there would stop the whole agent. */
static bool asks_not_from_the_background(void)
{
	cleanup_close int master = -1, terminal = -1;
	struct rig rig = { .dir = "" };
	int status = 1;
	pid_t pid;

	terminal = take_terminal(&master);
	pid = fork();
	if (pid == 0) {
		_exit(setpgid(0, 0) == 0 && fails_saying(&rig, "foreground")
		              ? 0
		              : 1);
	}
	return terminal >= 0 && waitpid(pid, &status, WUNTRACED) == pid &&
	       WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void a_terminal_holds_nobody_up(void)
{
	CHECK(holds_in_a_session(stays_unanswered));
	CHECK(holds_in_a_session(waits_for_no_screen));
	CHECK(holds_in_a_session(ends_with_its_terminal));
	CHECK(holds_in_a_session(asks_not_from_the_background));
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
		{ "without program and terminal it says what to do",
		  without_program_and_terminal_it_says_what_to_do },
		{ "only yes counts on a terminal",
		  only_yes_counts_on_a_terminal },
		{ "a terminal holds nobody up", a_terminal_holds_nobody_up },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
