#include "agent/start/listen.h"
#include "tests/lib/socket_stage.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3 /* sd_listen_fds(3) */

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

static void folder_of(const struct listen_socket *socket,
                      char folder[LISTEN_PATH_SIZE])
{
	(void)snprintf(folder, LISTEN_PATH_SIZE, "%s", socket->path);
	*strrchr(folder, '/') = '\0';
}

static void a_private_place_is_made_and_removed(void)
{
	struct socket_stage stage;
	struct listen_socket one, two;
	char why[256], folder[LISTEN_PATH_SIZE];

	socket_stage_set_up(&stage);
	CHECK(listen_open_private(&one, why, sizeof(why)) == 0);
	CHECK(listen_open_private(&two, why, sizeof(why)) == 0);
	CHECK(strcmp(one.path, two.path) != 0);
	CHECK(strncmp(one.path, stage.folder, strlen(stage.folder)) == 0);
	folder_of(&one, folder);
	CHECK(mode_of(folder) == 0700 && mode_of(one.path) == 0600);
	CHECK(socket_stage_connects(one.path) == 0);

	listen_remove(&one);
	CHECK(access(folder, F_OK) < 0);
	CHECK(socket_stage_connects(two.path) == 0);
	listen_remove(&two);
	(void)close(one.fd);
	(void)close(two.fd);
	socket_stage_tear_down(&stage);
}

static void a_private_place_that_is_too_deep_is_refused(void)
{
	struct listen_socket socket;
	char why[256], deep[LISTEN_PATH_SIZE];

	memset(deep, 'x', sizeof(deep));
	deep[0] = '/';
	deep[sizeof(deep) - sizeof("/nixcache/agent.sock")] = '\0';
	CHECK(setenv("XDG_RUNTIME_DIR", deep, 1) == 0);
	CHECK(listen_open_private(&socket, why, sizeof(why)) == -ENAMETOOLONG);
	CHECK(strstr(why, "socket path") != NULL);
	(void)unsetenv("XDG_RUNTIME_DIR");
}

/* Another agent has taken the place meanwhile. */
static void a_socket_of_somebody_else_is_not_removed(void)
{
	struct socket_stage stage;
	struct listen_socket socket;
	char why[256];
	int other;

	socket_stage_set_up(&stage);
	CHECK(listen_open(NULL, &socket, why, sizeof(why)) == LISTEN_OPENED);
	CHECK(unlink(socket.path) == 0);
	other = socket_stage_listen(socket.path, 1);
	listen_remove(&socket);
	CHECK(socket_stage_connects(socket.path) == 0);
	(void)close(other);
	(void)close(socket.fd);
	(void)close(socket.lock);
	socket_stage_tear_down(&stage);
}

static void an_inherited_socket_is_not_removed(void)
{
	struct socket_stage stage;
	struct listen_socket socket = { .lock = -1 };

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "s", socket.path);
	socket.fd = socket_stage_listen(socket.path, 1);
	listen_remove(&socket);
	CHECK(socket_stage_connects(socket.path) == 0);
	(void)close(socket.fd);
	socket_stage_tear_down(&stage);
}

struct handover {
	int fds[2];      /* -1: none */
	const char *pid; /* NULL: of the receiver */
	const char *count;
	size_t max;
};

/* Descriptors from 3 up, and the variables, as a service manager leaves them
 * behind. */
static void hand_over(const struct handover *handover)
{
	char pid[16];
	int high[2];

	/* The fds may lie where they are to go. */
	for (int i = 0; i < 2; i++) {
		high[i] = handover->fds[i] >= 0
		                  ? fcntl(handover->fds[i], F_DUPFD, 64)
		                  : -1;
	}
	for (int i = 0; i < 2; i++) {
		(void)close(FIRST_FD + i);
		if (high[i] >= 0)
			(void)dup2(high[i], FIRST_FD + i);
	}
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)setenv("LISTEN_PID", handover->pid ? handover->pid : pid, 1);
	(void)setenv("LISTEN_FDS", handover->count, 1);
	(void)setenv("LISTEN_FDNAMES",
	             handover->fds[1] >= 0 ? "agent:agent" : "agent", 1);
}

static int check_taken(const struct listen_socket *socket, int count)
{
	if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") ||
	    getenv("LISTEN_FDNAMES"))
		return 101;
	for (int i = 0; i < count; i++) {
		if (socket[i].fd != FIRST_FD + i || socket[i].is_ours ||
		    socket[i].lock != -1 || socket[i].path[0] != '/')
			return 102;
		if (!(fcntl(socket[i].fd, F_GETFD) & FD_CLOEXEC) ||
		    !(fcntl(socket[i].fd, F_GETFL) & O_NONBLOCK))
			return 103;
	}
	return count;
}

/* What a child takes of it: the count, 100 for a refusal with its sentence,
 * or what was wrong with what it took. */
