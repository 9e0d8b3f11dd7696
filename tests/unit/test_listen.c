#include "agent/start/listen.h"
#include "tests/lib/socket_stage.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHER_USER 65534

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

static void drop(struct listen_socket *socket)
{
	if (socket->fd >= 0)
		(void)close(socket->fd);
	if (socket->lock >= 0)
		(void)close(socket->lock);
	socket->fd = -1;
	socket->lock = -1;
}

/* What listen_open() says of a path; an opened socket is closed and stays. */
static int open_and_drop(const char *path, char *why, size_t why_size)
{
	struct listen_socket socket = { .fd = -1, .lock = -1 };
	int rc = listen_open(path, &socket, why, why_size);

	drop(&socket);
	return rc;
}

static void the_usual_place_is_made_and_closed_to_others(void)
{
	struct socket_stage stage;
	struct listen_socket socket;
	char why[256], path[SOCKET_STAGE_PATH_SIZE];

	socket_stage_set_up(&stage);
	CHECK(listen_open(NULL, &socket, why, sizeof(why)) == LISTEN_OPENED);
	socket_stage_path(&stage, "nixcache/agent.sock", path);
	CHECK(strcmp(socket.path, path) == 0);
	CHECK(mode_of(path) == 0600);
	socket_stage_path(&stage, "nixcache", path);
	CHECK(mode_of(path) == 0700);
	CHECK(socket_stage_connects(socket.path) == 0);
	CHECK(fcntl(socket.fd, F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(socket.fd, F_GETFL) & O_NONBLOCK);
	listen_remove(&socket);
	CHECK(access(socket.path, F_OK) < 0);
	drop(&socket);
	socket_stage_tear_down(&stage);
}

static void no_mask_makes_the_socket_wider(void)
{
	static const mode_t masks[] = { 0, 022, 077, 0177, 0277, 0777 };
	struct socket_stage stage;
	char why[256], path[SOCKET_STAGE_PATH_SIZE];

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "s", path);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		mode_t old = umask(masks[i]);

		CHECK(open_and_drop(path, why, sizeof(why)) == LISTEN_OPENED);
		(void)umask(old);
		if (mode_of(path) != 0600) {
			(void)printf("# umask %03o: mode %03o\n", masks[i],
			             mode_of(path));
		}
		CHECK(mode_of(path) == 0600);
	}
	socket_stage_tear_down(&stage);
}

static void a_stale_socket_is_replaced(void)
{
	struct socket_stage stage;
	struct listen_socket socket;
	char why[256], path[SOCKET_STAGE_PATH_SIZE];

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "s", path);
	(void)close(socket_stage_listen(path, 1));
	CHECK(socket_stage_connects(path) == -ECONNREFUSED);
	CHECK(listen_open(path, &socket, why, sizeof(why)) == LISTEN_OPENED);
	CHECK(socket_stage_connects(path) == 0);
	drop(&socket);
	socket_stage_tear_down(&stage);
}

static void a_living_agent_is_found_and_left_alone(void)
{
	struct socket_stage stage;
	struct listen_socket socket = { .fd = -1, .lock = -1 };
	char why[256], path[SOCKET_STAGE_PATH_SIZE];
	int other;

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "s", path);
	other = socket_stage_listen(path, 8);
	CHECK(listen_open(path, &socket, why, sizeof(why)) == LISTEN_ALIVE);
	CHECK(strcmp(socket.path, path) == 0 && socket.fd == -1);
	CHECK(socket_stage_connects(path) == 0);
	(void)close(other);
	socket_stage_tear_down(&stage);
}

/* A busy agent is not a dead one. */
static void an_agent_with_a_full_backlog_is_alive(void)
{
	struct socket_stage stage;
	struct listen_socket socket = { .fd = -1, .lock = -1 };
	char why[256], path[SOCKET_STAGE_PATH_SIZE];
	int other, waiting[64];
	size_t count = 0;

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "s", path);
	other = socket_stage_listen(path, 0);
	do {
		waiting[count] = socket_stage_connect(path);
	} while (waiting[count] >= 0 && ++count < 64);
	CHECK(count > 0 && count < 64 && waiting[count] == -EAGAIN);
	CHECK(listen_open(path, &socket, why, sizeof(why)) == LISTEN_ALIVE);
	for (size_t i = 0; i < count; i++)
		(void)close(waiting[i]);
	(void)close(other);
	socket_stage_tear_down(&stage);
}

/* connect(2) refuses a plain file as it refuses a dead socket. */
static void a_file_that_is_no_socket_is_never_replaced(void)
{
	struct socket_stage stage;
	char why[256], path[SOCKET_STAGE_PATH_SIZE];
	char text[8] = "";
	int fd;

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "notes", path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, "dear", 4) == 4);
	(void)close(fd);
	CHECK(open_and_drop(path, why, sizeof(why)) < 0);
	CHECK(strstr(why, "notes") != NULL);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 4);
	CHECK(memcmp(text, "dear", 4) == 0);
	(void)close(fd);

	socket_stage_path(&stage, "folder", path);
	CHECK(mkdir(path, 0700) == 0);
	CHECK(open_and_drop(path, why, sizeof(why)) < 0);
	socket_stage_tear_down(&stage);
}

