/* shell_env.h - commands that set or remove the agent's variables in a shell */
#pragma once

#include "agent/options.h"
#include "protocol/base/bytes.h"

#include <sys/types.h>

/* The shell that will read the commands: as asked, else by the parent
 * process's name, else by $SHELL, else sh. */
enum options_shell shell_env_guess(enum options_shell asked);

/* Appends the commands.  -EINVAL if the path holds a control character (no
 * shell takes a line break through eval) or, for csh, a brace. */
must_check int shell_env_set(enum options_shell shell, const char *socket_path,
                             pid_t pid, struct buffer *out);
void shell_env_unset(enum options_shell shell, struct buffer *out);

/* Appends one remark for a person, as a command: echo TEXT;  text is letters,
 * digits and blanks only. */
void shell_env_echo(const char *text, struct buffer *out);
