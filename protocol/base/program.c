#include "protocol/base/program.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40

static bool is_executable(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	       access(path, X_OK) == 0;
}

/* One entry of PATH.  1: it has the program; 0: not.  An empty or relative
 * entry would mean the working directory. */
static int look_into(const char *entry, size_t len, const char *name,
                     char **ret_path)
{
	cleanup_free char *path = NULL;

	if (entry[0] != '/')
		return 0;
	if (asprintf(&path, "%.*s/%s", (int)len, entry, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (!is_executable(path))
		return 0;

	*ret_path = take_ptr(path);
	return 1;
}

int program_find(const char *name, char **ret_path)
{
	const char *at = getenv("PATH");

	while (at && *at != '\0') {
		size_t len = strcspn(at, ":");
		int rc = look_into(at, len, name, ret_path);

		if (rc != 0)
			return rc < 0 ? rc : 0;
		at += len;
		at += strspn(at, ":");
	}
	return -ENOENT;
}

/* The walk along a path: where it has come to, free of links, and what is
 * left to go. */
struct walk {
	char at[PATH_MAX]; /* "" for the root */
	char left[PATH_MAX];
	int links;
	char *why;
	size_t why_size;
};

static int refuse(struct walk *walk, const char *path, const char *what)
{
	(void)snprintf(walk->why, walk->why_size, "%s: %s", path, what);
	return PROGRAM_UNSAFE;
}

static int missing(struct walk *walk, const char *path, const char *what)
{
	(void)snprintf(walk->why, walk->why_size, "%s: %s", path, what);
	return PROGRAM_MISSING;
}

static bool is_own(const struct stat *status)
{
	return status->st_uid == 0 || status->st_uid == geteuid();
}

/* In a sticky directory others can make names, but not replace ours. */
static int check_directory(struct walk *walk)
{
	const char *path = walk->at[0] != '\0' ? walk->at : "/";
	struct stat status;

	if (lstat(path, &status) < 0)
		return -errno;
	if (!is_own(&status)) {
		return refuse(walk, path,
		              "the directory belongs to another "
		              "user");
	}
	if ((status.st_mode & (S_IWGRP | S_IWOTH)) &&
	    !(status.st_mode & S_ISVTX)) {
		return refuse(walk, path, "others can write to the directory");
	}
	return PROGRAM_OK;
}

/* Takes the first name off left; the empty string at the end. */
static void take_name(struct walk *walk, char name[NAME_MAX + 1])
{
	const char *start = walk->left + strspn(walk->left, "/");
	size_t len = strcspn(start, "/");

	(void)snprintf(name, NAME_MAX + 1, "%.*s", (int)len, start);
	memmove(walk->left, start + len, strlen(start + len) + 1);
}

static int follow(struct walk *walk, const char *path)
{
	cleanup_free char *left = NULL;
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0)
		return -errno;
	if (++walk->links > LINKS_MAX)
		return refuse(walk, path, "too many symbolic links");
	target[len] = '\0';
	if (asprintf(&left, "%s/%s", target, walk->left) < 0) {
		left = NULL;
		return -ENOMEM;
	}
	if (strlen(left) >= sizeof(walk->left))
		return -ENAMETOOLONG;
	memcpy(walk->left, left, strlen(left) + 1);
	if (target[0] == '/')
		walk->at[0] = '\0';
	return PROGRAM_OK;
}

static int check_file(struct walk *walk, const char *path,
                      const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return missing(walk, path, "is not a program");
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return refuse(walk, path, "others can write to it");
	if (access(path, X_OK) < 0)
		return missing(walk, path, "is not executable");
	return PROGRAM_OK;
}

static bool is_at_end(const struct walk *walk)
{
	return walk->left[strspn(walk->left, "/")] == '\0';
}

/* Links and the file itself: their owner, and the directory they are in. */
static int check_entry(struct walk *walk, const char *path,
                       const struct stat *status)
{
	int rc = check_directory(walk);

	if (rc != PROGRAM_OK)
		return rc;
	if (!is_own(status))
		return refuse(walk, path, "belongs to another user");
	if (S_ISLNK(status->st_mode))
		return follow(walk, path);
	return check_file(walk, path, status);
}

static int step(struct walk *walk, const char *name)
{
	cleanup_free char *path = NULL;
	struct stat status;

	if (strcmp(name, ".") == 0)
		return PROGRAM_OK;
	if (strcmp(name, "..") == 0) {
		char *slash = strrchr(walk->at, '/');

		if (slash)
			*slash = '\0';
		return PROGRAM_OK;
	}

	if (asprintf(&path, "%s/%s", walk->at, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (strlen(path) >= sizeof(walk->at))
		return -ENAMETOOLONG;
	if (lstat(path, &status) < 0)
		return missing(walk, path, strerrordesc_np(errno));
	if (S_ISLNK(status.st_mode) || is_at_end(walk))
		return check_entry(walk, path, &status);
	if (!S_ISDIR(status.st_mode))
		return missing(walk, path, "is not a directory");
	memcpy(walk->at, path, strlen(path) + 1);
	return PROGRAM_OK;
}

int program_check(const char *path, char *why, size_t why_size)
{
	struct walk walk = { .why_size = why_size };
	char name[NAME_MAX + 1];
	int rc = PROGRAM_MISSING;

	walk.why = why;
	if (path[0] != '/' || strlen(path) >= sizeof(walk.left))
		return -EINVAL;
	memcpy(walk.left, path, strlen(path) + 1);
	do {
		take_name(&walk, name);
		if (name[0] == '\0')
			break;
		rc = step(&walk, name);
	} while (rc == PROGRAM_OK);
	return rc;
}
