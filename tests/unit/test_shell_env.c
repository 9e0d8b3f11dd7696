#include "agent/start/shell_env.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/socket_stage.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX 4096
#define NO_SHELL 127

struct shell {
	enum options_shell kind;
	const char *program;
	const char *option; /* reads no file at its start */
	const char *eval;   /* of $COMMANDS, then prints the variable */
};

#define SHOW "; printf '%s' \"$NIXCACHE_AGENT_SOCK\""

static const struct shell shells[] = {
	{ OPTIONS_SHELL_SH, "sh", "-u", "eval $(printenv COMMANDS)" SHOW },
	{ OPTIONS_SHELL_SH, "bash", "--norc",
	  "eval $(printenv COMMANDS)" SHOW },
	{ OPTIONS_SHELL_SH, "dash", "-u",
	  "eval \"$(printenv COMMANDS)\"" SHOW },
	{ OPTIONS_SHELL_SH, "zsh", "-f", "eval $(printenv COMMANDS)" SHOW },
	{ OPTIONS_SHELL_CSH, "csh", "-f",
	  "eval `printenv COMMANDS`; printenv NIXCACHE_AGENT_SOCK" },
	{ OPTIONS_SHELL_CSH, "tcsh", "-f",
	  "eval `printenv COMMANDS`; printenv NIXCACHE_AGENT_SOCK" },
	{ OPTIONS_SHELL_FISH, "fish", "--no-config",
	  "eval (printenv COMMANDS)" SHOW },
	{ OPTIONS_SHELL_FISH, "fish", "--no-config",
	  "printenv COMMANDS | source" SHOW },
};

static const struct {
	const char *path;
	const char *sh, *csh, *fish; /* as they must be written */
} quoted[] = {
	{ "/run/agent.sock", "'/run/agent.sock'", "/run/agent.sock",
	  "'/run/agent.sock'" },
	{ "/a b", "'/a'\\ 'b'", "/a\\ b", "'/a b'" },
	{ "/a  b", "'/a'\\ ''\\ 'b'", "/a\\ \\ b", "'/a  b'" },
	{ "/it's", "'/it'\\''s'", "/it\\'s", "'/it\\'s'" },
	{ "/a\"b", "'/a\"b'", "/a\\\"b", "'/a\"b'" },
	{ "/$HOME", "'/$HOME'", "/\\$HOME", "'/$HOME'" },
	{ "/a!b", "'/a!b'", "/a\\!b", "'/a!b'" },
	{ "/a;b", "'/a;b'", "/a\\;b", "'/a;b'" },
	{ "/a\\b", "'/a\\b'", "/a\\\\b", "'/a\\\\b'" },
	{ "/a*b", "'/a*b'", "/a\\*b", "'/a*b'" },
	{ "/\xc3\xa9\xe2\x82\xac", "'/\xc3\xa9\xe2\x82\xac'",
	  "/\xc3\xa9\xe2\x82\xac", "'/\xc3\xa9\xe2\x82\xac'" },
};

/* Paths whose only test is that every shell gives them back. */
static const char *const nasty[] = {
	"/`id`",      "/$(id)", "/a'b'c", "/''",    "/\\",
	"/a\\'b",     "/!!",    "/a!$",   "/~",     "/[a-z]?",
	"/a&b|c>d<e", "/#x",    "/a #b",  "/ a ",   "/%1",
	"/a=b",       "/(a)",   "/a^b",   "/\"\"",  "/$$",
	"/e*c",       "/[e]tc", "/?tc",   "/tmp/*", "/a   'b'  c",
	"/\\$\\\\\"",
};

static int write_set(enum options_shell shell, const char *path, pid_t pid,
                     char text[TEXT_MAX])
{
	struct buffer out;
	int rc;

	buffer_init(&out, TEXT_MAX - 1);
	rc = shell_env_set(shell, path, pid, &out);
	(void)snprintf(text, TEXT_MAX, "%s", buffer_text(&out));
	buffer_clear(&out);
	return rc;
}

static void check_text(enum options_shell shell, const char *path,
                       const char *expected)
{
	char text[TEXT_MAX];

	CHECK(write_set(shell, path, 4711, text) == 0);
	if (strcmp(text, expected) != 0)
		test_fail(path, (int)shell, text);
}

