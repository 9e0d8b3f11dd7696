#include "client/audit/watch.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>

/* Some file systems tell of no changes that were made elsewhere. */
#define LOOK_AGAIN_MS 1000

/* The folder, since the log may be renamed and begun anew. */
static int open_changes(const char *path)
{
	cleanup_free char *copy = strdup(path);
	cleanup_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (!copy || fd < 0 ||
	    inotify_add_watch(fd, dirname(copy),
	                      IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return -1;
	return take_fd(&fd);
}

int watch_open(struct watch *watch, const char *path)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (watch->signals < 0)
		return -errno;
	watch->changes = open_changes(path);
	return 0;
}

void watch_close(struct watch *watch)
{
	close_at(&watch->signals);
	close_at(&watch->changes);
	*watch = (struct watch){ .signals = -1, .changes = -1 };
}

/* What has changed does not matter: the log is read anew. */
static void drain(int fd)
{
	char events[4096];
	ssize_t n;

	do {
		n = read(fd, events, sizeof(events));
	} while (n > 0);
}

int watch_wait(struct watch *watch)
{
	struct pollfd fds[] = {
		{ watch->signals, POLLIN, 0 },
		{ watch->changes, POLLIN, 0 },
	};

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), LOOK_AGAIN_MS) < 0)
		return errno == EINTR ? WATCH_CHANGED : -errno;
	if (fds[0].revents)
		return WATCH_ENDED;
	if (fds[1].revents)
		drain(watch->changes);
	return WATCH_CHANGED;
}
