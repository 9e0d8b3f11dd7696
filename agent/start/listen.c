#include "agent/start/listen.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"
#include "protocol/varlink/socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTEN_BACKLOG 64
#define SOCKET_MODE    0600
#define DIRECTORY_MODE 0700

static const struct listen_file usual_file = { .mode = SOCKET_MODE };

static int fail(int rc, char *why, size_t why_size, const char *what,
                const char *path)
{
	(void)snprintf(why, why_size, "%s: %s: %s", path, what, strerror(-rc));
	return rc;
}

/* Makes the missing directories of path (all but its last part) below the
 * runtime directory or the home: these are not ours to make. */
static int make_parents(const char *path, const struct socket_path_env *env)
{
	const char *base = env->home ? env->home : "";
	char dir[LISTEN_PATH_SIZE];

	if (env->runtime_dir && text_has_prefix(path, env->runtime_dir))
		base = env->runtime_dir;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	for (char *slash = strchr(dir + strlen(base) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(dir, DIRECTORY_MODE) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* The directory of the socket, opened.  A private one must be ours alone. */
static int open_directory(const char *path, bool is_private, char *why,
                          size_t why_size)
{
	char dir[LISTEN_PATH_SIZE];
	cleanup_close int fd = -1;
	struct stat st;
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash) {
		*slash = '\0';
	} else {
		(void)snprintf(dir, sizeof(dir), ".");
	}

	fd = open(slash == dir ? "/" : dir,
	          O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	                  (is_private ? O_NOFOLLOW : 0));
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(-errno, why, why_size, "open directory", dir);
	if (is_private && (st.st_uid != geteuid() || (st.st_mode & 077) != 0)) {
		(void)snprintf(why, why_size,
		               "%s: must belong to you and be closed to others "
		               "(chmod 700), or choose another socket with -a",
		               dir);
		return -EPERM;
	}
	return take_fd(&fd);
}

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret_address->sun_path, path, strlen(path) + 1);
	return 0;
}

/* What is there and is no socket is somebody's file: connect(2) refuses it as
 * it refuses a dead socket. */
static int check_replaceable(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISSOCK(st.st_mode) ? 0 : -ENOTSOCK;
}

/* 1 alive, 0 nobody.  A full backlog (EAGAIN) is a busy agent, not a dead
 * one; only a refusal means that nobody listens. */
static int is_alive(const char *path)
{
	cleanup_close int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	int rc;

	if (fd < 0)
		return -errno;
	rc = address_of(path, &address);
	if (rc < 0)
		return rc;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	    errno == EAGAIN)
		return 1;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

static int lock_directory(int directory, const char *name)
{
	cleanup_close int fd = openat(directory, name,
	                              O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	                              SOCKET_MODE);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return -errno;
	return take_fd(&fd);
}

/* Binds under a temporary name, then renames over the old socket: whoever
 * connects meets either the old file or a listening one.  The mode is set
 * before bind(2), so that it is never wider, and after it, since the umask may
 * have taken from it. */
static int bind_in_place(int directory, const char *name,
                         const struct listen_file *file,
                         struct listen_socket *out)
{
	cleanup_close int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char temporary[32];
	struct stat st;

