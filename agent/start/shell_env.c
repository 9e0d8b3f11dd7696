#include "agent/start/shell_env.h"

#include "protocol/base/fd.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMM_SIZE 32

static bool is_csh(const char *name)
{
	return text_has_suffix(name, "csh");
}

static bool is_sh(const char *name)
{
	return strcmp(name, "sh") == 0 || strcmp(name, "dash") == 0 ||
	       strcmp(name, "bash") == 0 || strcmp(name, "zsh") == 0 ||
	       strcmp(name, "ksh") == 0 || strcmp(name, "mksh") == 0;
}

/* OPTIONS_SHELL_GUESS if the name is no shell's. */
static enum options_shell shell_of(const char *name)
{
	if (strcmp(name, "fish") == 0)
		return OPTIONS_SHELL_FISH;
	if (is_csh(name))
		return OPTIONS_SHELL_CSH;
	return is_sh(name) ? OPTIONS_SHELL_SH : OPTIONS_SHELL_GUESS;
}

static enum options_shell shell_of_parent(void)
{
	char path[32], comm[COMM_SIZE];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return OPTIONS_SHELL_GUESS;
	n = fd_read_full(fd, comm, sizeof(comm) - 1);
	(void)close(fd);
	if (n <= 0)
		return OPTIONS_SHELL_GUESS;

	comm[n] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	return shell_of(comm);
}

enum options_shell shell_env_guess(enum options_shell asked)
{
	const char *shell = getenv("SHELL");
	const char *slash = shell ? strrchr(shell, '/') : NULL;
	enum options_shell guess = asked;

	if (guess == OPTIONS_SHELL_GUESS)
		guess = shell_of_parent();
	if (guess == OPTIONS_SHELL_GUESS && shell)
		guess = shell_of(slash ? slash + 1 : shell);
	return guess == OPTIONS_SHELL_GUESS ? OPTIONS_SHELL_SH : guess;
}

/* Inside '...' only the quote itself is special: it ends the string, is
 * escaped, and begins it anew.  So does a blank: an unquoted $(...) folds runs
 * of blanks before eval sees the quotes, and so two are never neighbours. */
static void quote_sh(struct buffer *out, const char *text)
{
	buffer_append_char(out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == ' ') {
			buffer_append_format(out, "'\\%c'", *text);
		} else {
			buffer_append_char(out, *text);
		}
	}
	buffer_append_char(out, '\'');
}

/* csh expands ! even inside '...', and its `...` folds runs of blanks before
 * eval sees them: so every special byte is escaped by itself, and two blanks
 * are never neighbours. */
static void quote_csh(struct buffer *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+,:@%=";

	for (; *text != '\0'; text++) {
		if (!strchr(plain, *text) && (unsigned char)*text < 0x80)
			buffer_append_char(out, '\\');
		buffer_append_char(out, *text);
	}
}

static void quote_fish(struct buffer *out, const char *text)
{
	buffer_append_char(out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			buffer_append_char(out, '\\');
		buffer_append_char(out, *text);
	}
	buffer_append_char(out, '\'');
}

static void set(enum options_shell shell, const char *name, const char *value,
                struct buffer *out)
{
	switch (shell) {
	case OPTIONS_SHELL_CSH:
		buffer_append_format(out, "setenv %s ", name);
		quote_csh(out, value);
		buffer_append_text(out, ";\n");
		break;
	case OPTIONS_SHELL_FISH:
		buffer_append_format(out, "set -gx %s ", name);
		quote_fish(out, value);
		buffer_append_text(out, ";\n");
		break;
	case OPTIONS_SHELL_GUESS:
	case OPTIONS_SHELL_SH:
		buffer_append_format(out, "%s=", name);
		quote_sh(out, value);
		buffer_append_format(out, "; export %s;\n", name);
		break;
	}
}

static void unset(enum options_shell shell, const char *name,
                  struct buffer *out)
{
	switch (shell) {
	case OPTIONS_SHELL_CSH:
		buffer_append_format(out, "unsetenv %s;\n", name);
		break;
	case OPTIONS_SHELL_FISH:
		buffer_append_format(out, "set -e %s;\n", name);
		break;
	case OPTIONS_SHELL_GUESS:
	case OPTIONS_SHELL_SH:
		buffer_append_format(out, "unset %s;\n", name);
		break;
	}
}

/* csh expands braces in what its `...` gives, and no quote there stops it. */
static bool can_be_said(enum options_shell shell, const char *path)
{
	for (const char *c = path; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	}
	return shell != OPTIONS_SHELL_CSH || !strpbrk(path, "{}");
}

int shell_env_set(enum options_shell shell, const char *socket_path, pid_t pid,
                  struct buffer *out)
{
	char number[16];

	if (!can_be_said(shell, socket_path))
		return -EINVAL;
	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	set(shell, "NIXCACHE_AGENT_SOCK", socket_path, out);
	set(shell, "NIXCACHE_AGENT_PID", number, out);
	return buffer_end(out);
}

void shell_env_unset(enum options_shell shell, struct buffer *out)
{
	unset(shell, "NIXCACHE_AGENT_SOCK", out);
	unset(shell, "NIXCACHE_AGENT_PID", out);
}

void shell_env_echo(const char *text, struct buffer *out)
{
	buffer_append_format(out, "echo %s;\n", text);
}
