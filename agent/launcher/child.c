#include "agent/launcher/child.h"

#include "agent/launcher/pty.h"
#include "agent/launcher/spawn.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define READS_MAX     64 /* of one step, so that a loud child cannot hold us */
#define STOP_WAIT_MS  1000
#define SIGNAL_STATUS 128

void child_init(struct child *child)
{
	*child = (struct child){
		.watch = -1,
		.err = -1,
		.out = -1,
		.pty = -1,
	};
	buffer_init(&child->said, CHILD_SAID_MAX);
	buffer_init(&child->printed, CHILD_SAID_MAX);
}

static void forget(struct child *child)
{
	close_at(&child->watch);
	close_at(&child->err);
	close_at(&child->out);
	close_at(&child->pty);
	buffer_clear(&child->said);
	buffer_clear(&child->printed);
	child_init(child);
}

/* A pipe from the child; ours does not block. */
static int open_pipe(int *ret_ours, int *ret_theirs)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return fd_set_nonblocking(ends[0]);
}

static int start_in(struct child *child, const struct child_start *start)
{
	cleanup_close int err = -1, out = -1;
	char terminal[PTY_NAME_SIZE];
	struct spawn_start spawn = {
		.path = start->path,
		.argv = start->argv,
		.envp = start->envp,
		.in = -1,
		.out = start->out,
		.input = start->input,
	};
	int rc = open_pipe(&child->err, &err);

	spawn.err = err;
	if (rc == 0 && start->keeps_output) {
		rc = open_pipe(&child->out, &out);
		spawn.out = out;
	}
	if (rc == 0 && start->has_pty) {
		rc = pty_open(&child->pty, terminal);
		spawn.terminal = terminal;
	}
	return rc < 0 ? rc : spawn_run(&spawn, &child->pid);
}

int child_run(struct child *child, const struct child_start *start)
{
	int rc;

	child->has_pty = start->has_pty;
	rc = start_in(child, start);
	if (rc < 0) {
		child->pid = 0;
		forget(child);
		return rc;
	}

	child->watch = pidfd_open(child->pid, 0);
	if (child->watch < 0) {
		rc = -errno;
		child_stop(child);
		return rc;
	}
	return 0;
}

void child_kill(struct child *child)
{
	if (child->pid > 0 && !child->is_killed)
		(void)kill(-child->pid, SIGKILL);
	child->is_killed = true;
}

void child_stop(struct child *child)
{
	struct pollfd end = { .fd = child->watch, .events = POLLIN };

	if (child->pid > 0) {
		child_kill(child);
		(void)poll(&end, 1, STOP_WAIT_MS);
		(void)waitpid(child->pid, NULL, WNOHANG);
	}
	forget(child);
}

size_t child_poll(const struct child *child, struct pollfd fds[CHILD_POLL_MAX])
{
	const int all[] = { child->watch, child->err, child->out, child->pty };
	size_t count = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i] >= 0) {
			fds[count++] = (struct pollfd){ .fd = all[i],
				                        .events = POLLIN };
		}
	}
	return count;
}

/* Keeps the end of what is said: the reason comes last. */
static void keep(struct buffer *said, const void *text, size_t len)
{
	if (said->len + len > said->max)
		buffer_consume(said, said->len + len - said->max);
	buffer_append(said, text, len);
}

/* Reads what there is; closes at the end.  said: NULL to throw it away. */
static void drain(int *fd, struct buffer *said)
{
	char chunk[4096];

	for (int i = 0; i < READS_MAX && *fd >= 0; i++) {
		ssize_t n = read(*fd, chunk, sizeof(chunk));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			/* A terminal that nobody has open says EIO. */
			(void)close(take_fd(fd));
			return;
		}
		if (said)
			keep(said, chunk, (size_t)n);
		explicit_bzero(chunk, sizeof(chunk));
	}
}

int child_step(struct child *child, int *ret_status)
{
	siginfo_t end = { .si_pid = 0 };
	int rc;

	drain(&child->pty, NULL);
	drain(&child->err, &child->said);
	drain(&child->out, &child->printed);
	rc = waitid(P_PIDFD, (id_t)child->watch, &end,
	            WEXITED | WNOHANG | WNOWAIT);
	if (rc < 0 && errno == EINTR)
		return 0;
	if (rc == 0 && end.si_pid == 0)
		return 0;

	/* What a command left running would keep the pipe; op's daemon is none
	 * of ours.  A zombie's process group keeps its number. */
	if (rc == 0) {
		if (!child->has_pty)
			(void)kill(-child->pid, SIGKILL);
		(void)waitpid(child->pid, NULL, WNOHANG);
	}
	child->pid = 0;
	drain(&child->err, &child->said);
	drain(&child->out, &child->printed);
	*ret_status = rc < 0 ? -1
	              : end.si_code == CLD_EXITED
	                      ? end.si_status
	                      : SIGNAL_STATUS + end.si_status;
	return 1;
}
