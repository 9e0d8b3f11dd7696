#include "agent/launcher/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#define INPUT_FD (STDERR_FILENO + 1)

static int add_stdio(posix_spawn_file_actions_t *actions, int fd, int becomes)
{
	if (fd >= 0)
		return posix_spawn_file_actions_adddup2(actions, fd, becomes);
	return posix_spawn_file_actions_addopen(
		actions, becomes, "/dev/null",
		becomes == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
}

/* The first terminal that the leader of a session opens becomes its
 * controlling one. */
static int add_input(posix_spawn_file_actions_t *actions,
                     const struct spawn_start *start)
{
	if (!start->terminal)
		return add_stdio(actions, start->in, STDIN_FILENO);
	return posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
	                                        start->terminal, O_RDWR, 0);
}

static int add_actions(posix_spawn_file_actions_t *actions,
                       const struct spawn_start *start)
{
	int first_closed = start->input >= 0 ? INPUT_FD + 1 : INPUT_FD;
	int rc = add_input(actions, start);

	if (rc == 0)
		rc = add_stdio(actions, start->out, STDOUT_FILENO);
	if (rc == 0)
		rc = add_stdio(actions, start->err, STDERR_FILENO);
	if (rc == 0 && start->input >= 0) {
		rc = posix_spawn_file_actions_adddup2(actions, start->input,
		                                      INPUT_FD);
	}
	if (rc == 0) {
		rc = posix_spawn_file_actions_addclosefrom_np(actions,
		                                              first_closed);
	}
	if (rc == 0)
		rc = posix_spawn_file_actions_addchdir_np(actions, "/");
	return -rc;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int rc;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	rc = posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
				    POSIX_SPAWN_SETSIGDEF);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(attributes, &all);
	return -rc;
}

int spawn_run(const struct spawn_start *start, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char *const *argv, *const *envp;
	int rc;

	rc = -posix_spawn_file_actions_init(&actions);
	if (rc < 0)
		return rc;
	rc = -posix_spawnattr_init(&attributes);
	if (rc < 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return rc;
	}

	/* It takes them as execve() does, and writes to neither. */
	memcpy(&argv, &start->argv, sizeof(argv));
	memcpy(&envp, &start->envp, sizeof(envp));
	rc = add_actions(&actions, start);
	if (rc == 0)
		rc = set_attributes(&attributes);
	if (rc == 0) {
		rc = -posix_spawn(ret_pid, start->path, &actions, &attributes,
		                  argv, envp);
	}
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc;
}
