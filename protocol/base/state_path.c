#include "protocol/base/state_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER_MODE 0700

struct state_path_env state_path_read_env(void)
{
	return (struct state_path_env){
		.service_dir = getenv("STATE_DIRECTORY"),
		.state_home = getenv("XDG_STATE_HOME"),
		.home = getenv("HOME"),
	};
}

static bool is_absolute(const char *folder)
{
	return folder && folder[0] == '/';
}

int state_path_usual(const struct state_path_env *env, const char *name,
                     char ret_path[PATH_MAX])
{
	int len = 0;

	/* Several state directories are a list with colons. */
	if (is_absolute(env->service_dir) && !strchr(env->service_dir, ':')) {
		len = snprintf(ret_path, PATH_MAX, "%s/%s", env->service_dir,
		               name);
	} else if (is_absolute(env->state_home)) {
		len = snprintf(ret_path, PATH_MAX, "%s/nixcache/%s",
		               env->state_home, name);
	} else if (is_absolute(env->home)) {
		len = snprintf(ret_path, PATH_MAX,
		               "%s/.local/state/nixcache/%s", env->home, name);
	}
	return len <= 0 || len >= PATH_MAX ? -ENOENT : 0;
}

int state_path_make_folders(const char *path)
{
	char folder[PATH_MAX];

	(void)snprintf(folder, sizeof(folder), "%s", path);
	for (char *slash = strchr(folder + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(folder, FOLDER_MODE) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}
