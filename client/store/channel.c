#include "client/store/channel.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"
#include "protocol/nix/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_MAX     WORKER_MESSAGE_MAX
#define READ_SIZE     65536
#define LAST_WORDS_MS 1000 /* for the rest of what a dying daemon says */
#define GOODBYE_MS    2000 /* for it to end after its input has ended */

static const char not_started[] = "it could not be started; is it in PATH?\n";

int channel_adopt(int in, int out, struct channel **ret_channel)
{
	cleanup_channel struct channel *c = NULL;
	int rc;

	c = calloc(1, sizeof(*c));
	if (!c) {
		(void)close(in);
		if (out != in)
			(void)close(out);
		return -ENOMEM;
	}
	c->in = in;
	c->out = out;
	c->complaints = -1;
	c->process = -1;
	c->timeout_ms = CHANNEL_TIMEOUT_MS;
	buffer_init(&c->queued, QUEUE_MAX);
	buffer_init(&c->received, WORKER_MESSAGE_MAX + READ_SIZE);

	rc = fd_set_nonblocking(in);
	if (rc == 0 && out != in)
		rc = fd_set_nonblocking(out);
	if (rc < 0)
		return rc;
	*ret_channel = take_ptr(c);
	return 0;
}

int channel_connect(const char *path, struct channel **ret_channel)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;
	int taken;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	taken = take_fd(&fd);
	return channel_adopt(taken, taken, ret_channel);
}

/* In the child, between fork() and exec(): only calls that are safe there.
 * Never returns. */
_Noreturn static void become_daemon(char *const *argv, const int fds[3],
                                    pid_t parent)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent && dup2(fds[0], STDIN_FILENO) >= 0 &&
	    dup2(fds[1], STDOUT_FILENO) >= 0 &&
	    dup2(fds[2], STDERR_FILENO) >= 0) {
		(void)execvp(argv[0], argv);
		(void)!write(STDERR_FILENO, not_started,
		             sizeof(not_started) - 1);
	}
	_exit(127);
}

/* A spawned daemon's three pipes, reading end first. */
struct pipes {
	int ends[3][2];
};

static void pipes_clear(struct pipes *pipes)
{
	for (size_t i = 0; i < 3; i++) {
		close_at(&pipes->ends[i][0]);
		close_at(&pipes->ends[i][1]);
	}
}

/* A descriptor below 3 would be overwritten by the child's dup2() calls. */
static int move_above_stdio(int *fd)
{
	int moved;

	if (*fd > STDERR_FILENO)
		return 0;
	moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		return -errno;
	(void)close(*fd);
	*fd = moved;
	return 0;
}

static int pipes_open(struct pipes *pipes)
{
	for (size_t i = 0; i < 3; i++) {
		int rc;

		if (pipe2(pipes->ends[i], O_CLOEXEC) < 0)
			return -errno;
		rc = move_above_stdio(&pipes->ends[i][0]);
		if (rc == 0)
			rc = move_above_stdio(&pipes->ends[i][1]);
		if (rc < 0)
			return rc;
	}
	return fd_set_nonblocking(pipes->ends[2][0]);
}

/* Pipes, not a socket pair: `nix-daemon --stdio` in front of another daemon
 * moves its bytes with splice(2), which wants one. */
int channel_spawn(char *const *argv, struct channel **ret_channel)
{
	__attribute__((__cleanup__(pipes_clear))) struct pipes pipes = {
		{ { -1, -1 }, { -1, -1 }, { -1, -1 } }
	};
	cleanup_channel struct channel *c = NULL;
	pid_t parent = getpid(), pid;
	int rc;

	rc = pipes_open(&pipes);
	if (rc < 0)
		return rc;

	rc = channel_adopt(take_fd(&pipes.ends[1][0]),
	                   take_fd(&pipes.ends[0][1]), &c);
	if (rc < 0)
		return rc;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		become_daemon(argv,
		              (int[]){ pipes.ends[0][0], pipes.ends[1][1],
		                       pipes.ends[2][1] },
		              parent);
	}

	c->pid = pid;
	c->complaints = take_fd(&pipes.ends[2][0]);
	c->process = pidfd_open(pid, 0);
	*ret_channel = take_ptr(c);
	return 0;
}

/* The end of its input ends a daemon; one that hangs is killed. */
static void bury(const struct channel *c)
{
	struct pollfd end = { .fd = c->process, .events = POLLIN };

	if (c->pid <= 0)
		return;
	if (c->process < 0 || poll(&end, 1, GOODBYE_MS) <= 0)
		(void)kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void channel_close(struct channel *channel)
{
	if (!channel)
		return;

	if (channel->out != channel->in)
		close_at(&channel->out);
	close_at(&channel->in);
	close_at(&channel->complaints);
	bury(channel);
	close_at(&channel->process);
	buffer_clear(&channel->queued);
	buffer_clear(&channel->received);
	free(channel);
}

struct buffer *channel_queue(struct channel *channel)
{
	return &channel->queued;
}

struct bytes channel_received(const struct channel *channel)
{
	if (channel->taken == channel->received.len)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ channel->received.data + channel->taken,
		               channel->received.len - channel->taken };
}

void channel_take(struct channel *channel, size_t len)
{
	channel->taken += len;
}

/* A write into a pipe that nobody reads must not end our process, and what
 * the process does about SIGPIPE is not this room's to say: block it, and
 * take back the one we have caused. */