/* Whoever comes second while the lock is held finds the first alive. */
static void two_starts_at_once_make_one_agent(void)
{
	struct socket_stage stage;
	struct listen_socket first;
	char why[256], path[SOCKET_STAGE_PATH_SIZE];
	int lock, status = 0;
	pid_t pid;

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "s", path);
	CHECK(listen_open(path, &first, why, sizeof(why)) == LISTEN_OPENED);
	socket_stage_path(&stage, "agent.lock", path);
	lock = open(path, O_RDWR | O_CLOEXEC);
	CHECK(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0);
	CHECK(errno == EWOULDBLOCK);
	(void)close(lock);
	pid = fork();
	if (pid == 0) {
		(void)close(first.lock);
		_exit(open_and_drop(first.path, why, sizeof(why)) ==
		                      LISTEN_ALIVE
		              ? 0
		              : 1);
	}
	(void)close(first.lock);
	first.lock = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	drop(&first);
	socket_stage_tear_down(&stage);
}

static void a_directory_open_to_others_is_refused(void)
{
	static const mode_t modes[] = { 0755, 0710, 0701, 0720 };
	struct socket_stage stage;
	char why[256], path[SOCKET_STAGE_PATH_SIZE];

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "nixcache", path);
	CHECK(mkdir(path, 0700) == 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		CHECK(chmod(path, modes[i]) == 0);
		CHECK(open_and_drop(NULL, why, sizeof(why)) == -EPERM);
		CHECK(strstr(why, path) && strstr(why, "chmod 700"));
	}
	CHECK(chmod(path, 0700) == 0);
	CHECK(open_and_drop(NULL, why, sizeof(why)) == LISTEN_OPENED);
	socket_stage_tear_down(&stage);
}

static void a_directory_of_somebody_else_is_refused(void)
{
	struct socket_stage stage;
	char path[SOCKET_STAGE_PATH_SIZE];

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "nixcache", path);
	CHECK(mkdir(path, 0700) == 0);
	if (chown(path, OTHER_USER, OTHER_USER) == 0) {
		char why[256];

		CHECK(open_and_drop(NULL, why, sizeof(why)) == -EPERM);
	} else {
		(void)printf("# not root: cannot give a directory away\n");
	}
	socket_stage_tear_down(&stage);
}

static void a_directory_behind_a_link_is_refused(void)
{
	struct socket_stage stage;
	char why[256], path[SOCKET_STAGE_PATH_SIZE];

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "real", path);
	CHECK(mkdir(path, 0700) == 0);
	socket_stage_path(&stage, "nixcache", path);
	CHECK(symlink("real", path) == 0);
	CHECK(open_and_drop(NULL, why, sizeof(why)) < 0);
	CHECK(strstr(why, path) != NULL);
	socket_stage_tear_down(&stage);
}

static void a_chosen_path_may_lie_in_an_open_directory(void)
{
	struct socket_stage stage;
	char why[256], path[SOCKET_STAGE_PATH_SIZE];

	socket_stage_set_up(&stage);
	CHECK(chmod(stage.folder, 0755) == 0);
	socket_stage_path(&stage, "s", path);
	CHECK(open_and_drop(path, why, sizeof(why)) == LISTEN_OPENED);
	socket_stage_path(&stage, "missing/s", path);
	CHECK(open_and_drop(path, why, sizeof(why)) == -ENOENT);
	CHECK(access(path, F_OK) < 0);
	socket_stage_tear_down(&stage);
}

static void a_path_of_107_bytes_is_the_longest(void)
{
	struct socket_stage stage;
	char why[256], path[LISTEN_PATH_SIZE + 1];
	size_t len;

	socket_stage_set_up(&stage);
	len = strlen(stage.folder);
	memset(path, 'x', sizeof(path));
	memcpy(path, stage.folder, len);
	path[len] = '/';
	path[LISTEN_PATH_SIZE] = '\0';
	CHECK(open_and_drop(path, why, sizeof(why)) == -ENAMETOOLONG);
	CHECK(strstr(why, "socket path") != NULL);
	path[LISTEN_PATH_SIZE - 1] = '\0';
	CHECK(open_and_drop(path, why, sizeof(why)) == LISTEN_OPENED);
	CHECK(socket_stage_connects(path) == -ECONNREFUSED);
	socket_stage_tear_down(&stage);
}

static void without_a_place_the_option_is_named(void)
{
	struct socket_stage stage;
	char why[256];

	socket_stage_set_up(&stage);
	(void)unsetenv("XDG_RUNTIME_DIR");
	(void)unsetenv("HOME");
	CHECK(open_and_drop(NULL, why, sizeof(why)) == -ENOENT);
	CHECK(strstr(why, "-a PATH") != NULL);
	socket_stage_tear_down(&stage);
}

static const struct test tests[] = {
	{ "the usual place is made, and closed to others",
	  the_usual_place_is_made_and_closed_to_others },
	{ "the socket's mode is 0600 under any umask",
	  no_mask_makes_the_socket_wider },
	{ "a stale socket is replaced", a_stale_socket_is_replaced },
	{ "a living agent is found and left alone",
	  a_living_agent_is_found_and_left_alone },
	{ "an agent with a full backlog is alive",
	  an_agent_with_a_full_backlog_is_alive },
	{ "a file that is no socket is never replaced",
	  a_file_that_is_no_socket_is_never_replaced },
	{ "two starts at once make one agent",
	  two_starts_at_once_make_one_agent },
	{ "a directory open to others is refused",
	  a_directory_open_to_others_is_refused },
	{ "a directory of somebody else is refused",
	  a_directory_of_somebody_else_is_refused },
	{ "a directory behind a link is refused",
	  a_directory_behind_a_link_is_refused },
	{ "a chosen path may lie in an open directory",
	  a_chosen_path_may_lie_in_an_open_directory },
	{ "a path of 107 bytes is the longest",
	  a_path_of_107_bytes_is_the_longest },
	{ "without a place the option is named",
	  without_a_place_the_option_is_named },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
