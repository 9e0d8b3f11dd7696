#include "tests/bench/object_folder.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define CHUNK       ((size_t)256 * 1024)
#define PARTS_MAX   10000
#define FOLDER_MODE 0700
#define FILE_MODE   0600

static int receive_some(struct incoming *in, uint8_t *chunk, size_t *ret_len)
{
	size_t want = in->len < CHUNK ? (size_t)in->len : CHUNK;
	ssize_t n;

	if (in->early.len > 0) {
		n = (ssize_t)(in->early.len < want ? in->early.len : want);
		memcpy(chunk, in->early.data, (size_t)n);
		in->early.data += n;
		in->early.len -= (size_t)n;
	} else {
		n = recv(in->socket, chunk, want, 0);
	}
	if (n <= 0)
		return n == 0 ? -EPIPE : -errno;
	in->len -= (uint64_t)n;
	*ret_len = (size_t)n;
	return 0;
}

/* fd -1: to nowhere. */
static int receive_all(struct incoming *in, int fd)
{
	cleanup_free uint8_t *chunk = malloc(CHUNK);
	int rc = chunk ? 0 : -ENOMEM;

	while (rc == 0 && in->len > 0) {
		size_t len = 0;

		rc = receive_some(in, chunk, &len);
		if (rc == 0 && fd >= 0)
			rc = fd_write_full(fd, chunk, len);
	}
	return rc;
}

int incoming_skip(struct incoming *in)
{
	return receive_all(in, -1);
}

static bool is_inside(const char *key)
{
	return key[0] != '\0' && key[0] != '/' && !strstr(key, "..");
}

static int make_parents(int folder, const char *key)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s", key);
	for (char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdirat(folder, path, FOLDER_MODE) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return 0;
}

/* Under another name until it is whole; one thread writes one file. */
static int create(int folder, const char *key, char temporary[PATH_MAX],
                  int *ret_fd)
{
	int rc;

	if (!is_inside(key))
		return -EINVAL;
	rc = make_parents(folder, key);
	if (rc < 0)
		return rc;
	(void)snprintf(temporary, PATH_MAX, ".new-%lx",
	               (unsigned long)pthread_self());
	*ret_fd = openat(folder, temporary,
	                 O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
	return *ret_fd < 0 ? -errno : 0;
}

static int name_it(int folder, const char *temporary, const char *key)
{
	return renameat(folder, temporary, folder, key) < 0 ? -errno : 0;
}

int object_put(int folder, const char *key, struct incoming *in)
{
	cleanup_close int fd = -1;
	char temporary[PATH_MAX];
	int rc = create(folder, key, temporary, &fd);

	if (rc == 0)
		rc = receive_all(in, fd);
	return rc == 0 ? name_it(folder, temporary, key) : rc;
}

int object_open(int folder, const char *key, int *ret_fd, off_t *ret_size)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (!is_inside(key))
		return -EINVAL;
	fd = openat(folder, key, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	*ret_size = st.st_size;
	*ret_fd = take_fd(&fd);
	return 0;
}

int object_remove(int folder, const char *key)
{
	if (!is_inside(key))
		return -EINVAL;
	return unlinkat(folder, key, 0) < 0 ? -errno : 0;
}

static void name_part(const char *upload, unsigned part, char key[PATH_MAX])
{
	(void)snprintf(key, PATH_MAX, ".parts/%s/%u", upload, part);
}

int object_put_part(int folder, const char *upload, unsigned part,
                    struct incoming *in)
{
	char key[PATH_MAX];

	name_part(upload, part, key);
	return object_put(folder, key, in);
}

static int append_part(int folder, const char *key, int out)
{
	cleanup_close int fd = -1;
	off_t left = 0;
	int rc = object_open(folder, key, &fd, &left);

	while (rc == 0 && left > 0) {
		ssize_t n = sendfile(out, fd, NULL, (size_t)left);

		if (n <= 0)
			return n == 0 ? -EIO : -errno;
		left -= n;
	}
	return rc == 0 ? object_remove(folder, key) : rc;
}

int object_assemble(int folder, const char *upload, const char *key)
{
	cleanup_close int out = -1;
	char temporary[PATH_MAX];
	unsigned part = 0;
	int rc = create(folder, key, temporary, &out);

	while (rc == 0 && part < PARTS_MAX) {
		char part_key[PATH_MAX];

		name_part(upload, ++part, part_key);
		rc = append_part(folder, part_key, out);
	}
	if (rc < 0 && (rc != -ENOENT || part <= 1))
		return rc;
	return name_it(folder, temporary, key);
}