static void nasty_paths_are_written_so(void)
{
	for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
		char expected[TEXT_MAX];

		(void)snprintf(expected, sizeof(expected),
		               "NIXCACHE_AGENT_SOCK=%s; export "
		               "NIXCACHE_AGENT_SOCK;\n"
		               "NIXCACHE_AGENT_PID='4711'; export "
		               "NIXCACHE_AGENT_PID;\n",
		               quoted[i].sh);
		check_text(OPTIONS_SHELL_SH, quoted[i].path, expected);
		(void)snprintf(expected, sizeof(expected),
		               "setenv NIXCACHE_AGENT_SOCK %s;\n"
		               "setenv NIXCACHE_AGENT_PID 4711;\n",
		               quoted[i].csh);
		check_text(OPTIONS_SHELL_CSH, quoted[i].path, expected);
		(void)snprintf(expected, sizeof(expected),
		               "set -gx NIXCACHE_AGENT_SOCK %s;\n"
		               "set -gx NIXCACHE_AGENT_PID '4711';\n",
		               quoted[i].fish);
		check_text(OPTIONS_SHELL_FISH, quoted[i].path, expected);
	}
}

/* Without the files that a person keeps in a home folder. */
_Noreturn static void run_shell(const struct shell *shell, int out)
{
	(void)dup2(out, STDOUT_FILENO);
	(void)execlp(shell->program, shell->program, shell->option, "-c",
	             shell->eval, (char *)NULL);
	_exit(NO_SHELL);
}

/* What the shell has in its variable after eval; false: there is no such
 * shell here. */
static bool ask_shell(const struct shell *shell, const char *path,
                      char ret_value[TEXT_MAX])
{
	char commands[TEXT_MAX];
	int ends[2], status = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	CHECK(write_set(shell->kind, path, 1, commands) == 0);
	(void)setenv("COMMANDS", commands, 1);
	CHECK(pipe(ends) == 0);
	pid = fork();
	if (pid == 0)
		run_shell(shell, ends[1]);
	(void)close(ends[1]);
	while ((n = read(ends[0], ret_value + len, TEXT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	ret_value[len] = '\0';
	(void)close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (shell->kind == OPTIONS_SHELL_CSH && len > 0)
		ret_value[len - 1] = '\0'; /* printenv's */
	return !WIFEXITED(status) || WEXITSTATUS(status) != NO_SHELL;
}

static void check_shell(const struct shell *shell, const char *path)
{
	char value[TEXT_MAX];

	if (!ask_shell(shell, path, value)) {
		(void)printf("# there is no %s here\n", shell->program);
		return;
	}
	if (strcmp(value, path) != 0) {
		(void)printf("# %s: \"%s\" became \"%s\"\n", shell->program,
		             path, value);
		FAIL("the shell gives the path back");
	}
}

static void real_shells_give_every_path_back(void)
{
	for (size_t k = 0; k < sizeof(shells) / sizeof(shells[0]); k++) {
		for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++)
			check_shell(&shells[k], quoted[i].path);
	}
}

static void real_shells_run_nothing_that_a_path_says(void)
{
	for (size_t k = 0; k < sizeof(shells) / sizeof(shells[0]); k++) {
		for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++)
			check_shell(&shells[k], nasty[i]);
	}
}

static void control_characters_are_refused(void)
{
	for (int c = 1; c < 0x80; c++) {
		const char path[] = { '/', (char)c, 'x', '\0' };
		bool is_control = c < 0x20 || c == 0x7f;
		struct buffer out;

		buffer_init(&out, TEXT_MAX);
		CHECK(shell_env_set(OPTIONS_SHELL_SH, path, 1, &out) ==
		      (is_control ? -EINVAL : 0));
		CHECK((out.len == 0) == is_control);
		buffer_clear(&out);
	}
}

/* tcsh expands {a,b} and ${x} in what `...` gives, whatever stands before the
 * brace. */
static void no_csh_gets_a_brace(void)
{
	static const char *const paths[] = { "/${x}", "/{", "/}", "/a{b}c" };
	char text[TEXT_MAX];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		CHECK(write_set(OPTIONS_SHELL_CSH, paths[i], 1, text) ==
		      -EINVAL);
		CHECK(text[0] == '\0');
		for (size_t k = 0; k < sizeof(shells) / sizeof(shells[0]);
		     k++) {
			if (shells[k].kind != OPTIONS_SHELL_CSH)
				check_shell(&shells[k], paths[i]);
		}
	}
}

static void a_full_buffer_is_told(void)
{
	char memory[40];
	struct buffer out;

	buffer_wrap(&out, memory, sizeof(memory));
	CHECK(shell_env_set(OPTIONS_SHELL_SH, "/run/x", 1, &out) == -EMSGSIZE);
}

