/* test_walls: behind the system call filter, every other wall by itself
 *
 * The vault's preparation without its filter: what the report calls held must
 * refuse on its own, and must not refuse before.
 */
#include "agent/seal/landlock.h"
#include "agent/seal/privileges.h"
#include "agent/seal/seal.h"
#include "protocol/base/cleanup.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ABSTRACT_NAME "nixcache-attack-walls"
#define NOT_HELD      77 /* the kernel does not have it, and the report says so */

enum wall {
	WALL_FILES,
	WALL_SIGNALS,
	WALL_ABSTRACT,
	WALL_NETWORK,
	WALL_CODE,
	WALL_CORE_LIMIT,
	WALL_COUNT,
};

/* The row of the report that promises each, and the refusal. */
static const struct {
	const char *measure;
	int refusal;
} walls[] = {
	[WALL_FILES] = { "Landlock", EACCES },
	[WALL_SIGNALS] = { "Landlock", EPERM },
	[WALL_ABSTRACT] = { "Landlock", EPERM },
	[WALL_NETWORK] = { "own namespaces", ENETUNREACH },
	[WALL_CODE] = { "no new code", EACCES },
	[WALL_CORE_LIMIT] = { "no core files", EPERM },
};
_Static_assert(sizeof(walls) / sizeof(walls[0]) == WALL_COUNT, "all walls");

static int error_of(int rc)
{
	return rc < 0 ? errno : 0;
}

static int connect_abstract(void)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	memcpy(name.sun_path + 1, ABSTRACT_NAME, sizeof(ABSTRACT_NAME) - 1);
	return error_of(connect(fd, (const struct sockaddr *)&name,
	                        offsetof(struct sockaddr_un, sun_path) +
	                                sizeof(ABSTRACT_NAME)));
}

/* A datagram socket is connected without anyone at the other end. */
static int connect_network(void)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};

	return error_of(
		connect(fd, (const struct sockaddr *)&name, sizeof(name)));
}

static int make_code(void)
{
	const void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? errno : 0;
}

static int raise_core_limit(void)
{
	const struct rlimit limit = { 4096, 4096 };

	return error_of(setrlimit(RLIMIT_CORE, &limit));
}

/* 0, or the errno of the refusal. */
static int run_into(enum wall wall)
{
	cleanup_close int fd = -1;

	switch (wall) {
	case WALL_FILES:
		fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
		return error_of(fd);
	case WALL_SIGNALS:
		return error_of(kill(getppid(), 0));
	case WALL_ABSTRACT:
		return connect_abstract();
	case WALL_NETWORK:
		return connect_network();
	case WALL_CODE:
		return make_code();
	case WALL_CORE_LIMIT:
		return raise_core_limit();
	case WALL_COUNT:
		break;
	}
	return 0;
}

static bool is_held(const struct report *report, const char *name)
{
	for (size_t i = 0; i < report->count; i++) {
		if (strcmp(report->measures[i].name, name) == 0)
			return report->measures[i].state == MEASURE_HELD;
	}
	return false;
}

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int hit_plain(enum wall wall)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_into(wall));
	return status_of(pid);
}

/* In a network namespace of its own no abstract socket would be there at all:
 * Landlock's wall is tried without. */
static int build(enum wall wall, pid_t parent, struct report *report)
{
	int rc;

	if (wall == WALL_ABSTRACT) {
		rc = privileges_refuse_new(report);
		landlock_restrict(report);
		return rc;
	}

	rc = seal_start(report);
	if (rc == 0)
		rc = seal_role(parent, report);
	return rc == 0 ? seal_vault_prepare(report) : rc;
}

static int hit_sealed(enum wall wall)
{
	struct report report = { .process = "test" };
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		if (build(wall, parent, &report) < 0)
			_exit(99);
		if (!is_held(&report, walls[wall].measure))
			_exit(NOT_HELD);
		_exit(run_into(wall));
	}
	return status_of(pid);
}

static void check_wall(enum wall wall)
{
	int sealed = hit_sealed(wall);

	if (wall != WALL_CORE_LIMIT)
		CHECK(hit_plain(wall) == 0);
	if (sealed == NOT_HELD)
		(void)printf("# not held here: %s\n", walls[wall].measure);
	CHECK(sealed == walls[wall].refusal || sealed == NOT_HELD);
}

static void no_file_can_be_opened(void)
{
	check_wall(WALL_FILES);
}

static void no_signal_goes_out(void)
{
	check_wall(WALL_SIGNALS);
}

static void no_abstract_socket_is_reached(void)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	memcpy(name.sun_path + 1, ABSTRACT_NAME, sizeof(ABSTRACT_NAME) - 1);
	CHECK(bind(fd, (const struct sockaddr *)&name,
	           offsetof(struct sockaddr_un, sun_path) +
	                   sizeof(ABSTRACT_NAME)) == 0);
	CHECK(listen(fd, 4) == 0);
	check_wall(WALL_ABSTRACT);
}

static void no_network_is_there(void)
{
	check_wall(WALL_NETWORK);
}

static void no_memory_becomes_code(void)
{
	check_wall(WALL_CODE);
}

static void the_core_limit_cannot_be_raised(void)
{
	check_wall(WALL_CORE_LIMIT);
}

int main(void)
{
	static const struct test tests[] = {
		{ "no file can be opened", no_file_can_be_opened },
		{ "no signal goes out", no_signal_goes_out },
		{ "no abstract socket is reached",
		  no_abstract_socket_is_reached },
		{ "no network is there", no_network_is_there },
		{ "no memory becomes code", no_memory_becomes_code },
		{ "the core limit cannot be raised",
		  the_core_limit_cannot_be_raised },
	};

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