static ssize_t write_quietly(int fd, struct bytes bytes)
{
	static const struct timespec at_once = { 0, 0 };
	sigset_t pipe_only, before, pending;
	bool was_pending;
	ssize_t n;
	int error;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	(void)sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	n = write(fd, bytes.data, bytes.len);
	error = errno;
	if (n < 0 && error == EPIPE && !was_pending)
		(void)sigtimedwait(&pipe_only, NULL, &at_once);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return n < 0 ? -error : n;
}

static bool has_to_send(const struct channel *c)
{
	return c->queued.len + c->borrowed.len > 0;
}

/* What goes next: the queue, then what is borrowed. */
static struct bytes next_to_send(const struct channel *c)
{
	return c->queued.len > 0 ? buffer_bytes(&c->queued) : c->borrowed;
}

static void drop_sent(struct channel *c, size_t len)
{
	if (c->queued.len > 0) {
		buffer_consume(&c->queued, len);
		return;
	}
	c->borrowed.data += len;
	c->borrowed.len -= len;
}

/* The daemon may have closed its input and still have something to say: what
 * cannot be written is not an error here, the end of its output is. */
static int flush(struct channel *c)
{
	ssize_t n;

	if (!has_to_send(c))
		return 0;
	n = write_quietly(c->out, next_to_send(c));
	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n < 0) {
		c->is_deaf = true;
		buffer_rewind(&c->queued);
		c->borrowed.len = 0;
		return 0;
	}
	drop_sent(c, (size_t)n);
	return 1;
}

static void keep_end(struct channel *c, const char *text, size_t len)
{
	size_t room = sizeof(c->complaint), drop;

	if (len > room) {
		text += len - room;
		len = room;
	}
	drop = c->complaint_len + len > room ? c->complaint_len + len - room
	                                     : 0;
	memmove(c->complaint, c->complaint + drop, c->complaint_len - drop);
	c->complaint_len -= drop;
	memcpy(c->complaint + c->complaint_len, text, len);
	c->complaint_len += len;
}

/* False at the end of the daemon's standard error. */
static bool hear_complaints(struct channel *c)
{
	char text[512];
	ssize_t n = read(c->complaints, text, sizeof(text));

	if (n > 0)
		keep_end(c, text, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		(void)close(c->complaints);
		c->complaints = -1;
	}
	return c->complaints >= 0;
}

/* The stream has ended: the reason may still be on its way. */
static void hear_last_words(struct channel *c)
{
	long long deadline = clock_boot_ms() + LAST_WORDS_MS;
	struct pollfd words = { .fd = c->complaints, .events = POLLIN };

	while (c->complaints >= 0) {
		long long left = deadline - clock_boot_ms();

		if (left <= 0 || poll(&words, 1, (int)left) == 0)
			return;
		(void)hear_complaints(c);
	}
}

/* 1: bytes have come; 0: none yet; -errno. */
static int receive(struct channel *c)
{
	uint8_t *room;
	ssize_t n;

	if (c->taken > 0) {
		buffer_consume(&c->received, c->taken);
		c->taken = 0;
	}
	room = buffer_reserve(&c->received, READ_SIZE);
	if (!room)
		return buffer_end(&c->received);

	n = read(c->in, room, READ_SIZE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		hear_last_words(c);
		return -ECONNRESET;
	}
	c->received.len += (size_t)n;
	return 1;
}

/* Waits for one event and serves it.  1: bytes have come; 0: not yet, and
 * *deadline has moved if some went out; -errno. */
static int wait_once(struct channel *c, long long *deadline)
{
	long long left = *deadline - clock_boot_ms();
	struct pollfd fds[] = {
		{ .fd = c->in, .events = POLLIN },
		{ .fd = has_to_send(c) ? c->out : -1, .events = POLLOUT },
		{ .fd = c->complaints, .events = POLLIN },
	};
	int rc;

	rc = left > 0 ? poll(fds, 3, (int)left) : 0;
	if (rc < 0)
		return errno == EINTR ? 0 : -errno;
	if (rc == 0)
		return -ETIMEDOUT;

	if (fds[2].revents)
		(void)hear_complaints(c);
	if (fds[1].revents && flush(c) > 0)
		*deadline = clock_boot_ms() + c->timeout_ms;
	return fds[0].revents ? receive(c) : 0;
}

int channel_step(struct channel *channel)
{
	long long deadline = clock_boot_ms() + channel->timeout_ms;
	int rc;

	rc = buffer_end(&channel->queued);
	while (rc == 0)
		rc = wait_once(channel, &deadline);
	return rc < 0 ? rc : 0;
}

int channel_write(struct channel *channel, struct bytes bytes)
{
	long long deadline = clock_boot_ms() + channel->timeout_ms;
	int rc;

	rc = buffer_end(&channel->queued);
	channel->borrowed = bytes;
	while (rc >= 0 && has_to_send(channel)) {
		rc = wait_once(channel, &deadline);
		if (rc > 0)
			deadline = clock_boot_ms() + channel->timeout_ms;
	}
	channel->borrowed = (struct bytes){ NULL, 0 };
	if (rc < 0)
		return rc;
	return channel->is_deaf ? -EPIPE : 0;
}

void channel_last_complaint(const struct channel *channel, char *out,
                            size_t size)
{
	const char *text = channel->complaint;
	size_t end = channel->complaint_len, start;

	while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '))
		end--;
	start = end;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	text_printable(text + start, end - start, out, size);
}
