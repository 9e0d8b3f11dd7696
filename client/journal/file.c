#include "client/journal/file.h"

#include "client/journal/owner.h"
#include "protocol/base/state_path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
		return "is damaged, and open in another process";
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

	(void)snprintf(folder, sizeof(folder), "%s", path);
	for (char *slash = strrchr(folder, '/'); slash && slash > folder;
	     slash = strrchr(folder, '/')) {
		*slash = '\0';
		if (stat(folder, &st) == 0) {
			return st.st_uid == 0 || st.st_uid == geteuid()
			               ? 0
			               : -EPERM;
		}
		if (errno != ENOENT)
			return -errno;
	}
	return 0;
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

static int find_path(struct journal *journal, const char *path)
{
	int rc = check_ancestor(path);

	if (rc == 0)
		rc = state_path_make_folders(path);
	return rc < 0 ? rc : resolve_folder(path, journal->path);
}

static int enter(struct journal *journal, char why[JOURNAL_WHY_MAX])
{
	char lock[NAME_SIZE];
	int rc = owner_enter(journal);

	if (rc == 0)
		return 0;
	owner_format_path(journal, lock, sizeof(lock));
	return journal_file_say(why, lock, rc);
}

/* Before SQLite has it: closing any descriptor of a file gives back the locks
 * that the process has on it (fcntl(2)). */
static int look(struct journal *journal)
{
	struct stat st = { .st_ino = 0 };
	int fd = journal_file_open(journal->path, &st);

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
	rc = find_path(journal, path);
	if (rc < 0)
		return journal_file_say(why, path, rc);
	rc = enter(journal, why);
	if (rc < 0)
		return rc;
	rc = look(journal);
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

static bool is_there(const struct journal *journal)
{
	struct stat st;

	return lstat(journal->path, &st) == 0 && st.st_dev == journal->device &&
	       st.st_ino == journal->inode;
}

int journal_file_put_aside(struct journal *journal)
{
	int rc = 0;

	for (int waited_ms = 0; waited_ms <= JOURNAL_WAIT_MS;
	     waited_ms += OWNER_STEP_MS) {
		rc = owner_try_alone(journal);
		if (rc == 0 && is_there(journal))
			rc = move(journal);
		owner_leave(journal);
		if (rc != -EBUSY || !is_there(journal))
			break;
		(void)poll(NULL, 0, OWNER_STEP_MS);
	}
	return rc == -EBUSY && !is_there(journal) ? 0 : rc;
}
