#include "agent/launcher/audit_open.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/state_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0600
#define MOVED_MAX 4 /* times that the file is moved while we open it */
#define WAIT_MS   20
#define WAITS_MAX 50

/* Bytes of the file that are locked; they need not be there.  The launcher's
 * lock says that there is an agent; the door's ends with the door, which may
 * outlive a launcher that was killed by some milliseconds. */
enum lock {
	LOCK_AGENT,
	LOCK_WRITER,
};

static int lock(int fd, enum lock which)
{
	struct flock range = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = which,
		.l_len = 1,
	};

	if (fcntl(fd, F_OFD_SETLK, &range) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EWOULDBLOCK : -errno;
}

static int lock_both(const struct audit_open *file)
{
	int rc = lock(file->own, LOCK_AGENT);

	if (rc < 0)
		return rc;
	for (int i = 0; i < WAITS_MAX; i++) {
		rc = lock(file->fd, LOCK_WRITER);
		if (rc != -EWOULDBLOCK)
			break;
		(void)poll(NULL, 0, WAIT_MS);
	}
	return rc;
}

static int say(char *why, size_t why_size, int rc, const char *text)
{
	(void)snprintf(why, why_size, "%s", text);
	return rc;
}

static int say_error(char *why, size_t why_size, int rc)
{
	switch (-rc) {
	case ELOOP:
		return say(why, why_size, rc, "is a symbolic link");
	case EISDIR:
	case ENXIO:
		return say(why, why_size, rc, "is no regular file");
	case EWOULDBLOCK:
		return say(why, why_size, rc, "another agent writes it");
	default:
		return say(why, why_size, rc, strerror(-rc));
	}
}

static int check(int fd, char *why, size_t why_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return say_error(why, why_size, -errno);
	if (!S_ISREG(st.st_mode))
		return say(why, why_size, -EINVAL, "is no regular file");
	if (st.st_uid != geteuid())
		return say(why, why_size, -EPERM, "belongs to somebody else");
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return say(why, why_size, -EPERM,
		           "others may write to it (chmod go-w)");
	}
	return 0;
}

static bool is_same(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool audit_open_is_at(int fd, const char *path)
{
	struct stat one, other;

	return fstat(fd, &one) == 0 && lstat(path, &other) == 0 &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* 0; -ESTALE: the path is another file's by now; -EWOULDBLOCK; -errno. */
static int try_open(const char *path, int flags, struct audit_open *ret_file,
                    char *why, size_t why_size)
{
	const int usual = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	cleanup_close int fd = -1, own = -1;
	int rc;

	fd = open(path, O_WRONLY | O_APPEND | usual | flags, FILE_MODE);
	if (fd < 0)
		return say_error(why, why_size, -errno);
	rc = check(fd, why, why_size);
	if (rc < 0)
		return rc;
	own = open(path, O_RDWR | usual);
	if (own < 0 && errno != ENOENT)
		return say_error(why, why_size, -errno);
	if (own < 0 || !is_same(fd, own))
		return -ESTALE;

	rc = lock_both(&(struct audit_open){ .fd = fd, .own = own });
	if (rc < 0)
		return say_error(why, why_size, rc);
	if (!audit_open_is_at(fd, path))
		return -ESTALE;
	*ret_file = (struct audit_open){ take_fd(&fd), take_fd(&own) };
	return 0;
}

int audit_open(const char *path, bool is_new, struct audit_open *ret_file,
               char *why, size_t why_size)
{
	int rc = state_path_make_folders(path);

	if (rc < 0)
		return say_error(why, why_size, rc);
	for (int i = 0; i < MOVED_MAX; i++) {
		rc = try_open(path, O_CREAT | (is_new ? O_EXCL : 0), ret_file,
		              why, why_size);
		if (rc != -ESTALE)
			return rc;
	}
	return say(why, why_size, rc, "it is moved again and again");
}

int audit_open_former(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	                                          O_NONBLOCK | O_NOCTTY);
	char why[1];

	if (fd < 0)
		return -errno;
	return check(fd, why, sizeof(why)) < 0 ? -EPERM : take_fd(&fd);
}
