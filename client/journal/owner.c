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

#define SUFFIX     ".lock"
#define ASIDE_BYTE 0
#define WAIT_MS    5
#define OWNER_MASK ((int64_t)(1ULL << 62) - 1)

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

static int open_lock(struct journal *journal)
{
	char path[PATH_MAX];
	struct stat st;
	int len;

	if (journal->lock_fd >= 0)
		return 0;
	len = snprintf(path, sizeof(path), "%s" SUFFIX, journal->path);
	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	journal->lock_fd = journal_file_open(path, &st);
	return journal->lock_fd < 0 ? journal->lock_fd : 0;
}

int owner_take(struct journal *journal)
{
	int64_t owner;
	int rc = open_lock(journal);

	if (rc < 0 || journal->owner != 0)
		return rc;
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

int owner_begin_aside(struct journal *journal)
{
	int rc = open_lock(journal);

	if (rc < 0)
		return rc;
	for (int waited_ms = 0;; waited_ms += WAIT_MS) {
		rc = lock_byte(journal->lock_fd, F_OFD_SETLK, F_WRLCK,
		               ASIDE_BYTE);
		if (rc != -EBUSY || waited_ms >= JOURNAL_WAIT_MS)
			return rc < 0 ? rc : 0;
		(void)poll(NULL, 0, WAIT_MS);
	}
}

void owner_end_aside(struct journal *journal)
{
	(void)lock_byte(journal->lock_fd, F_OFD_SETLK, F_UNLCK, ASIDE_BYTE);
}

void owner_clear(struct journal *journal)
{
	close_at(&journal->lock_fd);
	journal->lock_fd = -1;
	journal->owner = 0;
}
