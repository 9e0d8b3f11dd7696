#include "agent/start/announce.h"

#include "agent/start/shell_env.h"
#include "protocol/base/fd.h"

#include <stdio.h>
#include <unistd.h>

#define ANNOUNCE_MAX 4096

static int print(struct buffer *out)
{
	int rc = buffer_end(out);

	return rc < 0 ? rc : fd_write_full(STDOUT_FILENO, out->data, out->len);
}

static void remark(const struct options *options, const char *suffix, pid_t pid,
                   struct buffer *out)
{
	char text[64];

	if (options->is_quiet)
		return;
	(void)snprintf(text, sizeof(text), "Agent pid %d%s", (int)pid, suffix);
	shell_env_echo(text, out);
}

int announce_agent(const struct options *options, const char *socket_path,
                   pid_t pid)
{
	enum options_shell shell = shell_env_guess(options->shell);
	cleanup_buffer struct buffer out = { .data = NULL };
	int rc;

	buffer_init(&out, ANNOUNCE_MAX);
	rc = shell_env_set(shell, socket_path, pid, &out);
	if (rc < 0)
		return rc;
	remark(options, "", pid, &out);
	return print(&out);
}

int announce_end(const struct options *options, pid_t pid)
{
	enum options_shell shell = shell_env_guess(options->shell);
	cleanup_buffer struct buffer out = { .data = NULL };

	buffer_init(&out, ANNOUNCE_MAX);
	shell_env_unset(shell, &out);
	remark(options, " killed", pid, &out);
	return print(&out);
}
