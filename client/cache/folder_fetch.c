/* Theory of Operation
 *
 * Each wait gives every fetch one turn: a piece is read and put into its
 * conduit.  A full conduit takes nothing and writes to the folder's eventfd
 * once it has room; the piece is forgotten and read again then, so that one
 * piece of memory serves all fetches.  When none could move, the wait sleeps
 * on that eventfd and on what the caller waits for.
 *
 * A fetch reads the file that had the name when it began, and as many bytes as
 * that had: one replaced meanwhile is read as it was, one that has become
 * shorter fails.
 */
#include "client/cache/folder_fetch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PIECE_SIZE ((size_t)128 * 1024)

static_assert(PIECE_SIZE <= CONDUIT_PIECE_MAX, "a conduit takes a piece");

static int prepare(struct cache_folder *folder)
{
	if (!folder->piece)
		folder->piece = malloc(PIECE_SIZE);
	if (!folder->piece)
		return -ENOMEM;
	if (folder->event_fd < 0)
		folder->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return folder->event_fd < 0 ? -errno : 0;
}

void folder_fetch_close(struct cache_folder *folder)
{
	struct folder_item *item;

	while ((item = folder_pop(&folder->fetches)))
		folder_item_free(item);
	if (folder->event_fd >= 0)
		(void)close(folder->event_fd);
	free(folder->piece);
	free(folder->polled);
}

static int open_file(struct cache_folder *folder, struct folder_item *item)
{
	char path[TEMP_FILE_PATH_MAX];
	struct stat st;
	int rc;

	rc = folder_path(folder, item->step.key, path);
	if (rc == 0)
		rc = prepare(folder);
	if (rc < 0)
		return rc;
	rc = folder_open_object(path, &st);
	if (rc < 0)
		return rc;
	item->fd = rc;
	item->result.size = (uint64_t)st.st_size;
	return 0;
}

/* The range, or false if there is nothing at its beginning: as for an S3
 * server, only the whole of an empty object is empty. */
static bool set_range(struct folder_item *item)
{
	const struct cache_step *step = &item->step;
	uint64_t size = item->result.size;

	if (step->offset > 0 && step->offset >= size)
		return false;
	item->at = step->offset;
	item->end = size;
	if (step->length > 0 && step->length < size - step->offset)
		item->end = step->offset + step->length;
	return true;
}

void folder_fetch_begin(struct cache_folder *folder, struct folder_item *item)
{
	int rc;

	item->step.sink = conduit_share(item->step.sink);
	rc = open_file(folder, item);
	if (folder_is_absent(rc)) {
		folder_finish(folder, item, CACHE_MISSING);
	} else if (rc < 0) {
		folder_fail(folder, item, "cannot read", rc);
	} else if (!set_range(item)) {
		folder_fail_because(folder, item,
		                    "it has no byte where the range begins");
	} else {
		conduit_wake_writer(item->step.sink, folder->event_fd);
		folder_push(&folder->fetches, item);
	}
}

static ssize_t read_piece(struct cache_folder *folder,
                          const struct folder_item *item)
{
	uint64_t left = item->end - item->at;
	size_t len = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
	ssize_t n;

	do {
		n = pread(item->fd, folder->piece, len, (off_t)item->at);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* 0: a piece was moved; -EAGAIN: the conduit is full; 1: the item has ended. */
static int move_piece(struct cache_folder *folder, struct folder_item *item)
{
	ssize_t n = 0;
	int rc;

	if (item->at == item->end) {
		folder_finish(folder, item, CACHE_OK);
		return 1;
	}
	n = read_piece(folder, item);
	if (n < 0) {
		folder_fail(folder, item, "cannot read", (int)n);
		return 1;
	}
	if (n == 0) {
		folder_fail_because(folder, item,
		                    "the file became shorter while it was "
		                    "read");
		return 1;
	}
	rc = conduit_put(item->step.sink,
	                 (struct bytes){ folder->piece, (size_t)n });
	if (rc == 0)
		item->at += (uint64_t)n;
	if (rc == 0 || rc == -EAGAIN)
		return rc;
	if (rc == -EPIPE) {
		folder_fail_because(folder, item, "its reader went away");
	} else {
		folder_fail(folder, item, "cannot pass on", rc);
	}
	return 1;
}

/* One turn for each.  True if anything moved or ended. */
static bool move_all(struct cache_folder *folder)
{
	struct folder_list stay = { .head = NULL };
	struct folder_item *item;
	bool has_moved = false;

	while ((item = folder_pop(&folder->fetches))) {
		int rc = move_piece(folder, item);

		has_moved = has_moved || rc != -EAGAIN;
		if (rc != 1)
			folder_push(&stay, item);
	}
	folder->fetches = stay;
	return has_moved;
}

static int reserve_polled(struct cache_folder *folder, unsigned count)
{
	struct pollfd *polled;

	if (count <= folder->polled_max)
		return 0;
	polled = reallocarray(folder->polled, count, sizeof(*polled));
	if (!polled)
		return -ENOMEM;
	folder->polled = polled;
	folder->polled_max = count;
	return 0;
}

static int poll_all(struct pollfd *fds, unsigned count, int timeout_ms)
{
	return poll(fds, count, timeout_ms) < 0 && errno != EINTR ? -errno : 0;
}

/* The fetches are all tried again at the next wait: how often the eventfd was
 * written to does not matter. */
static int poll_with_event(struct cache_folder *folder, struct pollfd *extra,
                           unsigned count, int timeout_ms)
{
	uint64_t times;
	int rc;

	rc = reserve_polled(folder, count + 1);
	if (rc < 0)
		return rc;
	if (count > 0)
		memcpy(folder->polled, extra, count * sizeof(*extra));
	folder->polled[count] =
		(struct pollfd){ .fd = folder->event_fd, .events = POLLIN };
	for (unsigned i = 0; i <= count; i++)
		folder->polled[i].revents = 0;
	rc = poll_all(folder->polled, count + 1, timeout_ms);
	if (rc < 0)
		return rc;
	if (count > 0)
		memcpy(extra, folder->polled, count * sizeof(*extra));
	if (folder->polled[count].revents & POLLIN &&
	    read(folder->event_fd, &times, sizeof(times)) < 0 &&
	    errno != EAGAIN)
		return -errno;
	return 0;
}

int folder_fetch_wait(struct cache_folder *folder, struct pollfd *extra,
                      unsigned extra_count, int timeout_ms)
{
	if (move_all(folder) || folder->done.head)
		timeout_ms = 0;
	if (!folder->fetches.head)
		return poll_all(extra, extra_count, timeout_ms);
	return poll_with_event(folder, extra, extra_count, timeout_ms);
}
