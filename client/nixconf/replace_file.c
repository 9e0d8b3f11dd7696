#include "client/nixconf/replace_file.h"
#include "client/nixconf/nix_conf_files.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define MODE_BITS ((mode_t)07777)

int replace_file_make_folder(const char *path)
{
	cleanup_free char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST && errno != EROFS)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* Without a name in it. */
static int folder_of(const char *path, char **ret_folder)
{
	const char *slash = strrchr(path, '/');

	*ret_folder = slash ? strndup(path, (size_t)(slash - path) + 1)
	                    : strdup(".");
	return *ret_folder ? 0 : -ENOMEM;
}

static int resolve(const char *path, char **ret_path)
{
	struct stat st;

	*ret_path = realpath(path, NULL);
	if (*ret_path)
		return 0;
	if (errno != ENOENT)
		return -errno;
	if (lstat(path, &st) == 0)
		return -ENOLINK;
	*ret_path = strdup(path);
	return *ret_path ? 0 : -ENOMEM;
}

/* The folder, since the file itself is another one after each change. */
static int lock_folder(struct replace_file *file)
{
	cleanup_free char *folder = NULL;
	int rc;

	rc = folder_of(file->path, &folder);
	if (rc < 0)
		return rc;
	file->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->folder < 0)
		return -errno;
	/* Some file systems cannot; then two at a time are one's own risk. */
	(void)flock(file->folder, LOCK_EX);
	return 0;
}

int replace_file_open(const char *path, size_t max,
                      struct replace_file *ret_file)
{
	int rc;

	*ret_file = (struct replace_file){ .folder = -1 };
	buffer_init(&ret_file->text, 0);
	rc = resolve(path, &ret_file->path);
	if (rc < 0)
		return rc;
	rc = lock_folder(ret_file);
	if (rc < 0)
		return rc;
	if (stat(ret_file->path, &ret_file->st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(ret_file->st.st_mode))
		return S_ISDIR(ret_file->st.st_mode) ? -EISDIR : -EINVAL;
	ret_file->exists = true;
	return nix_conf_read(ret_file->path, max, &ret_file->text);
}

static int like_before(const struct replace_file *file, int fd, mode_t mode)
{
	struct stat st;

	if (!file->exists)
		return fchmod(fd, mode) < 0 ? -errno : 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != file->st.st_uid || st.st_gid != file->st.st_gid) &&
	    fchown(fd, file->st.st_uid, file->st.st_gid) < 0)
		return -errno;
	return fchmod(fd, file->st.st_mode & MODE_BITS) < 0 ? -errno : 0;
}

static int fill(const struct replace_file *file, int fd, struct bytes text,
                mode_t mode)
{
	int rc;

	rc = like_before(file, fd, mode);
	if (rc < 0)
		return rc;
	rc = fd_write_full(fd, text.data, text.len);
	if (rc < 0)
		return rc;
	return fsync(fd) < 0 ? -errno : 0;
}

int replace_file_save(struct replace_file *file, struct bytes text, mode_t mode)
{
	cleanup_free char *name = NULL;
	cleanup_close int fd = -1;
	int rc;

	if (asprintf(&name, "%s.XXXXXX", file->path) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fill(file, fd, text, mode);
	if (rc == 0 && rename(name, file->path) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)unlink(name);
		return rc;
	}
	return fsync(file->folder) < 0 ? -errno : 0;
}

void replace_file_close(struct replace_file *file)
{
	free(file->path);
	buffer_clear(&file->text);
	close_at(&file->folder);
	*file = (struct replace_file){ .folder = -1 };
}
