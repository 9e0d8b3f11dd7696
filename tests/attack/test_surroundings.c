/* test_surroundings: the report says what is dangerous about a place */
#include "agent/seal/surroundings.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY    65534
#define NO_PLACE  77
#define DOCKER    "/run/docker.sock"
#define OPEN_TO   0666
#define CLOSED_TO 0600

static struct agent_measure row_of(const char *path)
{
	struct report report = { .process = "launcher" };

	surroundings_report_socket(&report, path);
	CHECK(report.count == 1);
	return report.measures[0];
}

static void a_socket_in_a_folder_that_others_enter_is_weaker(void)
{
	char folder[] = "/tmp/around.XXXXXX", path[64];
	struct agent_measure row;
	int fd;

	CHECK(mkdtemp(folder) != NULL);
	(void)snprintf(path, sizeof(path), "%s/socket", folder);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && fchmod(fd, OPEN_TO) == 0 && close(fd) == 0);
	row = row_of(path);
	CHECK(row.state == MEASURE_HELD);
	CHECK(strstr(row.detail, "mode 0666 in a folder of "
	                         "mode 0700") != NULL);
	CHECK(chmod(folder, 0755) == 0);
	CHECK(row_of(path).state == MEASURE_WEAKER);
	CHECK(chmod(path, CLOSED_TO) == 0);
	CHECK(row_of(path).state == MEASURE_HELD);
	CHECK(unlink(path) == 0 && rmdir(folder) == 0);
}

static int write_text(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : fd_write_full(fd, text, strlen(text));
}

/* An ordinary user in a mount namespace whose /run is ours to fill. */
static int enter_place(mode_t mode)
{
	bool is_root = geteuid() == 0;
	char map[32];
	int fd;

	(void)snprintf(map, sizeof(map), "1 %u 1", geteuid());
	if (unshare(is_root ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0)
		return -1;
	if (!is_root && write_text("/proc/self/uid_map", map) < 0)
		return -1;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run", "tmpfs", 0, "mode=755") < 0)
		return -1;
	fd = open(DOCKER, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
	if (fd < 0 || fchmod(fd, mode) < 0 || close(fd) < 0)
		return -1;
	return is_root ? setresuid(NOBODY, NOBODY, NOBODY) : 0;
}

/* The state of the row, or NO_PLACE. */
static int state_in_place(mode_t mode)
{
	struct report report = { .process = "launcher" };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (enter_place(mode) < 0)
			_exit(NO_PLACE);
		surroundings_report_root(&report);
		_exit((int)report.measures[0].state);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void who_may_use_docker_is_near_root(void)
{
	int open = state_in_place(OPEN_TO);

	if (open == NO_PLACE) {
		(void)printf("# not looked at: no mount namespace here\n");
		return;
	}
	CHECK(open == MEASURE_WEAKER);
	if (geteuid() == 0)
		CHECK(state_in_place(CLOSED_TO) == MEASURE_HELD);
}

static void root_is_nearest(void)
{
	struct report report = { .process = "launcher" };

	surroundings_report_root(&report);
	if (geteuid() == 0)
		CHECK(report.measures[0].state == MEASURE_WEAKER);
	CHECK(report.count == 1);
}

static int count_in(const struct report *report)
{
	int count = -1;

	/* NOLINTNEXTLINE(cert-err34-c): -1 fails the test */
	CHECK(sscanf(report->measures[0].detail, "%d are open", &count) == 1);
	return count;
}

static void descriptors_are_counted(void)
{
	struct report before = { .process = "launcher" };
	struct report after = { .process = "launcher" };
	int fd;

	surroundings_report_descriptors(&before);
	fd = dup(STDOUT_FILENO);
	surroundings_report_descriptors(&after);
	CHECK(close(fd) == 0);
	CHECK(count_in(&after) == count_in(&before) + 1);
}

static const struct test tests[] = {
	{ "a socket in a folder that others enter is weaker",
	  a_socket_in_a_folder_that_others_enter_is_weaker },
	{ "who may use docker is near root", who_may_use_docker_is_near_root },
	{ "root is nearest", root_is_nearest },
	{ "descriptors are counted", descriptors_are_counted },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
