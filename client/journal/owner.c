/* Locks of an open file description (fcntl(2)): unlike those of a process, they
 * are not lost when another descriptor of the same file is closed. */
#include "client/journal/owner.h"
#include "client/journal/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define SHARED_BYTE 0
#define OWNER_MASK  ((int64_t)(1ULL << 62) - 1)

static int lock_byte(int fd, int command, int type, int64_t at)
{
	struct flock range = {
		.l_type = (short)type,
		.l_whence = SEEK_SET,
		.l_start = at,
		.l_len = 1,
	};

	if (fcntl(fd, command, &range) < 0)
		return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	return range.l_type;
}

void owner_format_path(const struct journal *journal, char *out, size_t size)
{
	(void)snprintf(out, size, "%s.lock", journal->path);
}

static int open_lock(struct journal *journal)
{
	char path[PATH_MAX + sizeof(".lock")];
	struct stat st;

	if (journal->lock_fd >= 0)
		return 0;
	owner_format_path(journal, path, sizeof(path));
	journal->lock_fd = journal_file_open(path, &st);
	return journal->lock_fd < 0 ? journal->lock_fd : 0;
}

int owner_enter(struct journal *journal)
{
	int rc = open_lock(journal);

	if (rc < 0)
		return rc;
	for (int waited_ms = 0;; waited_ms += OWNER_STEP_MS) {
		rc = lock_byte(journal->lock_fd, F_OFD_SETLK, F_RDLCK,
		               SHARED_BYTE);
		if (rc != -EBUSY || waited_ms >= JOURNAL_WAIT_MS)
			return rc < 0 ? rc : 0;
		(void)poll(NULL, 0, OWNER_STEP_MS);
	}
}

void owner_leave(struct journal *journal)
{
	(void)lock_byte(journal->lock_fd, F_OFD_SETLK, F_UNLCK, SHARED_BYTE);
}

int owner_try_alone(struct journal *journal)
{
	int rc;

	/* Of two that would rather change theirs, neither could. */
	owner_leave(journal);
	rc = lock_byte(journal->lock_fd, F_OFD_SETLK, F_WRLCK, SHARED_BYTE);
	return rc < 0 ? rc : 0;
}

int owner_take(struct journal *journal)
{
	int64_t owner;
	int rc;

	if (journal->owner != 0)
		return 0;
	do {
		if (getrandom(&owner, sizeof(owner), 0) != sizeof(owner))
			return -EIO;
		owner = (owner & OWNER_MASK) | 1;
		rc = lock_byte(journal->lock_fd, F_OFD_SETLK, F_WRLCK, owner);
	} while (rc == -EBUSY);
	if (rc < 0)
		return rc;
	journal->owner = owner;
	return 0;
}

bool owner_is_other(const struct journal *journal, int64_t owner)
{
	/* Our own locks are not in our way: they would look like none. */
	if (owner == journal->owner)
		return false;
	return lock_byte(journal->lock_fd, F_OFD_GETLK, F_WRLCK, owner) !=
	       F_UNLCK;
}

void owner_clear(struct journal *journal)
{
	close_at(&journal->lock_fd);
	journal->lock_fd = -1;
	journal->owner = 0;
}
