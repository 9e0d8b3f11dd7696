#include "agent/start/kill.h"

#include "agent/start/announce.h"
#include "agent/start/ask.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/varlink/socket_path.h"

#include <errno.h>
#include <string.h>

int kill_agent(const struct options *options)
{
	const struct socket_path_env env = socket_path_read_env();
	char found[SOCKET_PATH_SIZE] = "";
	const char *path = options->socket_path;
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
	if (rc == 0)
		rc = ask_quit(path);
	if (rc < 0) {
		log_error("%s: no agent answers there: %s", path,
		          strerror(-rc));
		return EXIT_NO_AGENT;
	}
	return announce_end(options, pid) < 0 ? EXIT_FAILED : EXIT_DONE;
}
