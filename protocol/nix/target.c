#include "protocol/nix/target.h"

#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_DIR  "/nix/var/nix"
#define UNIX       "unix://"
#define LOCAL_ROOT "local?root="

static int set_path(struct target *target, const char *path)
{
	if (path[0] != '/' || strlen(path) > TARGET_PATH_MAX)
		return -EINVAL;
	memcpy(target->path, path, strlen(path) + 1);
	return 0;
}

int target_parse(const char *text, const char *default_socket,
                 struct target *ret_target)
{
	struct target target = { .kind = TARGET_AUTO };
	const char *path = default_socket;
	int rc;

	if (strcmp(text, "") == 0 || strcmp(text, "auto") == 0) {
		target.kind = TARGET_AUTO;
	} else if (strcmp(text, "daemon") == 0 || strcmp(text, UNIX) == 0) {
		target.kind = TARGET_SOCKET;
	} else if (text_has_prefix(text, UNIX)) {
		target.kind = TARGET_SOCKET;
		path = text + strlen(UNIX);
	} else if (strcmp(text, "local") == 0) {
		target.kind = TARGET_LOCAL;
	} else if (text_has_prefix(text, LOCAL_ROOT)) {
		target.kind = TARGET_ROOT;
		path = text + strlen(LOCAL_ROOT);
	} else {
		target.kind = TARGET_ROOT;
		path = text;
	}

	rc = set_path(&target, path);
	if (rc < 0)
		return rc;
	*ret_target = target;
	return 0;
}

int target_default_socket(char ret_path[TARGET_PATH_SIZE])
{
	const char *path = getenv("NIX_DAEMON_SOCKET_PATH");
	const char *state = getenv("NIX_STATE_DIR");
	char text[TARGET_PATH_SIZE];
	int len;

	if (path && path[0] != '\0') {
		len = snprintf(text, sizeof(text), "%s", path);
	} else {
		len = snprintf(text, sizeof(text), "%s/daemon-socket/socket",
		               state && state[0] != '\0' ? state : STATE_DIR);
	}
	if (len < 0 || (size_t)len >= sizeof(text))
		return -EINVAL;
	memcpy(ret_path, text, (size_t)len + 1);
	return 0;
}
