#include "agent/launcher/audit_file.h"

#include "agent/launcher/audit_open.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Agents of one user that nobody has told where to write: each has a log of its
 * own, audit.jsonl, audit-2.jsonl, ... */
#define USUAL_MAX 64

DEFINE_CLEANUP(DIR *, closedir)

void audit_file_init(struct audit_file *file)
{
	*file = (struct audit_file){ .fd = -1, .own = -1 };
}

void audit_file_close(struct audit_file *file)
{
	if (file->fd >= 0)
		(void)close(file->fd);
	if (file->own >= 0)
		(void)close(file->own);
	file->fd = -1;
	file->own = -1;
}

static const char *base_of(const char *path)
{
	return strrchr(path, '/') + 1; /* it is absolute */
}

static int fail(struct audit_file *file, int rc, const char *why)
{
	(void)snprintf(file->why, sizeof(file->why), "%s", why);
	return rc;
}

/* "x.jsonl" of 2 is "x-2.jsonl". */
static void usual_path(const char *wanted, int number, char path[PATH_MAX])
{
	const char *dot = strrchr(base_of(wanted), '.');
	int stem = dot ? (int)(dot - wanted) : (int)strlen(wanted);

	if (number == 1) {
		(void)snprintf(path, PATH_MAX, "%s", wanted);
	} else {
		(void)snprintf(path, PATH_MAX, "%.*s-%d%s", stem, wanted,
		               number, dot ? dot : "");
	}
}

/* A file that has been closed by a change of files: its name is ours and then
 * a dot and digits. */
static bool is_former(const char *name, const char *base)
{
	size_t len = strlen(base);
	uint64_t number;

	return text_has_prefix(name, base) && name[len] == '.' &&
	       strlen(name) == len + 1 + AUDIT_DIGITS &&
	       number_parse(name + len + 1, UINT64_MAX, &number) == 0;
}

/* The latest of them: names sort as the lines do.  Empty: there is none. */
static void find_former(struct audit_file *file)
{
	cleanup(closedir_at) DIR *dir = NULL;
	const char *base = base_of(file->path);
	char folder[PATH_MAX];
	struct dirent *entry;

	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(base - file->path),
	               file->path);
	file->former[0] = '\0';
	dir = opendir(folder);
	/* cppcheck-suppress readdirCalled; there are no threads here */
	while (dir && (entry = readdir(dir)) != NULL) {
		if (is_former(entry->d_name, base) &&
		    strcmp(entry->d_name, file->former) > 0) {
			(void)snprintf(file->former, sizeof(file->former), "%s",
			               entry->d_name);
		}
	}
}

/* An agent that ended while it changed files has left the end of the chain
 * there. */
static int read_former(struct audit_file *file)
{
	cleanup_close int fd = -1;
	char path[PATH_MAX];
	int rc;

	find_former(file);
	if (file->former[0] == '\0')
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "%.*s%s",
	                     (int)(base_of(file->path) - file->path),
	                     file->path, file->former) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = audit_open_former(path);
	rc = fd < 0 ? fd : audit_end_find(fd, &file->end);
	if (rc < 0) {
		(void)snprintf(file->why, sizeof(file->why),
		               "the file before it, %.255s, cannot be used: %s",
		               file->former,
		               rc == -EBADMSG ? "it is no audit log"
		                              : strerror(-rc));
	}
	return rc;
}

/* The file that we hold has another name now, if it has one at all. */
static void name_former(struct audit_file *file, int own)
{
	char link[64], target[PATH_MAX] = "/?";
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", own);
	n = readlink(link, target, sizeof(target) - 1);
	if (n > 0)
		target[n] = '\0';
	text_printable(base_of(target), strlen(base_of(target)), file->former,
	               sizeof(file->former));
}

/* Closes a line that was cut. */
static int mend(int own, struct audit_end *end)
{
	if (!end->is_cut)
		return 0;
	if (pwrite(own, "\n", 1, (off_t)end->size) != 1)
		return -errno;
	end->is_cut = false;
	end->size++;
	return 0;
}

/* Where the chain goes on: in this file if there is something in it, else
 * where it was.  old: the file that was written so far, or -1. */
static int find_end(struct audit_file *file, int old)
{
	struct stat st;
	int rc = 0;

	file->end = (struct audit_end){ .sequence = 0 };
	file->former[0] = '\0';
	if (fstat(file->own, &st) < 0)
		return fail(file, -errno, strerror(errno));
	if (st.st_size == 0 && old >= 0) {
		rc = audit_end_find(old, &file->end);
		if (rc == 0)
			rc = mend(old, &file->end);
		if (rc == 0 && file->end.sequence > 0)
			name_former(file, old);
	} else if (st.st_size == 0) {
		rc = read_former(file);
	}
	if (rc == 0)
		rc = audit_end_find(file->own, &file->end);
	if (rc == 0)
		rc = mend(file->own, &file->end);
	if (rc == 0 || file->why[0] != '\0')
		return rc;
	return fail(file, rc,
	            rc == -EBADMSG
	                    ? "its last line is no record of an audit log: "
	                      "move it away"
	                    : strerror(-rc));
}