	(void)snprintf(temporary, sizeof(temporary), ".agent.%d",
	               (int)getpid());
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
	               "/proc/self/fd/%d/%s", directory, temporary);
	if (fd < 0 || fchmod(fd, SOCKET_MODE) < 0)
		return -errno;
	(void)unlinkat(directory, temporary, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0)
		return -errno;
	if (fchownat(directory, temporary, (uid_t)-1,
	             file->has_gid ? file->gid : (gid_t)-1,
	             AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(directory, temporary, file->mode, AT_SYMLINK_NOFOLLOW) <
	            0 ||
	    fstatat(directory, temporary, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    renameat(directory, temporary, directory, name) < 0) {
		int rc = -errno;

		(void)unlinkat(directory, temporary, 0);
		return rc;
	}
	out->fd = take_fd(&fd);
	out->is_ours = 1;
	out->device = st.st_dev;
	out->inode = st.st_ino;
	return 0;
}

/* Where a socket goes. */
struct folder {
	int fd; /* borrowed */
	const char *lock_name;
};

static int open_in(const struct folder *folder, const struct listen_file *file,
                   struct listen_socket *out, char *why, size_t why_size)
{
	const char *slash = strrchr(out->path, '/');
	cleanup_close int lock = lock_directory(folder->fd, folder->lock_name);
	int rc;

	if (lock < 0) {
		return fail(lock, why, why_size, "lock the directory of",
		            out->path);
	}

	rc = check_replaceable(out->path);
	if (rc < 0)
		return fail(rc, why, why_size, "replace", out->path);
	rc = is_alive(out->path);
	if (rc > 0)
		return LISTEN_ALIVE;
	if (rc < 0)
		return fail(rc, why, why_size, "connect", out->path);

	rc = bind_in_place(folder->fd, slash ? slash + 1 : out->path, file,
	                   out);
	if (rc < 0)
		return fail(rc, why, why_size, "listen", out->path);
	out->lock = take_fd(&lock);
	return LISTEN_OPENED;
}

int listen_open(const char *path, struct listen_socket *ret_socket, char *why,
                size_t why_size)
{
	struct listen_socket out = { .fd = -1, .lock = -1, .scope = "owner" };
	struct folder folder = { .lock_name = "agent.lock" };
	cleanup_close int directory = -1;
	const struct socket_path_env env = socket_path_read_env();
	char usual[SOCKET_PATH_SIZE] = "";
	int rc;

	if (!path) {
		rc = socket_path_usual(&env, usual);
		if (rc < 0) {
			(void)snprintf(
				why, why_size,
				"neither XDG_RUNTIME_DIR nor HOME gives a "
				"usable path for the socket: use -a PATH");
			return rc;
		}
	}
	if (strlen(path ? path : usual) >= sizeof(out.path)) {
		return fail(-ENAMETOOLONG, why, why_size, "socket path",
		            path ? path : usual);
	}
	(void)snprintf(out.path, sizeof(out.path), "%s", path ? path : usual);

	rc = path ? 0 : make_parents(out.path, &env);
	if (rc < 0)
		return fail(rc, why, why_size, "make its directory", out.path);
	directory = open_directory(out.path, !path, why, why_size);
	if (directory < 0)
		return directory;

	folder.fd = directory;
	rc = open_in(&folder, &usual_file, &out, why, why_size);
	if (rc >= 0)
		*ret_socket = out;
	return rc;
}

/* Others may come into the folder, but not put a socket of theirs in place of
 * ours. */
static int check_shared(int directory, const char *path, char *why,
                        size_t why_size)
{
	struct stat st;

	if (fstat(directory, &st) < 0)
		return fail(-errno, why, why_size, "look at folder of", path);
	if ((st.st_uid != geteuid() && st.st_uid != 0) ||
	    ((st.st_mode & 022) != 0 && !(st.st_mode & S_ISVTX))) {
		(void)snprintf(why, why_size,
		               "%s: others could replace it: its folder must "
		               "belong to you or root, and be writable by "
		               "nobody else (chmod go-w) or sticky",
		               path);
		return -EPERM;
	}
	return 0;
}

/* Its lock has a name of its own: several sockets may be in one folder, and
 * somebody else's lock may be there. */
int listen_open_extra(const struct listen_extra *extra,
                      struct listen_socket *ret_socket, char *why,
                      size_t why_size)
{
	struct listen_socket out = { .fd = -1, .lock = -1 };
	const char *path = extra->path, *slash = strrchr(path, '/');
	cleanup_close int directory = -1;
	char lock_name[LISTEN_PATH_SIZE + sizeof("..lock")];
	struct folder folder = { .lock_name = lock_name };
	int rc;

	if (strlen(path) >= sizeof(out.path)) {
		return fail(-ENAMETOOLONG, why, why_size, "socket path", path);
	}
	(void)snprintf(out.path, sizeof(out.path), "%s", path);
	(void)snprintf(out.scope, sizeof(out.scope), "%s", extra->scope);
	(void)snprintf(lock_name, sizeof(lock_name), ".%s.lock",
	               slash ? slash + 1 : path);
	directory = open_directory(path, false, why, why_size);
	if (directory < 0)
		return directory;
	folder.fd = directory;
	rc = check_shared(directory, path, why, why_size);
	if (rc == 0)
		rc = open_in(&folder, &extra->file, &out, why, why_size);
	if (rc == LISTEN_ALIVE) {
		(void)snprintf(why, why_size,
		               "%s: another agent listens there already", path);
		return -EADDRINUSE;
	}
	if (rc == 0)
		*ret_socket = out;
	return rc;
}

/* Only a directory made for one command is named so. */
static void remove_private_directory(const char *socket_path)
{
	char dir[LISTEN_PATH_SIZE];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", socket_path);
	slash = strrchr(dir, '/');
	if (slash && slash - dir > 10 && strncmp(slash - 10, "run.", 4) == 0) {
		*slash = '\0';
		(void)rmdir(dir);
	}
}

static int open_private_in(struct listen_socket *out, char *why,
                           size_t why_size)
{
	cleanup_close int directory =
		open_directory(out->path, true, why, why_size);
	int rc;

	if (directory < 0)
		return directory;
	rc = bind_in_place(directory, "agent.sock", &usual_file, out);
	return rc < 0 ? fail(rc, why, why_size, "listen", out->path) : 0;
}

int listen_open_private(struct listen_socket *ret_socket, char *why,
                        size_t why_size)
{
	struct listen_socket out = { .fd = -1, .lock = -1, .scope = "owner" };
	const struct socket_path_env env = socket_path_read_env();
	char usual[SOCKET_PATH_SIZE];
	char *slash;
	int rc, len;

	rc = socket_path_usual(&env, usual);
	if (rc < 0)
		return fail(rc, why, why_size, "find a place for it", "socket");
	slash = strrchr(usual, '/');
	if (slash)
		*slash = '\0';
	len = snprintf(out.path, sizeof(out.path), "%s/run.XXXXXX/agent.sock",
	               usual);
	if (len >= (int)sizeof(out.path))
		return fail(-ENAMETOOLONG, why, why_size, "socket path", usual);

	out.path[(size_t)len - strlen("/agent.sock")] = '\0';
	rc = make_parents(out.path, &env);
	if (rc == 0 && !mkdtemp(out.path))
		rc = -errno;
	if (rc < 0)
		return fail(rc, why, why_size, "make a directory", out.path);
	(void)strncat(out.path, "/agent.sock",
	              sizeof(out.path) - strlen(out.path) - 1);

	rc = open_private_in(&out, why, why_size);
	if (rc < 0) {
		remove_private_directory(out.path);
		return rc;
	}
	*ret_socket = out;
	return 0;
}

void listen_remove(const struct listen_socket *socket)
{
	struct stat st;

	if (!socket->is_ours || lstat(socket->path, &st) < 0 ||
	    st.st_dev != socket->device || st.st_ino != socket->inode)
		return;
	(void)unlink(socket->path);
	remove_private_directory(socket->path);
}
