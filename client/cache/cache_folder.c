/* Theory of Operation
 *
 * A step is carried out inside submit and its result waits for next, but for
 * two: a part of an upload may wait for its turn (folder_uploads.c), and a
 * fetch moves while the caller waits (folder_fetch.c).
 */
#include "client/cache/cache_folder.h"

#include "client/cache/folder_fetch.h"
#include "client/cache/folder_list.h"
#include "client/cache/folder_state.h"
#include "client/cache/folder_uploads.h"
#include "client/cache/uploads.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cache_folder_open(const char *path, struct cache_folder **ret_folder)
{
	struct cache_folder *folder = calloc(1, sizeof(*folder));

	if (!folder)
		return -ENOMEM;
	folder->path = path;
	folder->event_fd = -1;
	*ret_folder = folder;
	return 0;
}

void cache_folder_close(struct cache_folder *folder)
{
	struct folder_item *item;

	if (!folder)
		return;
	folder_uploads_close(folder);
	folder_fetch_close(folder);
	while ((item = folder_pop(&folder->done)))
		folder_item_free(item);
	free(folder);
}

static void run_check(struct cache_folder *folder, struct folder_item *item)
{
	char path[TEMP_FILE_PATH_MAX];
	struct stat st = { .st_size = 0 };
	int rc;

	rc = folder_path(folder, item->step.key, path);
	if (rc == 0)
		rc = folder_look(path, &st);
	if (folder_is_absent(rc)) {
		folder_finish(folder, item, CACHE_MISSING);
	} else if (rc < 0) {
		folder_fail(folder, item, "cannot look at", rc);
	} else {
		item->result.size = (uint64_t)st.st_size;
		folder_finish(folder, item, CACHE_OK);
	}
}

static int read_file(const char *path, struct buffer *ret_contents)
{
	cleanup_close int fd = -1;
	struct stat st;
	ssize_t n;
	uint8_t *at;

	fd = folder_open_object(path, &st);
	if (fd < 0)
		return fd;
	if (st.st_size > (off_t)TRANSFER_RESPONSE_MAX)
		return -EFBIG;

	buffer_init(ret_contents, TRANSFER_RESPONSE_MAX);
	at = buffer_reserve(ret_contents, (size_t)st.st_size);
	if (!at && st.st_size > 0)
		return buffer_end(ret_contents);
	n = fd_read_full(fd, at, (size_t)st.st_size);
	if (n < 0) {
		buffer_clear(ret_contents);
		return (int)n;
	}
	ret_contents->len = (size_t)n;
	return 0;
}

static void run_get(struct cache_folder *folder, struct folder_item *item)
{
	char path[TEMP_FILE_PATH_MAX];
	int rc;

	rc = folder_path(folder, item->step.key, path);
	if (rc == 0)
		rc = read_file(path, &item->result.response);
	if (folder_is_absent(rc)) {
		folder_finish(folder, item, CACHE_MISSING);
	} else if (rc < 0) {
		folder_fail(folder, item, "cannot read", rc);
	} else {
		item->result.size = item->result.response.len;
		folder_finish(folder, item, CACHE_OK);
	}
}

static int write_object(struct cache_folder *folder,
                        const struct cache_step *step, const char *path)
{
	struct temp_file file = { .fd = -1 };
	int rc;

	rc = temp_file_open(path, &file);
	if (rc < 0)
		return rc;
	rc = temp_file_write(&file, step->body, step->body_len);
	if (rc < 0) {
		temp_file_discard(&file);
		return rc;
	}
	folder->bytes_written += step->body_len;
	return step->only_if_absent ? temp_file_commit_new(&file, path)
	                            : temp_file_commit(&file, path);
}

/* -EEXIST for an object that is there; what else may have the name is the
 * error that it is. */
static int write_if_absent(struct cache_folder *folder,
                           const struct cache_step *step, const char *path)
{
	struct stat st;
	int rc;

	rc = folder_look(path, &st);
	if (rc == -ENOENT) {
		rc = write_object(folder, step, path);
		if (rc != -EEXIST)
			return rc;
		rc = folder_look(path, &st);
	}
	return rc == 0 ? -EEXIST : rc;
}

