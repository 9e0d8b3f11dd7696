#include "client/audit/trail.h"

#include "protocol/audit/audit_line.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/strings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Theory of Operation
 *
 * The agent may rename the newest file at any time, and begin another one.  So
 * the newest is opened first and the others are looked for after that: if it
 * has been renamed in between it is found among them, and is left out there.
 *
 *   old files  opened one after another, each read to its end
 *   newest     read to its end; may have grown when it is read again
 */

#define DIGITS      12
#define BUFFER_SIZE (4 * AUDIT_LINE_MAX)
#define FILES_MAX   100000

struct trail {
	char *path;
	int newest;           /* -1: there is none, or it is the one in fd */
	struct strings files; /* whole paths, old before new, and path */
	size_t next;          /* of files, to be opened */
	int fd;               /* of the file that is read; -1: none */
	bool skips;           /* what is left of a line that is too long */
	uint64_t number;      /* of the last line, in its file */
	size_t at, len;       /* of what is in the buffer */
	uint8_t buffer[BUFFER_SIZE];
};

void trail_close(struct trail *trail)
{
	if (!trail)
		return;
	close_at(&trail->fd);
	close_at(&trail->newest);
	strings_clear(&trail->files);
	free(trail->path);
	free(trail);
}

const char *trail_path(const struct trail *trail)
{
	return trail->path;
}

/* Why a file could not be opened, and what to do. */
static int explain(int rc, const char *path, char why[TRAIL_WHY_SIZE])
{
	const struct passwd *owner;
	struct stat st;

	if (rc != -EACCES && rc != -EPERM) {
		(void)snprintf(why, TRAIL_WHY_SIZE, "%s: %s", path,
		               strerror(-rc));
		return rc;
	}
	if (stat(path, &st) < 0) {
		(void)snprintf(why, TRAIL_WHY_SIZE,
		               "%s: permission denied: its folder is for "
		               "another user; ask as that user",
		               path);
		return rc;
	}
	/* cppcheck-suppress getpwuidCalled ; this verb has no threads */
	owner = getpwuid(st.st_uid);
	(void)snprintf(why, TRAIL_WHY_SIZE,
	               "%s: permission denied: the log belongs to %s (uid "
	               "%lu), who alone may read it; ask as that user",
	               path, owner ? owner->pw_name : "another user",
	               (unsigned long)st.st_uid);
	return rc;
}

/* 0 or -errno; a log is a file, and must not make us wait. */
static int open_file(const char *path, int *ret_fd)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_fd = take_fd(&fd);
	return 0;
}

