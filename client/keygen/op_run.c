#include "client/keygen/op_run.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/env.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS    180000 /* somebody may have to find the other screen */
#define READ_SIZE     1024
#define READS_MAX     64
#define SIGNAL_STATUS 128
#define TOKEN         "OP_SERVICE_ACCOUNT_TOKEN="

struct run {
	int out; /* -1: not kept */
	int err;
	int watch; /* a pidfd */
	pid_t pid; /* 0: none */
};

static void run_clear(struct run *run)
{
	close_at(&run->out);
	close_at(&run->err);
	close_at(&run->watch);
	if (run->pid > 0) {
		(void)kill(run->pid, SIGKILL);
		while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

void op_said_clear(struct op_said *said)
{
	buffer_clear(&said->out);
	buffer_clear(&said->err);
}

static void make_env(struct env *env)
{
	const char *token = NULL;

	for (char **entry = environ; entry && *entry; entry++) {
		if (text_has_prefix(*entry, TOKEN))
			token = *entry;
	}
	env_init_child(env);
	env_add_op(env, token);
}

/* What is -1 becomes /dev/null. */
static int add_actions(posix_spawn_file_actions_t *actions, const int fds[3])
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < 3; i++) {
		if (fds[i] < 0) {
			rc = posix_spawn_file_actions_addopen(
				actions, i, "/dev/null",
				i == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
		} else {
			rc = posix_spawn_file_actions_adddup2(actions, fds[i],
			                                      i);
		}
	}
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(actions, 3);
	return rc;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int rc;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	rc = posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(attributes, &all);
	return rc;
}

/* posix_spawn(): the child never has this process's memory. */
static int spawn(const struct op_call *call, const int fds[3], pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char *const *argv, *const *envp;
	const char *const *entries;
	struct env env;
	int rc;

	make_env(&env);
	entries = env.entries;
	/* It takes them as execve() does, and writes to neither. */
	memcpy(&argv, &call->argv, sizeof(argv));
	memcpy(&envp, &entries, sizeof(envp));
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	rc = add_actions(&actions, fds);
	if (rc == 0)
		rc = set_attributes(&attributes);
	if (rc == 0) {
		rc = posix_spawn(ret_pid, call->program, &actions, &attributes,
		                 argv, envp);
	}
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

/* *ret_theirs is for the child; ours does not block. */
static int open_pipe(int *ret_ours, int *ret_theirs)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return fd_set_nonblocking(ends[0]);
}

static int start(struct run *run, const struct op_call *call)
{
	cleanup_close int out = -1;
	cleanup_close int err = -1;
	int rc = 0;

	if (call->keeps_output)
		rc = open_pipe(&run->out, &out);
	if (rc == 0)
		rc = open_pipe(&run->err, &err);
	if (rc == 0) {
		rc = spawn(call, (const int[]){ call->in, out, err },
		           &run->pid);
	}
	if (rc < 0) {
		run->pid = 0;
		return rc;
	}
	run->watch = pidfd_open(run->pid, 0);
	return run->watch < 0 ? -errno : 0;
}

/* The end is kept: the reason comes last. */
static void keep_end(struct buffer *said, const uint8_t *bytes, size_t len)
{
	if (said->len + len > said->max)
		buffer_consume(said, said->len + len - said->max);
	buffer_append(said, bytes, len);
}

static void hear(int *fd, struct buffer *said)
{
	uint8_t bytes[READ_SIZE];
	ssize_t n = -1;

	for (int i = 0; *fd >= 0 && i < READS_MAX; i++) {
		n = read(*fd, bytes, sizeof(bytes));
		if (n <= 0)
			break;
		keep_end(said, bytes, (size_t)n);
	}
	explicit_bzero(bytes, sizeof(bytes));
	if (n == 0) {
		close_at(fd);
		*fd = -1;
	}
}

static int wait_for_end(struct run *run, struct op_said *said)
{
	long long deadline = clock_boot_ms() + TIMEOUT_MS;
	struct pollfd fds[3] = { { 0 } };

	while (!(fds[2].revents & POLLIN)) {
		long long left = deadline - clock_boot_ms();

		fds[0] = (struct pollfd){ .fd = run->out, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = run->err, .events = POLLIN };
		fds[2] = (struct pollfd){ .fd = run->watch, .events = POLLIN };
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(fds, 3, (int)left) < 0 && errno != EINTR)
			return -errno;
		hear(&run->out, &said->out);
		hear(&run->err, &said->err);
	}
	hear(&run->out, &said->out);
	hear(&run->err, &said->err);
	return 0;
}

static int collect(struct run *run, int *ret_status)
{
	int status;

	while (waitpid(run->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	run->pid = 0;
	*ret_status = WIFSIGNALED(status) ? SIGNAL_STATUS + WTERMSIG(status)
	                                  : WEXITSTATUS(status);
	return 0;
}

int op_run(const struct op_call *call, struct op_said *ret_said)
{
	__attribute__((__cleanup__(run_clear))) struct run run = {
		.out = -1,
		.err = -1,
		.watch = -1,
	};
	int rc;

	*ret_said = (struct op_said){ .status = -1 };
	buffer_init(&ret_said->out, OP_OUTPUT_MAX);
	buffer_init(&ret_said->err, OP_OUTPUT_MAX);
	rc = start(&run, call);
	if (rc == 0)
		rc = wait_for_end(&run, ret_said);
	if (rc == 0)
		rc = collect(&run, &ret_said->status);
	return rc;
}
