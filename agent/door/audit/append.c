#include "agent/door/audit/append.h"

#include <errno.h>
#include <unistd.h>

static int take_back(struct append_file *file)
{
	if (ftruncate(file->fd, file->torn_at) < 0)
		return -errno;
	file->is_torn = false;
	return 0;
}

/* Where the piece of len bytes begins that was written last: behind whatever
 * somebody else has done to the file, so not where we think that it ends. */
static void note_torn(struct append_file *file, size_t len)
{
	off_t end = lseek(file->fd, 0, SEEK_CUR);

	if (end < (off_t)len)
		return;
	file->is_torn = true;
	file->torn_at = end - (off_t)len;
}

int append_line(struct append_file *file, struct bytes line)
{
	size_t done = 0;
	int rc = 0;

	if (file->fd < 0)
		return -EBADF;
	if (file->is_torn)
		rc = take_back(file);
	/* One call, as a rule; after a short one the next says why it was. */
	while (rc == 0 && done < line.len) {
		ssize_t n = write(file->fd, line.data + done, line.len - done);

		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			rc = n == 0 ? -ENOSPC : -errno;
		}
	}
	if (rc < 0 && done > 0) {
		note_torn(file, done);
		if (file->is_torn && take_back(file) < 0)
			return rc; /* the next call tries again */
	}
	return rc;
}
