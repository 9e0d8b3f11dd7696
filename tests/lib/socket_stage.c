#include "tests/lib/socket_stage.h"

#include "tests/lib/remove_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void socket_stage_set_up(struct socket_stage *stage)
{
	*stage = (struct socket_stage){
		.folder = "/tmp/nixcache-stage.XXXXXX",
	};
	if (!mkdtemp(stage->folder) ||
	    setenv("XDG_RUNTIME_DIR", stage->folder, 1) < 0)
		abort();
}

void socket_stage_tear_down(struct socket_stage *stage)
{
	(void)unsetenv("XDG_RUNTIME_DIR");
	(void)remove_tree(stage->folder);
}

void socket_stage_path(const struct socket_stage *stage, const char *name,
                       char ret_path[SOCKET_STAGE_PATH_SIZE])
{
	(void)snprintf(ret_path, SOCKET_STAGE_PATH_SIZE, "%s/%s", stage->folder,
	               name);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

int socket_stage_listen(const char *path, int backlog)
{
	const struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, backlog) < 0)
		abort();
	return fd;
}

int socket_stage_connect(const char *path)
{
	const struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		abort();
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) <
	    0) {
		int rc = -errno;

		(void)close(fd);
		return rc;
	}
	return fd;
}

int socket_stage_connects(const char *path)
{
	int fd = socket_stage_connect(path);

	if (fd < 0)
		return fd;
	(void)close(fd);
	return 0;
}
