#include "client/cache/temp_file.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_PREFIX ".nixcache-"
#define NAME_SUFFIX ".tmp"
#define RANDOM_LEN  8
#define NAME_LEN                                            \
	(sizeof(NAME_PREFIX) - 1 + (size_t)RANDOM_LEN * 2 + \
	 sizeof(NAME_SUFFIX) - 1)
#define TRIES_MAX 8

/* The length of the directory part, without the slash that ends it. */
static size_t directory_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static int make_name(const char *final_path, char out[TEMP_FILE_PATH_MAX])
{
	uint8_t random[RANDOM_LEN];
	char digits[RANDOM_LEN * 2 + 1];
	int len;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	text_hex(random, sizeof(random), digits);
	len = snprintf(out, TEMP_FILE_PATH_MAX,
	               "%.*s/" NAME_PREFIX "%s" NAME_SUFFIX,
	               (int)directory_len(final_path), final_path, digits);
	return len < 0 || len >= TEMP_FILE_PATH_MAX ? -ENAMETOOLONG : 0;
}

static int make_directories(const char *file_path)
{
	char path[TEMP_FILE_PATH_MAX];
	size_t len = directory_len(file_path);

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, file_path, len);
	path[len] = '\0';
	for (size_t i = 1; i <= len; i++) {
		if (i < len && path[i] != '/')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (i < len)
			path[i] = '/';
	}
	return 0;
}

/* A directory that is made may be taken away again, by another who has just
 * deleted the last object in it. */
static int create(const char *path)
{
	int fd = -1;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		int rc;

		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != ENOENT)
			break;
		rc = make_directories(path);
		if (rc < 0)
			return rc;
		errno = ENOENT;
	}
	return fd < 0 ? -errno : fd;
}

/* Between its creation and its lock a cleaner may take the file for a dead
 * one's.  1: it is ours; 0: it was taken, make another. */
static int lock_new(int fd)
{
	struct stat st;

	/* Where files cannot be locked, cleaners go by age. */
	if (flock(fd, LOCK_EX) < 0 && errno == EINTR)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_nlink > 0;
}

int temp_file_open(const char *final_path, struct temp_file *ret_file)
{
	for (unsigned i = 0; i < TRIES_MAX; i++) {
		cleanup_close int fd = -1;
		int rc;

		rc = make_name(final_path, ret_file->path);
		if (rc < 0)
			return rc;
		fd = create(ret_file->path);
		if (fd == -EEXIST)
			continue;
		if (fd < 0)
			return fd;
		rc = lock_new(fd);
		if (rc == 1) {
			ret_file->fd = take_fd(&fd);
			return 0;
		}
		(void)unlink(ret_file->path);
		if (rc < 0)
			return rc;
	}
	return -EEXIST;
}

int temp_file_write(struct temp_file *file, const void *data, size_t len)
{
	return fd_write_full(file->fd, data, len);
}

static int sync_directory(const char *file_path)
{
	char path[TEMP_FILE_PATH_MAX];
	cleanup_close int fd = -1;
	size_t len = directory_len(file_path);

	memcpy(path, file_path, len + 1);
	path[len + 1] = '\0';
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Not every file system can sync a directory. */
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

static int end_commit(struct temp_file *file, const char *final_path, int rc)
{
	if (rc < 0) {
		temp_file_discard(file);
		return rc;
	}
	(void)close(take_fd(&file->fd));
	return sync_directory(final_path);
}

int temp_file_commit(struct temp_file *file, const char *final_path)
{
	int rc = 0;

	if (fsync(file->fd) < 0 || rename(file->path, final_path) < 0)
		rc = -errno;
	return end_commit(file, final_path, rc);
}

/* Not every file system has the flag (NFS has not: renameat2(2)); those have
 * hard links. */
static int rename_new(const char *path, const char *final_path)
{
	if (renameat2(AT_FDCWD, path, AT_FDCWD, final_path, RENAME_NOREPLACE) ==
	    0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(path, final_path) < 0)
		return -errno;
	(void)unlink(path);
	return 0;
}

int temp_file_commit_new(struct temp_file *file, const char *final_path)
{
	int rc = fsync(file->fd) < 0 ? -errno : 0;

	if (rc == 0)
		rc = rename_new(file->path, final_path);
	return end_commit(file, final_path, rc);
}

void temp_file_discard(struct temp_file *file)
{
	if (file->fd < 0)
		return;
	(void)unlink(file->path);
	(void)close(take_fd(&file->fd));
}

bool temp_file_is_ours(const char *name)
{
	return strlen(name) == NAME_LEN && text_has_prefix(name, NAME_PREFIX) &&
	       text_has_suffix(name, NAME_SUFFIX);
}

/* The lock is asked for without waiting, and held while the file goes. */
static bool is_dead(int fd, int64_t max_age_s)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno == EWOULDBLOCK || fstat(fd, &st) < 0)
		return false;
	return (int64_t)time(NULL) - (int64_t)st.st_mtime > max_age_s;
}

static size_t clean_entry(int directory, const char *name, int64_t max_age_s)
{
	cleanup_close int fd = openat(
		directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || !is_dead(fd, max_age_s))
		return 0;
	return unlinkat(directory, name, 0) == 0 ? 1 : 0;
}

int temp_file_clean(const char *directory, int64_t max_age_s, size_t *count)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	/* cppcheck-suppress readdirCalled ; no other thread has this DIR */
	while ((entry = readdir(dir))) {
		if (temp_file_is_ours(entry->d_name)) {
			*count += clean_entry(dirfd(dir), entry->d_name,
			                      max_age_s);
		}
	}
	(void)closedir(dir);
	return 0;
}
