#include "agent/start/job.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANCESTORS_MAX 256
#define STAT_MAX      1024

static bool is_ci(void)
{
	const char *ci = getenv("CI");

	return ci && ci[0] != '\0' && strcmp(ci, "0") != 0 &&
	       strcmp(ci, "false") != 0;
}

static int open_file(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* 0, or -errno.  The text ends at its first newline. */
static int read_line(pid_t pid, const char *name, char *out, size_t size)
{
	cleanup_close int fd = open_file(pid, name);
	ssize_t len = fd < 0 ? fd : fd_read_full(fd, out, size - 1);

	if (len < 0)
		return (int)len;
	out[len] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

/* The name in stat may hold anything but ends at the last parenthesis. */
static int parent_of(pid_t pid, pid_t *ret_parent)
{
	char stat[STAT_MAX];
	uint64_t parent;
	char *at;
	int rc = read_line(pid, "stat", stat, sizeof(stat));

	if (rc < 0)
		return rc;
	at = strrchr(stat, ')');
	if (!at || strlen(at) < sizeof(") S 1") - 1)
		return -EBADMSG;

	at += sizeof(") S ") - 1;
	at[strcspn(at, " ")] = '\0';
	rc = number_parse(at, INT32_MAX, &parent);
	if (rc < 0)
		return rc;
	*ret_parent = (pid_t)parent;
	return 0;
}

/* True if the environment that it was started with says CI.  What cannot be
 * read does not say so. */
static bool is_in_job(pid_t pid)
{
	cleanup_free char *entry = NULL;
	bool has_ci = false;
	size_t size = 0;
	FILE *file;
	int fd = open_file(pid, "environ");

	if (fd < 0)
		return false;
	file = fdopen(fd, "r");
	if (!file) {
		(void)close(fd);
		return false;
	}
	while (!has_ci && getdelim(&entry, &size, '\0', file) > 0)
		has_ci = text_has_prefix(entry, "CI=");
	(void)fclose(file);
	return has_ci;
}

static bool has_ended(int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	return poll(&end, 1, 0) != 0;
}

static int open_process(pid_t pid)
{
	cleanup_close int fd = (int)syscall(SYS_pidfd_open, pid, 0U);

	if (fd < 0)
		return -errno;
	return has_ended(fd) ? -ESRCH : take_fd(&fd);
}

/* The last ancestor below pid 1 where all of them are in the job, since pid 1
 * of a machine does not end with a job.  A parent of 0 is outside of this pid
 * namespace (docker exec), and pid 1 is then the container. */
static int find_runner(pid_t *ret_pid)
{
	pid_t pid = getppid();

	if (pid == 0)
		pid = 1;
	for (int i = 0; i < ANCESTORS_MAX && pid != 1 && is_in_job(pid); i++) {
		pid_t parent;
		int rc = parent_of(pid, &parent);

		if (rc < 0)
			return rc;
		if (parent == 1)
			break;
		pid = parent == 0 ? 1 : parent;
	}
	*ret_pid = pid;
	return 0;
}

/* The number may be another's by the time that its descriptor is open; that it
 * is still an answer to the question says that it is the same process. */
static int watch_runner(struct job *job)
{
	pid_t again;
	int rc;

	rc = find_runner(&job->pid);
	if (rc < 0)
		return rc;
	job->pidfd = open_process(job->pid);
	if (job->pidfd < 0)
		return job->pidfd;
	rc = find_runner(&again);
	if (rc < 0)
		return rc;
	return again == job->pid ? 0 : -ESRCH;
}

static void learn_name(struct job *job)
{
	char comm[JOB_NAME_SIZE];

	if (read_line(job->pid, "comm", comm, sizeof(comm)) < 0)
		(void)snprintf(comm, sizeof(comm), "not to be seen");
	text_printable(comm, strlen(comm), job->name, sizeof(job->name));
}

int job_open(pid_t named, struct report *report, struct job *ret_job, char *why,
             size_t why_size)
{
	struct job job = { .pidfd = -1, .pid = named, .is_ci = is_ci() };
	int rc = 0;

	if (named > 0) {
		job.pidfd = open_process(named);
		rc = job.pidfd < 0 ? job.pidfd : 0;
	} else if (job.is_ci) {
		rc = watch_runner(&job);
	}
	if (rc < 0) {
		(void)snprintf(why, why_size,
		               named > 0 ? "--watch %d: %s"
		                         : "the runner of this job (process "
		                           "%d) cannot be watched: %s: name a "
		                           "process with --watch",
		               (int)job.pid, strerrordesc_np(-rc));
		close_at(&job.pidfd);
		return rc;
	}

	if (job.pidfd >= 0) {
		learn_name(&job);
		report_add(report, "ends with the job", MEASURE_HELD,
		           "when process %d (%s) ends", (int)job.pid, job.name);
	}
	*ret_job = job;
	return 0;
}
