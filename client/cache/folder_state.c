#include "client/cache/folder_state.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void folder_push(struct folder_list *list, struct folder_item *item)
{
	item->next = NULL;
	if (list->tail) {
		list->tail->next = item;
	} else {
		list->head = item;
	}
	list->tail = item;
}

struct folder_item *folder_pop(struct folder_list *list)
{
	struct folder_item *item = list->head;

	if (!item)
		return NULL;
	list->head = item->next;
	if (!list->head)
		list->tail = NULL;
	return item;
}

/* The descriptor that wakes the folder is not the conduit's for longer. */
static void end_sink(struct folder_item *item, int rc, const char *why)
{
	struct conduit *sink = take_ptr(item->step.sink);

	if (!sink)
		return;
	conduit_wake_writer(sink, -1);
	conduit_end(sink, rc, why);
	conduit_release(sink);
}

static void close_file(struct folder_item *item)
{
	if (item->fd >= 0)
		(void)close(take_fd(&item->fd));
}

void folder_item_free(struct folder_item *item)
{
	end_sink(item, -ECANCELED, "the cache was closed");
	close_file(item);
	buffer_clear(&item->result.response);
	cache_listing_free(item->result.listing);
	free(item);
}

void folder_finish(struct cache_folder *folder, struct folder_item *item,
                   enum cache_outcome outcome)
{
	item->result.outcome = outcome;
	close_file(item);
	switch (outcome) {
	case CACHE_OK:
	case CACHE_EXISTS:
		end_sink(item, 0, NULL);
		break;
	case CACHE_MISSING:
		end_sink(item, -ENOENT, "the cache has no such object");
		break;
	case CACHE_FAILED:
		end_sink(item, -EIO, item->result.error);
		break;
	}
	folder_push(&folder->done, item);
}

/* What strerror() says of these is not about files in a cache. */
static const char *reason_of(int rc)
{
	switch (-rc) {
	case ELOOP:
		return "it is a symbolic link, and objects are plain files";
	case EISDIR:
		return "it is not a plain file";
	default:
		return strerror(-rc);
	}
}

void folder_fail(struct cache_folder *folder, struct folder_item *item,
                 const char *action, int rc)
{
	item->result.exit_status = 1;
	(void)snprintf(item->result.error, sizeof(item->result.error),
	               "%s: %s: %s/%s: %s", item->step.key, action,
	               folder->path, item->step.key, reason_of(rc));
	folder_finish(folder, item, CACHE_FAILED);
}

void folder_fail_because(struct cache_folder *folder, struct folder_item *item,
                         const char *reason)
{
	item->result.exit_status = 1;
	(void)snprintf(item->result.error, sizeof(item->result.error), "%s: %s",
	               item->step.key, reason);
	folder_finish(folder, item, CACHE_FAILED);
}

/* The conductor's keys are valid object keys; a way out of the folder would be
 * our own mistake, and is refused all the same. */
int folder_path(const struct cache_folder *folder, const char *key,
                char out[TEMP_FILE_PATH_MAX])
{
	int len = snprintf(out, TEMP_FILE_PATH_MAX, "%s/%s", folder->path, key);

	if (key[0] == '/' || key[0] == '\0' || strstr(key, ".."))
		return -EINVAL;
	return len < 0 || len >= TEMP_FILE_PATH_MAX ? -ENAMETOOLONG : 0;
}

static int judge(const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		return -ELOOP;
	return S_ISREG(st->st_mode) ? 0 : -EISDIR;
}

int folder_look(const char *path, struct stat *ret_stat)
{
	struct stat st;
	int rc;

	if (lstat(path, &st) < 0)
		return -errno;
	rc = judge(&st);
	if (rc == 0)
		*ret_stat = st;
	return rc;
}

int folder_open_object(const char *path, struct stat *ret_stat)
{
	cleanup_close int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	rc = judge(&st);
	if (rc < 0)
		return rc;
	*ret_stat = st;
	return take_fd(&fd);
}

bool folder_is_absent(int rc)
{
	return rc == -ENOENT || rc == -ENOTDIR;
}