static void run_put(struct cache_folder *folder, struct folder_item *item)
{
	const struct cache_step *step = &item->step;
	char path[TEMP_FILE_PATH_MAX];
	int rc;

	rc = folder_path(folder, step->key, path);
	if (rc == 0 && step->only_if_absent) {
		rc = write_if_absent(folder, step, path);
	} else if (rc == 0) {
		rc = write_object(folder, step, path);
	}
	if (rc == -EEXIST && step->only_if_absent) {
		folder_finish(folder, item, CACHE_EXISTS);
	} else if (rc < 0) {
		folder_fail(folder, item, "cannot write", rc);
	} else {
		folder_finish(folder, item, CACHE_OK);
	}
}

/* A bucket has no directories: those made for a key go with it, if they are
 * empty.  The folder itself stays. */
static void remove_empty(char *path, const char *key)
{
	size_t root_len = strlen(path) - strlen(key);
	char *slash;

	while ((slash = strrchr(path + root_len, '/'))) {
		*slash = '\0';
		if (rmdir(path) < 0)
			return;
	}
}

static void run_delete(struct cache_folder *folder, struct folder_item *item)
{
	char path[TEMP_FILE_PATH_MAX];
	int rc;

	rc = folder_path(folder, item->step.key, path);
	if (rc == 0 && unlink(path) < 0)
		rc = -errno;
	if (rc == 0)
		remove_empty(path, item->step.key);
	if (rc < 0 && !folder_is_absent(rc)) {
		folder_fail(folder, item, "cannot delete", rc);
	} else {
		folder_finish(folder, item, CACHE_OK);
	}
}

static void run(struct cache_folder *folder, struct folder_item *item)
{
	switch (item->step.type) {
	case CACHE_CHECK:
		run_check(folder, item);
		break;
	case CACHE_GET:
		run_get(folder, item);
		break;
	case CACHE_FETCH:
		folder_fetch_begin(folder, item);
		break;
	case CACHE_LIST:
		folder_list_run(folder, item);
		break;
	case CACHE_PUT:
		run_put(folder, item);
		break;
	case CACHE_DELETE:
		run_delete(folder, item);
		break;
	case CACHE_BEGIN:
		folder_uploads_begin(folder, item);
		break;
	case CACHE_FIND_UPLOAD: /* none outlives the process that began it */
		folder_finish(folder, item, CACHE_MISSING);
		break;
	case CACHE_PART:
	case CACHE_COMPLETE:
	case CACHE_ABORT:
		folder_uploads_step(folder, item);
		break;
	}
}

int cache_folder_submit(struct cache_folder *folder,
                        const struct cache_step *step)
{
	struct folder_item *item = calloc(1, sizeof(*item));

	if (!item)
		return -ENOMEM;
	item->step = *step;
	item->result.type = step->type;
	item->result.tag = step->tag;
	item->fd = -1;
	/* The others have none, and must not end one. */
	if (step->type != CACHE_FETCH)
		item->step.sink = NULL;
	folder->pending++;
	run(folder, item);
	return 0;
}

size_t cache_folder_pending(const struct cache_folder *folder)
{
	return folder->pending;
}

int cache_folder_wait(struct cache_folder *folder, struct pollfd *extra,
                      unsigned extra_count, int timeout_ms)
{
	return folder_fetch_wait(folder, extra, extra_count, timeout_ms);
}

int cache_folder_next(struct cache_folder *folder,
                      struct cache_result *ret_result)
{
	struct folder_item *item = folder_pop(&folder->done);

	if (!item)
		return 0;
	*ret_result = item->result;
	free(item);
	folder->pending--;
	return 1;
}

uint64_t cache_folder_bytes_sent(const struct cache_folder *folder)
{
	return folder->bytes_written;
}

int cache_folder_end_stale(struct cache_folder *folder, size_t *ret_count,
                           char *why, size_t why_size)
{
	static const char *const directories[] = { "", "/nar" };
	size_t count = 0;

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]);
	     i++) {
		char path[TEMP_FILE_PATH_MAX];
		int rc;

		(void)snprintf(path, sizeof(path), "%s%s", folder->path,
		               directories[i]);
		rc = temp_file_clean(path, UPLOADS_AGE_MAX_S, &count);
		if (rc < 0) {
			(void)snprintf(why, why_size, "%s: cannot list: %s",
			               path, strerror(-rc));
			return rc;
		}
	}
	*ret_count = count;
	return 0;
}