static void both_variables_are_removed(void)
{
	static const struct {
		enum options_shell shell;
		const char *text;
	} cases[] = {
		{ OPTIONS_SHELL_SH, "unset NIXCACHE_AGENT_SOCK;\n"
		                    "unset NIXCACHE_AGENT_PID;\n" },
		{ OPTIONS_SHELL_CSH, "unsetenv NIXCACHE_AGENT_SOCK;\n"
		                     "unsetenv NIXCACHE_AGENT_PID;\n" },
		{ OPTIONS_SHELL_FISH, "set -e NIXCACHE_AGENT_SOCK;\n"
		                      "set -e NIXCACHE_AGENT_PID;\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer out;

		buffer_init(&out, TEXT_MAX);
		shell_env_unset(cases[i].shell, &out);
		CHECK(strcmp(buffer_text(&out), cases[i].text) == 0);
		buffer_clear(&out);
	}
}

static void a_remark_is_a_command(void)
{
	struct buffer out;

	buffer_init(&out, TEXT_MAX);
	shell_env_echo("Agent pid 5", &out);
	CHECK(strcmp(buffer_text(&out), "echo Agent pid 5;\n") == 0);
	buffer_clear(&out);
}

/* The guess of a process whose parent has that name, and with that $SHELL
 * (NULL: none). */
static enum options_shell guess(const char *parent, const char *shell)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		pid_t child;

		(void)prctl(PR_SET_NAME, (unsigned long)parent, 0UL, 0UL, 0UL);
		if (shell) {
			(void)setenv("SHELL", shell, 1);
		} else {
			(void)unsetenv("SHELL");
		}
		child = fork();
		if (child == 0)
			_exit((int)shell_env_guess(OPTIONS_SHELL_GUESS));
		(void)waitpid(child, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return (enum options_shell)WEXITSTATUS(status);
}

static void the_parent_is_asked_before_the_variable(void)
{
	static const struct {
		const char *parent;
		const char *shell;
		enum options_shell guess;
	} cases[] = {
		{ "fish", "/bin/bash", OPTIONS_SHELL_FISH },
		{ "tcsh", "/bin/bash", OPTIONS_SHELL_CSH },
		{ "csh", NULL, OPTIONS_SHELL_CSH },
		{ "zsh", "/usr/bin/fish", OPTIONS_SHELL_SH },
		{ "dash", "/bin/tcsh", OPTIONS_SHELL_SH },
		{ "make", "/usr/bin/fish", OPTIONS_SHELL_FISH },
		{ "make", "tcsh", OPTIONS_SHELL_CSH },
		{ "fishing", "/bin/csh", OPTIONS_SHELL_CSH },
		{ "make", "/usr/bin/nu", OPTIONS_SHELL_SH },
		{ "make", "", OPTIONS_SHELL_SH },
		{ "make", NULL, OPTIONS_SHELL_SH },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (guess(cases[i].parent, cases[i].shell) != cases[i].guess)
			test_fail(cases[i].parent, (int)i, "guessed wrongly");
	}
}

static void what_was_asked_for_is_not_guessed(void)
{
	(void)setenv("SHELL", "/usr/bin/fish", 1);
	CHECK(shell_env_guess(OPTIONS_SHELL_CSH) == OPTIONS_SHELL_CSH);
	CHECK(shell_env_guess(OPTIONS_SHELL_SH) == OPTIONS_SHELL_SH);
	(void)unsetenv("SHELL");
	CHECK(shell_env_guess(OPTIONS_SHELL_FISH) == OPTIONS_SHELL_FISH);
}

static const struct test tests[] = {
	{ "nasty paths are written so", nasty_paths_are_written_so },
	{ "real shells give every path back",
	  real_shells_give_every_path_back },
	{ "real shells run nothing that a path says",
	  real_shells_run_nothing_that_a_path_says },
	{ "control characters are refused", control_characters_are_refused },
	{ "no csh gets a brace", no_csh_gets_a_brace },
	{ "a full buffer is told", a_full_buffer_is_told },
	{ "both variables are removed", both_variables_are_removed },
	{ "a remark is a command", a_remark_is_a_command },
	{ "the parent is asked before the variable",
	  the_parent_is_asked_before_the_variable },
	{ "what was asked for is not guessed",
	  what_was_asked_for_is_not_guessed },
};

/* fish makes itself at home wherever HOME points. */
int main(void)
{
	struct socket_stage home;
	int status;

	socket_stage_set_up(&home);
	(void)setenv("HOME", home.folder, 1);
	status = test_main(tests, sizeof(tests) / sizeof(tests[0]));
	socket_stage_tear_down(&home);
	return status;
}
