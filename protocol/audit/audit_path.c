#include "protocol/audit/audit_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "audit.jsonl"

struct audit_path_env audit_path_read_env(void)
{
	return (struct audit_path_env){
		.service_dir = getenv("STATE_DIRECTORY"),
		.state_home = getenv("XDG_STATE_HOME"),
		.home = getenv("HOME"),
	};
}

static bool is_absolute(const char *folder)
{
	return folder && folder[0] == '/';
}

int audit_path_usual(const struct audit_path_env *env, char ret_path[PATH_MAX])
{
	int len = 0;

	/* Several state directories are a list with colons. */
	if (is_absolute(env->service_dir) && !strchr(env->service_dir, ':')) {
		len = snprintf(ret_path, PATH_MAX, "%s/" FILE_NAME,
		               env->service_dir);
	} else if (is_absolute(env->state_home)) {
		len = snprintf(ret_path, PATH_MAX, "%s/nixcache/" FILE_NAME,
		               env->state_home);
	} else if (is_absolute(env->home)) {
		len = snprintf(ret_path, PATH_MAX,
		               "%s/.local/state/nixcache/" FILE_NAME,
		               env->home);
	}
	return len <= 0 || len >= PATH_MAX ? -ENOENT : 0;
}
