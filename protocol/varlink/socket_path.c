#include "protocol/varlink/socket_path.h"

#include "protocol/base/bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct socket_path_env socket_path_read_env(void)
{
	return (struct socket_path_env){
		.agent_sock = getenv(SOCKET_PATH_VARIABLE),
		.runtime_dir = getenv("XDG_RUNTIME_DIR"),
		.home = getenv("HOME"),
	};
}

static int join(const char *dir, const char *rest,
                char ret_path[SOCKET_PATH_SIZE])
{
	struct buffer path;

	if (strlen(dir) > SOCKET_PATH_MAX - strlen(rest))
		return -ENAMETOOLONG;

	buffer_wrap(&path, ret_path, SOCKET_PATH_SIZE);
	buffer_append_text(&path, dir);
	buffer_append_text(&path, rest);
	buffer_append_char(&path, '\0');
	return buffer_end(&path);
}

/* A relative path in such a variable is to be ignored (XDG Base Directory
 * Specification, section 3). */
static bool is_usable(const char *dir)
{
	return dir && dir[0] == '/';
}

int socket_path_usual(const struct socket_path_env *env,
                      char ret_path[SOCKET_PATH_SIZE])
{
	if (is_usable(env->runtime_dir))
		return join(env->runtime_dir, "/nixcache/agent.sock", ret_path);
	if (is_usable(env->home)) {
		return join(env->home, "/.local/state/nixcache/agent.sock",
		            ret_path);
	}
	return -ENOENT;
}

int socket_path_find(const struct socket_path_env *env,
                     char ret_path[SOCKET_PATH_SIZE])
{
	if (env->agent_sock && env->agent_sock[0] != '\0')
		return join(env->agent_sock, "", ret_path);
	return socket_path_usual(env, ret_path);
}
