/* feed.h - the write end of the pipe through which secrets reach a vault
 *
 * The read end is the vault's alone.  vault.h has the framing.  Nothing here
 * blocks: -EAGAIN means that the pipe is full.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* vault.h's; the rooms do not include each other, a test compares them. */
#define FEED_MARK_PREFIX "nixcache-"
#define FEED_MARK_SIZE   (sizeof(FEED_MARK_PREFIX) + 32)
#define FEED_SECRET_MAX  16384

struct feed {
	int out;      /* for children: blocking; -1 once closed */
	int our_out;  /* the same pipe, non-blocking */
	bool is_used; /* a run has written to it */
	char mark[FEED_MARK_SIZE];
};

/* A new pipe and a new mark.  *ret_read: non-blocking, close-on-exec. */
must_check int feed_open(struct feed *feed, int *ret_read);
void feed_close(struct feed *feed);

/* All or nothing: "<mark> slot\n", "<mark> end\n", or other short text. */
must_check int feed_write_mark(struct feed *feed, size_t slot);
must_check int feed_write_end(struct feed *feed);
must_check int feed_write(struct feed *feed, const void *data, size_t len);

/* Moves up to len bytes from fd into the pipe without reading them.  offset:
 * NULL, or where in the file, moved on.  The count, 0 at the end, -errno. */
must_check ssize_t feed_splice(struct feed *feed, int fd, off_t *offset,
                               size_t len);