static bool is_same_file(int fd, const char *path)
{
	struct stat a, b;

	return fd >= 0 && fstat(fd, &a) == 0 && stat(path, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* "audit.jsonl.000000001234" of "audit.jsonl". */
static bool is_old_name(const char *name, const char *base)
{
	size_t len = strlen(base);

	return strncmp(name, base, len) == 0 && name[len] == '.' &&
	       strspn(name + len + 1, "0123456789") == DIGITS &&
	       name[len + 1 + DIGITS] == '\0';
}

static int add_old(struct trail *trail, const char *folder, const char *name)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s", folder, name);

	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	if (is_same_file(trail->newest, path))
		return 0;
	if (trail->files.count == FILES_MAX)
		return -EMFILE;
	return strings_add(&trail->files, path, (size_t)len);
}

static int list_old(struct trail *trail, const char *folder, const char *base)
{
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	int rc = 0;

	if (!entries)
		return -errno;
	/* cppcheck-suppress readdirCalled ; this verb has no threads */
	while (rc == 0 && (entry = readdir(entries))) {
		if (is_old_name(entry->d_name, base))
			rc = add_old(trail, folder, entry->d_name);
	}
	(void)closedir(entries);
	return rc;
}

/* Lists the older files in their order, and path itself if it is there. */
static int list_files(struct trail *trail)
{
	cleanup_free char *for_folder = strdup(trail->path);
	cleanup_free char *for_base = strdup(trail->path);
	int rc;

	if (!for_folder || !for_base)
		return -ENOMEM;
	rc = list_old(trail, dirname(for_folder), basename(for_base));
	if (rc < 0)
		return rc;
	strings_sort(&trail->files);
	/* Killed between two steps, an agent may have left no newest file. */
	if (trail->newest < 0)
		return trail->files.count > 0 ? 0 : -ENOENT;
	return strings_add(&trail->files, trail->path, strlen(trail->path));
}

int trail_open(const char *path, struct trail **ret_trail,
               char ret_why[TRAIL_WHY_SIZE])
{
	cleanup_trail struct trail *trail = calloc(1, sizeof(*trail));
	int rc;

	if (!trail)
		return explain(-ENOMEM, path, ret_why);
	trail->fd = -1;
	trail->newest = -1;
	trail->path = strdup(path);
	if (!trail->path)
		return explain(-ENOMEM, path, ret_why);
	rc = open_file(path, &trail->newest);
	if (rc == 0 || rc == -ENOENT)
		rc = list_files(trail);
	if (rc < 0)
		return explain(rc, path, ret_why);
	*ret_trail = take_ptr(trail);
	return 0;
}

static const char *file_name(const struct trail *trail)
{
	return trail->files.items[trail->next - 1];
}

/* 1 if there is another file, 0 if not. */
static int open_next(struct trail *trail)
{
	int rc;

	if (trail->next == trail->files.count)
		return 0;
	close_at(&trail->fd);
	trail->fd = -1;
	trail->next++;
	trail->number = 0;
	trail->at = 0;
	trail->len = 0;
	trail->skips = false;
	if (trail->next == trail->files.count && trail->newest >= 0) {
		trail->fd = take_fd(&trail->newest);
		return 1;
	}
	rc = open_file(file_name(trail), &trail->fd);
	return rc < 0 ? rc : 1;
}

/* 1 if something came, 0 at the end of the file. */
static int fill(struct trail *trail)
{
	ssize_t n;

	if (trail->at > 0) {
		memmove(trail->buffer, trail->buffer + trail->at,
		        trail->len - trail->at);
		trail->len -= trail->at;
		trail->at = 0;
	}
	do {
		n = read(trail->fd, trail->buffer + trail->len,
		         sizeof(trail->buffer) - trail->len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	trail->len += (size_t)n;
	return n > 0 ? 1 : 0;
}

static void give(struct trail *trail, size_t len, bool has_newline,
                 struct trail_line *ret_line)
{
	size_t shown = len < AUDIT_LINE_MAX ? len : AUDIT_LINE_MAX;

	*ret_line = (struct trail_line){
		.text = { trail->buffer + trail->at, shown },
		.file = file_name(trail),
		.number = ++trail->number,
		.has_newline = has_newline,
	};
	trail->at += len + (has_newline ? 1 : 0);
}

/* Over the rest of a line that was too long, as far as it has come. */
static void skip(struct trail *trail)
{
	size_t left = trail->len - trail->at;
	const uint8_t *start = trail->buffer + trail->at;
	const uint8_t *newline = memchr(start, '\n', left);

	trail->at += newline ? (size_t)(newline - start) + 1 : left;
	trail->skips = !newline;
}

/* 1 and a line from the buffer, 0 if there is no whole one. */
static int take_line(struct trail *trail, struct trail_line *ret_line)
{
	const uint8_t *start, *newline;
	size_t left;

	if (trail->skips)
		skip(trail);
	if (trail->skips)
		return 0;
	start = trail->buffer + trail->at;
	left = trail->len - trail->at;
	newline = memchr(start, '\n', left);
	if (newline) {
		give(trail, (size_t)(newline - start), true, ret_line);
		return 1;
	}
	if (left < AUDIT_LINE_MAX)
		return 0;
	/* Not even its end matters: it is no record. */
	give(trail, left, false, ret_line);
	ret_line->has_newline = true;
	trail->skips = true;
	return 1;
}

int trail_next(struct trail *trail, struct trail_line *ret_line)
{
	for (;;) {
		int rc;

		if (trail->fd >= 0 && take_line(trail, ret_line))
			return 1;
		rc = trail->fd >= 0 ? fill(trail) : 0;
		if (rc < 0)
			return rc;
		if (rc > 0)
			continue;
		if (trail->next < trail->files.count &&
		    trail_rest(trail, ret_line))
			return 1;
		rc = open_next(trail);
		if (rc <= 0)
			return rc;
	}
}

int trail_rest(struct trail *trail, struct trail_line *ret_line)
{
	if (trail->at == trail->len || trail->skips)
		return 0;
	give(trail, trail->len - trail->at, false, ret_line);
	return 1;
}

int trail_turn(struct trail *trail)
{
	cleanup_close int fd = -1;
	struct stat st;
	int rc;

	if (trail->fd < 0 || is_same_file(trail->fd, trail->path))
		return 0;
	rc = open_file(trail->path, &fd);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	/* Its first line says that nothing more comes into the old file. */
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size == 0)
		return 0;
	rc = strings_add(&trail->files, trail->path, strlen(trail->path));
	if (rc < 0)
		return rc;
	trail->newest = take_fd(&fd);
	return 1;
}
