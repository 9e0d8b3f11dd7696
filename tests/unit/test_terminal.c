#include "agent/launcher/pty.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "tests/lib/askpass_rig.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PATIENCE_MS 20000 /* for what must be shown */
#define LONG        60
#define TEXT_MAX    8192

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
	struct askpass_rig rig = { .dir = "" };

	return askpass_rig_fails(&rig, "set NIXCACHE_ASKPASS");
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
static bool sees(struct askpass_rig *rig, int master, const char *words)
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
	struct askpass_rig rig = { .dir = "" };
	struct termios before, after;
	bool is_so;

	terminal = take_terminal(&master);
	if (terminal < 0 || tcgetattr(terminal, &before) < 0)
		return false;
	/* A program that was here before has left it raw, and a "yes" was typed
	 * for something else. */
	before.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	is_so = tcsetattr(terminal, TCSANOW, &before) == 0 &&
	        types(master, "yes\n") && askpass_rig_begin(&rig, LONG) &&
	        sees(&rig, master, "Type yes") && types(master, typed) &&
	        askpass_rig_run(&rig) && rig.done.end == end &&
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
	struct askpass_rig rig = { .dir = "" };

	terminal = take_terminal(&master);
	return terminal >= 0 && askpass_rig_begin(&rig, 1) &&
	       askpass_rig_run(&rig) && rig.done.end == ERRAND_UNANSWERED &&
	       sees(&rig, master, "asks no more");
}

/* Held by Ctrl-S: nothing can be shown, and nothing waits for that. */
static bool waits_for_no_screen(void)
{
	cleanup_close int master = -1, terminal = -1;
	struct askpass_rig rig = { .dir = "" };

	terminal = take_terminal(&master);
	return terminal >= 0 && tcflow(terminal, TCOOFF) == 0 &&
	       askpass_rig_begin(&rig, 1) && types(master, "yes\n") &&
	       askpass_rig_run(&rig) && rig.done.end == ERRAND_UNANSWERED;
}

static bool ends_with_its_terminal(void)
{
	cleanup_close int master = -1, terminal = -1;
	struct askpass_rig rig = { .dir = "" };

	terminal = take_terminal(&master);
	if (terminal < 0 || !askpass_rig_begin(&rig, LONG) ||
	    !sees(&rig, master, "Type yes"))
		return false;
	(void)close(take_fd(&master));
	return askpass_rig_run(&rig) && rig.done.end != ERRAND_DONE;
}

/* Reading there would stop the whole agent. */
static bool asks_not_from_the_background(void)
{
	cleanup_close int master = -1, terminal = -1;
	struct askpass_rig rig = { .dir = "" };
	int status = 1;
	pid_t pid;

	terminal = take_terminal(&master);
	pid = fork();
	if (pid == 0) {
		_exit(setpgid(0, 0) == 0 &&
		                      askpass_rig_fails(&rig, "foreground")
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
		{ "without program and terminal it says what to do",
		  without_program_and_terminal_it_says_what_to_do },
		{ "only yes counts on a terminal",
		  only_yes_counts_on_a_terminal },
		{ "a terminal holds nobody up", a_terminal_holds_nobody_up },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
