#include "client/journal/file.h"

#include "client/journal/owner.h"
#include "protocol/base/state_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_MODE 0600
#define NAME_SIZE (PATH_MAX + sizeof(".aside-journal"))
#define OTHERS    (S_IRWXG | S_IRWXO)

static const char *reason_of(int rc)
{
	switch (-rc) {
	case ELOOP:
		return "is a symbolic link";
	case EISDIR:
	case ENXIO:
		return "is no plain file";
	case EPERM:
		return "belongs to somebody else, or others may write there";
	case EBUSY:
		return "another process keeps it locked";
	case EBADMSG:
		return "is damaged, and cannot be put aside";
	default:
		return strerror(-rc);
	}
}

int journal_file_say(char why[JOURNAL_WHY_MAX], const char *path, int rc)
{
	(void)snprintf(why, JOURNAL_WHY_MAX, "%.400s: %s", path, reason_of(rc));
	return rc;
}

int journal_file_open(const char *path, struct stat *ret_st)
{
	cleanup_close int fd = open(path,
	                            O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
	                                    O_NONBLOCK | O_NOCTTY,
	                            FILE_MODE);

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode))
		return -ENXIO;
	if (ret_st->st_uid != geteuid())
		return -EPERM;
	if ((ret_st->st_mode & OTHERS) != 0 && fchmod(fd, FILE_MODE) < 0)
		return -errno;
	return take_fd(&fd);
}

/* Folders are made below our own or root's only: with another's HOME, as some
 * settings of sudo have it, that one would be left with folders of ours. */
static int check_ancestor(const char *path)
{
	char folder[PATH_MAX];
	struct stat st;
	char *slash;

	(void)snprintf(folder, sizeof(folder), "%s", path);
	do {
		slash = strrchr(folder, '/');
		if (!slash)
			return 0;
		*slash = '\0';
	} while (*folder && stat(folder, &st) < 0 && errno == ENOENT);
	if (*folder && stat(folder, &st) < 0)
		return -errno;
	return !*folder || st.st_uid == 0 || st.st_uid == geteuid() ? 0
	                                                            : -EPERM;
}

/* Where links lead is looked at once: SQLite is then told to follow none. */
static int resolve_folder(const char *path, char ret_path[PATH_MAX])
{
	cleanup_free char *folder = NULL, *real = NULL;
	const char *slash = strrchr(path, '/');
	struct stat st;
	int len;

	folder = slash ? strndup(path, (size_t)(slash - path) + 1)
	               : strdup(".");
	if (!folder)
		return -ENOMEM;
	real = realpath(folder, NULL);
	if (!real || stat(real, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return -EPERM;
	len = snprintf(ret_path, PATH_MAX, "%s/%s", real,
	               slash ? slash + 1 : path);
	return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int prepare(struct journal *journal, const char *path)
{
	struct stat st;
	int fd, rc;

	rc = check_ancestor(path);
	if (rc == 0)
		rc = state_path_make_folders(path);
	if (rc == 0)
		rc = resolve_folder(path, journal->path);
	if (rc < 0)
		return rc;
	/* Before SQLite has it: closing any descriptor of a file gives back
	 * the locks that the process has on it (fcntl(2)). */
	fd = journal_file_open(journal->path, &st);
	if (fd < 0)
		return fd;
	(void)close(fd);
	journal->device = st.st_dev;
	journal->inode = st.st_ino;
	return 0;
}

int journal_file_prepare(struct journal *journal, const char *path,
                         char why[JOURNAL_WHY_MAX])
{
	const struct state_path_env env = state_path_read_env();
	char usual[PATH_MAX];
	int rc;

	if (!path) {
		rc = state_path_usual(&env, STATE_PATH_JOURNAL, usual);
		if (rc < 0) {
			(void)snprintf(why, JOURNAL_WHY_MAX,
			               "there is no home for it: neither "
			               "XDG_STATE_HOME nor HOME is set");
			return rc;
		}
		path = usual;
	}
	rc = prepare(journal, path);
	return rc < 0 ? journal_file_say(why, path, rc) : 0;
}

/* What is left of a transaction goes along with its file. */
static int move(const struct journal *journal)
{
	char aside[NAME_SIZE], rest[NAME_SIZE], rest_aside[NAME_SIZE];

	(void)snprintf(aside, sizeof(aside), "%s.aside", journal->path);
	(void)snprintf(rest, sizeof(rest), "%s-journal", journal->path);
	(void)snprintf(rest_aside, sizeof(rest_aside), "%s.aside-journal",
	               journal->path);
	if (rename(rest, rest_aside) < 0)
		(void)unlink(rest_aside);
	return rename(journal->path, aside) < 0 ? -errno : 0;
}

int journal_file_put_aside(struct journal *journal)
{
	struct stat st;
	int rc = owner_begin_aside(journal);

	if (rc < 0)
		return rc;
	if (lstat(journal->path, &st) < 0) {
		rc = errno == ENOENT ? 0 : -errno;
	} else if (st.st_dev == journal->device &&
	           st.st_ino == journal->inode) {
		rc = move(journal);
	}
	owner_end_aside(journal);
	return rc;
}
