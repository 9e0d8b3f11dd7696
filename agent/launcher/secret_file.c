#include "agent/launcher/secret_file.h"

#include "agent/launcher/failure.h"
#include "agent/launcher/feed.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/env.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* systemd lets the service's user in by an access control list, whose mask
 * shows as the group's bits (0440); the directory is that user's alone. */
#define FOREIGN_BITS            077
#define FOREIGN_CREDENTIAL_BITS 037

static int check(const char *path, int fd, mode_t foreign,
                 struct fetch_outcome *ret_outcome)
{
	struct stat status;

	if (fstat(fd, &status) < 0) {
		failure_set(ret_outcome, SOURCE_FAILED, "%s: %s", path,
		            strerrordesc_np(errno));
	} else if (!S_ISREG(status.st_mode)) {
		failure_set(ret_outcome, SOURCE_UNSAFE,
		            "%s: is not a regular file", path);
	} else if (status.st_uid != 0 && status.st_uid != geteuid()) {
		failure_set(ret_outcome, SOURCE_UNSAFE,
		            "%s: belongs to another user", path);
	} else if (status.st_mode & foreign) {
		failure_set(ret_outcome, SOURCE_UNSAFE,
		            "%s: others can read or write it; chmod 600", path);
	} else if (status.st_size == 0) {
		failure_set(ret_outcome, SOURCE_FAILED, "%s: is empty", path);
	} else if (status.st_size > FEED_SECRET_MAX) {
		failure_set(ret_outcome, SOURCE_FAILED,
		            "%s: is longer than %d bytes", path,
		            FEED_SECRET_MAX);
	} else {
		return 0;
	}
	return 1;
}

static int open_path(const char *path, mode_t foreign, int *ret_fd,
                     struct fetch_outcome *ret_outcome)
{
	cleanup_close int fd = -1;

	fd = open(path,
	          O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ELOOP) {
		failure_set(ret_outcome, SOURCE_UNSAFE,
		            "%s: is a symbolic link; name the file itself",
		            path);
		return 1;
	}
	if (fd < 0) {
		failure_set(ret_outcome,
		            errno == ENOENT ? SOURCE_NOT_FOUND : SOURCE_FAILED,
		            "%s: %s", path, strerrordesc_np(errno));
		return 1;
	}
	if (check(path, fd, foreign, ret_outcome) > 0)
		return 1;

	*ret_fd = take_fd(&fd);
	return 0;
}

int secret_file_open(const struct secret_slot *slot, int *ret_fd,
                     struct fetch_outcome *ret_outcome)
{
	const char *directory = env_find("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];
	int len;

	if (slot->source == SECRET_FILE)
		return open_path(slot->spec, FOREIGN_BITS, ret_fd, ret_outcome);
	if (!directory) {
		failure_set(ret_outcome, SOURCE_NOT_FOUND,
		            "credential:%s: $CREDENTIALS_DIRECTORY is not set; "
		            "the service needs LoadCredential=",
		            slot->spec);
		return 1;
	}

	len = snprintf(path, sizeof(path), "%s/%s", directory, slot->spec);
	if (len < 0 || (size_t)len >= sizeof(path)) {
		failure_set(ret_outcome, SOURCE_FAILED,
		            "credential:%s: the path is too long", slot->spec);
		return 1;
	}
	return open_path(path, FOREIGN_CREDENTIAL_BITS, ret_fd, ret_outcome);
}