static int inherit(const struct handover *handover)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct listen_socket sockets[LISTEN_SOCKETS_MAX];
		char why[256] = "";
		int rc;

		hand_over(handover);
		rc = listen_inherit(sockets, handover->max, why, sizeof(why));
		if (rc < 0) {
			_exit(rc == -EINVAL && strstr(why, "LISTEN_FDS") ? 100
			                                                 : 104);
		}
		_exit(check_taken(sockets, rc));
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void listening_sockets_are_taken_over(void)
{
	struct socket_stage stage;
	char path[SOCKET_STAGE_PATH_SIZE];
	int one, two;

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "one", path);
	one = socket_stage_listen(path, 1);
	socket_stage_path(&stage, "two", path);
	two = socket_stage_listen(path, 1);
	CHECK(inherit(&(struct handover){ { one, -1 }, NULL, "1", 8 }) == 1);
	CHECK(inherit(&(struct handover){ { one, two }, NULL, "2", 8 }) == 2);
	CHECK(inherit(&(struct handover){ { one, two }, NULL, "2", 2 }) == 2);
	CHECK(inherit(&(struct handover){ { one, two }, NULL, "2", 1 }) == 100);
	(void)close(one);
	(void)close(two);
	socket_stage_tear_down(&stage);
}

static void what_is_meant_for_another_process_is_left(void)
{
	struct socket_stage stage;
	char path[SOCKET_STAGE_PATH_SIZE];
	int one;

	socket_stage_set_up(&stage);
	socket_stage_path(&stage, "one", path);
	one = socket_stage_listen(path, 1);
	CHECK(inherit(&(struct handover){ { one, -1 }, "1", "1", 8 }) == 0);
	CHECK(inherit(&(struct handover){ { one, -1 }, "", "1", 8 }) == 0);
	CHECK(inherit(&(struct handover){ { one, -1 }, "-5", "1", 8 }) == 0);
	CHECK(inherit(&(struct handover){ { one, -1 }, NULL, "0", 8 }) == 0);
	(void)close(one);
	socket_stage_tear_down(&stage);
}

static void a_wrong_count_is_refused(void)
{
	static const char *const counts[] = { "",  "-1", "x",
		                              "9", "17", "99999999999" };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		CHECK(inherit(&(struct handover){
			      { -1, -1 }, NULL, counts[i], 8 }) == 100);
	}
}

static int other_socket(int family, int type, const struct sockaddr *address,
                        socklen_t size)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	if (address)
		CHECK(bind(fd, address, size) == 0 && listen(fd, 1) == 0);
	return fd;
}

static void what_is_no_socket_with_a_path_is_refused(void)
{
	const struct sockaddr_un nameless = { .sun_family = AF_UNIX };
	const struct sockaddr_in loopback = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_un packets = { .sun_family = AF_UNIX };
	struct socket_stage stage;
	int fds[6];

	socket_stage_set_up(&stage);
	(void)snprintf(packets.sun_path, sizeof(packets.sun_path), "%s/p",
	               stage.folder);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = other_socket(AF_UNIX, SOCK_STREAM, NULL, 0);
	fds[2] = other_socket(AF_INET, SOCK_STREAM,
	                      (const struct sockaddr *)&loopback,
	                      sizeof(loopback));
	/* Linux gives it an abstract name: unix(7), "autobind" */
	fds[3] = other_socket(AF_UNIX, SOCK_STREAM,
	                      (const struct sockaddr *)&nameless,
	                      sizeof(sa_family_t));
	fds[4] = other_socket(AF_UNIX, SOCK_SEQPACKET,
	                      (const struct sockaddr *)&packets,
	                      sizeof(packets));
	fds[5] = -1;
	for (size_t i = 0; i < 6; i++) {
		int rc = inherit(
			&(struct handover){ { fds[i], -1 }, NULL, "1", 8 });

		if (rc != 100)
			(void)printf("# descriptor %zu: %d\n", i, rc);
		CHECK(rc == 100);
	}
	for (size_t i = 0; i < 5; i++)
		(void)close(fds[i]);
	socket_stage_tear_down(&stage);
}

static const struct test tests[] = {
	{ "a private place is made and removed",
	  a_private_place_is_made_and_removed },
	{ "a private place that is too deep is refused",
	  a_private_place_that_is_too_deep_is_refused },
	{ "a socket of somebody else is not removed",
	  a_socket_of_somebody_else_is_not_removed },
	{ "an inherited socket is not removed",
	  an_inherited_socket_is_not_removed },
	{ "listening sockets are taken over",
	  listening_sockets_are_taken_over },
	{ "what is meant for another process is left",
	  what_is_meant_for_another_process_is_left },
	{ "a wrong count is refused", a_wrong_count_is_refused },
	{ "what is no stream socket with a path is refused",
	  what_is_no_socket_with_a_path_is_refused },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
