#include "agent/launcher/feed.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define PIPE_SIZE      (1024 * 1024)
#define MARK_LINE_SIZE (FEED_MARK_SIZE + 32)

static int make_mark(char mark[FEED_MARK_SIZE])
{
	static const size_t prefix_len = sizeof(FEED_MARK_PREFIX) - 1;
	uint8_t random[16];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	memcpy(mark, FEED_MARK_PREFIX, prefix_len);
	text_hex(random, sizeof(random), mark + prefix_len);
	return 0;
}

/* A second description of the same pipe, so that O_NONBLOCK here does not
 * reach the children, which would take EAGAIN for an error. */
static int reopen(int fd)
{
	char path[32];
	int again;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

int feed_open(struct feed *feed, int *ret_read)
{
	cleanup_close int in = -1, out = -1, our_out = -1;
	char mark[FEED_MARK_SIZE];
	int ends[2], rc;

	rc = make_mark(mark);
	if (rc < 0)
		return rc;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	in = ends[0];
	out = ends[1];
	rc = fd_set_nonblocking(in);
	if (rc < 0)
		return rc;
	our_out = reopen(out);
	if (our_out < 0)
		return our_out;

	/* A spliced piece takes a page of its own, however short, and what is
	 * taken at the start must fit before anybody reads.  Refused where the
	 * user's pipes are many already: then there is room for fewer. */
	(void)fcntl(out, F_SETPIPE_SZ, PIPE_SIZE);

	*feed = (struct feed){
		.out = take_fd(&out),
		.our_out = take_fd(&our_out),
	};
	memcpy(feed->mark, mark, sizeof(mark));
	*ret_read = take_fd(&in);
	return 0;
}

void feed_close(struct feed *feed)
{
	close_at(&feed->out);
	close_at(&feed->our_out);
	feed->out = -1;
	feed->our_out = -1;
}

int feed_write(struct feed *feed, const void *data, size_t len)
{
	ssize_t n;

	/* POSIX: up to PIPE_BUF bytes are written whole or not at all. */
	if (len > PIPE_BUF)
		return -EMSGSIZE;
	do {
		n = write(feed->our_out, data, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int feed_write_mark(struct feed *feed, size_t slot)
{
	char line[MARK_LINE_SIZE];
	int len = snprintf(line, sizeof(line), "%s %zu\n", feed->mark, slot);

	return feed_write(feed, line, (size_t)len);
}

int feed_write_end(struct feed *feed)
{
	char line[MARK_LINE_SIZE];
	int len = snprintf(line, sizeof(line), "%s end\n", feed->mark);

	return feed_write(feed, line, (size_t)len);
}

ssize_t feed_splice(struct feed *feed, int fd, off_t *offset, size_t len)
{
	ssize_t n;

	do {
		n = splice(fd, offset, feed->our_out, NULL, len,
		           SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
