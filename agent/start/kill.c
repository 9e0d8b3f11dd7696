#include "agent/start/kill.h"

#include "agent/start/announce.h"
#include "agent/start/ask.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/varlink/socket_path.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define END_WAIT_MS 5000

/* The socket's file goes last: whoever starts an agent next must not meet it.
 * A number that is no process of ours only makes the wait short. */
static void wait_for_end(pid_t pid, int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0 && poll(&end, 1, END_WAIT_MS) == 0)
		log_warn("agent pid %d has not ended yet", (int)pid);
}

int kill_agent(const struct options *options)
{
	const struct socket_path_env env = socket_path_read_env();
	char found[SOCKET_PATH_SIZE] = "";
	const char *path = options->socket_path;
	cleanup_close int pidfd = -1;
	pid_t pid = 0;
	int rc;

	if (!path) {
		rc = socket_path_find(&env, found);
		path = found;
		if (rc < 0) {
			log_error("no agent: neither NIXCACHE_AGENT_SOCK, "
			          "XDG_RUNTIME_DIR nor HOME says where");
			return EXIT_NO_AGENT;
		}
	}
	rc = ask_pid(path, &pid);
	if (rc == 0) {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		rc = ask_quit(path);
	}
	if (rc < 0) {
		log_error("%s: no agent answers there: %s", path,
		          strerror(-rc));
		return EXIT_NO_AGENT;
	}
	wait_for_end(pid, pidfd);
	return announce_end(options, pid) < 0 ? EXIT_FAILED : EXIT_DONE;
}