static int open_one(struct audit_file *file, int old)
{
	struct audit_open opened;
	int rc;

	file->why[0] = '\0';
	rc = audit_open(file->path, false, &opened, file->why,
	                sizeof(file->why));
	if (rc < 0)
		return rc;
	file->fd = opened.fd;
	file->own = opened.own;
	rc = find_end(file, old);
	if (rc < 0)
		audit_file_close(file);
	return rc;
}

/* The same path, for another door.  What was moved away is still open here, and
 * its end is where the chain goes on. */
static int open_again(struct audit_file *file)
{
	cleanup_close int old = -1;

	if (file->own >= 0 && audit_open_is_at(file->own, file->path)) {
		int rc;

		file->why[0] = '\0';
		rc = find_end(file, -1);
		if (rc < 0)
			audit_file_close(file);
		return rc;
	}
	old = take_fd(&file->own);
	audit_file_close(file);
	return open_one(file, old);
}

int audit_file_open(struct audit_file *file, const struct config *config)
{
	const int count = config->is_audit_usual ? USUAL_MAX : 1;
	int rc = -EWOULDBLOCK;

	if (config->audit && strcmp(file->wanted, config->audit) == 0)
		return open_again(file);

	audit_file_close(file);
	file->wanted[0] = '\0';
	if (!config->audit)
		return 0;
	if (strlen(config->audit) >= sizeof(file->wanted))
		return fail(file, -ENAMETOOLONG, strerror(ENAMETOOLONG));
	(void)snprintf(file->wanted, sizeof(file->wanted), "%s", config->audit);
	for (int i = 1; i <= count && rc == -EWOULDBLOCK; i++) {
		usual_path(file->wanted, i, file->path);
		rc = open_one(file, -1);
	}
	return rc;
}

struct audit_start audit_file_start(const struct audit_file *file,
                                    const struct config *config)
{
	struct audit_start start = {
		.fd = file->fd,
		.sequence = file->end.sequence,
		.size = file->end.size,
		.size_max = config->audit_max_size,
		.pid = getpid(),
	};

	if (file->wanted[0] == '\0')
		return start;
	start.path = file->path;
	start.why = file->why;
	start.former = file->former[0] != '\0' ? file->former : NULL;
	memcpy(start.head, file->end.head, sizeof(start.head));
	boot_read_id(start.boot);
	return start;
}

static void fail_rotation(struct errand *done, const char *what, int rc)
{
	done->end = ERRAND_FAILED;
	(void)snprintf(done->text, sizeof(done->text), "%s: %s", what,
	               strerror(-rc));
}

/* Somebody else may have moved the file by now: then there is nothing to be
 * renamed.  1: it was; 0; -errno. */
static int move_away(const struct audit_file *file, const char *target)
{
	struct stat st;

	if (!audit_open_is_at(file->own, file->path))
		return 0;
	if (lstat(target, &st) == 0)
		return -EEXIST;
	return rename(file->path, target) < 0 ? -errno : 1;
}

void audit_file_rotate(struct audit_file *file, uint64_t last,
                       struct errand *ret_done)
{
	char target[PATH_MAX], why[WIRE_DETAIL_MAX];
	struct audit_open opened;
	int fd, rc = 0, moved = 0;

	if (file->fd < 0 ||
	    (size_t)snprintf(target, sizeof(target), "%s.%0*llu", file->path,
	                     AUDIT_DIGITS,
	                     (unsigned long long)last) >= sizeof(target))
		rc = -ENAMETOOLONG;
	if (rc == 0)
		moved = move_away(file, target);
	if (rc < 0 || moved < 0) {
		rc = rc < 0 ? rc : moved;
		fail_rotation(ret_done, "it cannot be renamed", rc);
		return;
	}
	rc = audit_open(file->path, true, &opened, why, sizeof(why));
	fd = rc < 0 ? -1 : fcntl(opened.fd, F_DUPFD_CLOEXEC, 0);
	if (rc < 0) {
		/* As it was; if that fails too, it goes on under its new name. */
		if (moved == 1)
			(void)rename(target, file->path);
		fail_rotation(ret_done, "another file cannot be made", rc);
		return;
	}
	name_former(file, file->own);
	(void)snprintf(ret_done->text, sizeof(ret_done->text), "%s",
	               file->former);
	ret_done->fd = fd;
	audit_file_close(file);
	file->fd = opened.fd;
	file->own = opened.own;
}
