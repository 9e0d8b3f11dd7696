/* Theory of Operation
 *
 * A step is carried out inside submit; its result waits for next.  A multipart
 * upload is one temp_file that parts are appended to.  A part that comes
 * before its turn is kept (its bytes are borrowed until its result) and
 * written when the one before it has been.  An upload ends
 *
 *   with COMPLETE:  the file gets its name;
 *   with ABORT, or when a part cannot be written:  the file is removed, parts
 *                   still kept fail, and later steps find no such upload;
 *   with the cache: the same, without results.
 */
#include "client/cache/cache_folder.h"

#include "client/cache/names.h"
#include "client/cache/temp_file.h"
#include "client/cache/uploads.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A step and its result, in one of the lists below. */
struct item {
	struct item *next;
	struct cache_step step;
	struct cache_result result;
};

struct list {
	struct item *head;
	struct item *tail;
};

struct upload {
	struct upload *next;
	char id[24];
	char path[TEMP_FILE_PATH_MAX]; /* what it will be */
	struct temp_file file;
	unsigned next_part;
	struct item *early; /* parts before their turn */
};

struct cache_folder {
	const char *path;
	struct list done;
	size_t pending;
	struct upload *uploads;
	uint64_t upload_count; /* ever, for their names */
	uint64_t bytes_written;
};

static void list_push(struct list *list, struct item *item)
{
	item->next = NULL;
	if (list->tail) {
		list->tail->next = item;
	} else {
		list->head = item;
	}
	list->tail = item;
}

static struct item *list_pop(struct list *list)
{
	struct item *item = list->head;

	if (!item)
		return NULL;
	list->head = item->next;
	if (!list->head)
		list->tail = NULL;
	return item;
}

int cache_folder_open(const char *path, struct cache_folder **ret_folder)
{
	struct cache_folder *folder = calloc(1, sizeof(*folder));

	if (!folder)
		return -ENOMEM;
	folder->path = path;
	*ret_folder = folder;
	return 0;
}

static void free_items(struct item *item)
{
	struct item *next;

	for (; item; item = next) {
		next = item->next;
		buffer_clear(&item->result.response);
		free(item);
	}
}

static void upload_free(struct upload *upload)
{
	temp_file_discard(&upload->file);
	free_items(upload->early);
	free(upload);
}

void cache_folder_close(struct cache_folder *folder)
{
	struct upload *next;

	if (!folder)
		return;
	for (struct upload *u = folder->uploads; u; u = next) {
		next = u->next;
		upload_free(u);
	}
	free_items(folder->done.head);
	free(folder);
}

static void finish(struct cache_folder *folder, struct item *item,
                   enum cache_outcome outcome)
{
	item->result.outcome = outcome;
	list_push(&folder->done, item);
}

static void fail(struct cache_folder *folder, struct item *item,
                 const char *action, int rc)
{
	item->result.exit_status = 1;
	(void)snprintf(item->result.error, sizeof(item->result.error),
	               "%s: %s: %s/%s: %s", item->step.key, action,
	               folder->path, item->step.key, strerror(-rc));
	finish(folder, item, CACHE_FAILED);
}

static void fail_order(struct cache_folder *folder, struct item *item,
                       const char *reason)
{
	item->result.exit_status = 1;
	(void)snprintf(item->result.error, sizeof(item->result.error), "%s: %s",
	               item->step.key, reason);
	finish(folder, item, CACHE_FAILED);
}

/* The conductor's keys are valid object keys; a way out of the folder would be
 * our own mistake, and is refused all the same. */
static int path_of(const struct cache_folder *folder, const char *key,
                   char out[TEMP_FILE_PATH_MAX])
{
	int len = snprintf(out, TEMP_FILE_PATH_MAX, "%s/%s", folder->path, key);

	if (key[0] == '/' || key[0] == '\0' || strstr(key, ".."))
		return -EINVAL;
	return len < 0 || len >= TEMP_FILE_PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool is_absent(int rc)
{
	return rc == -ENOENT || rc == -ENOTDIR;
}

static void run_check(struct cache_folder *folder, struct item *item)
{
	char path[TEMP_FILE_PATH_MAX];
	struct stat st;
	int rc;

	rc = path_of(folder, item->step.key, path);
	if (rc == 0 && stat(path, &st) < 0)
		rc = -errno;
	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = -EISDIR;
	if (is_absent(rc)) {
		finish(folder, item, CACHE_MISSING);
	} else if (rc < 0) {
		fail(folder, item, "cannot look at", rc);
	} else {
		item->result.size = (uint64_t)st.st_size;
		finish(folder, item, CACHE_OK);
	}
}

static int read_file(const char *path, struct buffer *ret_contents)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;
	uint8_t *at;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
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

static void run_get(struct cache_folder *folder, struct item *item)
{
	char path[TEMP_FILE_PATH_MAX];
	int rc;

	rc = path_of(folder, item->step.key, path);
	if (rc == 0)
		rc = read_file(path, &item->result.response);
	if (is_absent(rc)) {
		finish(folder, item, CACHE_MISSING);
	} else if (rc < 0) {
		fail(folder, item, "cannot read", rc);
	} else {
		finish(folder, item, CACHE_OK);
	}
}

static int write_object(struct cache_folder *folder,
                        const struct cache_step *step)
{
	struct temp_file file = { .fd = -1 };
	char path[TEMP_FILE_PATH_MAX];
	int rc;

	rc = path_of(folder, step->key, path);
	if (rc < 0)
		return rc;
	rc = temp_file_open(path, &file);
	if (rc < 0)
		return rc;
	rc = temp_file_write(&file, step->body, step->body_len);
	if (rc < 0) {
		temp_file_discard(&file);
		return rc;
	}
	folder->bytes_written += step->body_len;
	return temp_file_commit(&file, path);
}

static void run_put(struct cache_folder *folder, struct item *item)
{
	int rc = write_object(folder, &item->step);

	if (rc < 0) {
		fail(folder, item, "cannot write", rc);
	} else {
		finish(folder, item, CACHE_OK);
	}
}

static void run_begin(struct cache_folder *folder, struct item *item)
{
	struct upload *upload = calloc(1, sizeof(*upload));
	int rc = -ENOMEM;

	if (upload) {
		upload->file.fd = -1;
		rc = path_of(folder, item->step.key, upload->path);
	}
	if (rc == 0)
		rc = temp_file_open(upload->path, &upload->file);
	if (rc < 0) {
		free(upload);
		fail(folder, item, "cannot write", rc);
		return;
	}
	upload->next_part = 1;
	(void)snprintf(upload->id, sizeof(upload->id), "%llu",
	               (unsigned long long)++folder->upload_count);
	memcpy(item->result.text, upload->id, sizeof(upload->id));
	upload->next = folder->uploads;
	folder->uploads = upload;
	finish(folder, item, CACHE_OK);
}

static struct upload *find_upload(struct cache_folder *folder, const char *id)
{
	struct upload *u = folder->uploads;

	while (u && strcmp(u->id, id) != 0)
		u = u->next;
	return u;
}

/* Parts that are still kept get their results before it goes. */
static void end_upload(struct cache_folder *folder, struct upload *upload)
{
	struct upload **at = &folder->uploads;

	while (*at != upload)
		at = &(*at)->next;
	*at = upload->next;
	while (upload->early) {
		struct item *item = upload->early;

		upload->early = item->next;
		fail_order(folder, item,
		           "its upload ended before this part's turn");
	}
	upload_free(upload);
}

static int write_part(struct cache_folder *folder, struct upload *upload,
                      struct item *item)
{
	int rc = temp_file_write(&upload->file, item->step.body,
	                         item->step.body_len);

	if (rc < 0) {
		fail(folder, item, "cannot write", rc);
		return rc;
	}
	folder->bytes_written += item->step.body_len;
	upload->next_part++;
	(void)snprintf(item->result.text, sizeof(item->result.text), "%u",
	               item->step.part_number);
	finish(folder, item, CACHE_OK);
	return 0;
}

/* The kept part whose turn it is, taken out; NULL: none. */
static struct item *take_early(struct upload *upload)
{
	struct item **at = &upload->early, *item;

	while (*at && (*at)->step.part_number != upload->next_part)
		at = &(*at)->next;
	item = *at;
	if (item)
		*at = item->next;
	return item;
}

static void run_part(struct cache_folder *folder, struct upload *upload,
                     struct item *item)
{
	int rc = 0;

	if (item->step.part_number < upload->next_part) {
		fail_order(folder, item, "this part has been written already");
		return;
	}
	item->next = upload->early;
	upload->early = item;
	while (rc == 0 && (item = take_early(upload)))
		rc = write_part(folder, upload, item);
	if (rc < 0)
		end_upload(folder, upload);
}

static void run_complete(struct cache_folder *folder, struct upload *upload,
                         struct item *item)
{
	int rc;

	if (upload->early || item->step.etags->count != upload->next_part - 1) {
		fail_order(folder, item, "parts of its upload are missing");
		end_upload(folder, upload);
		return;
	}
	rc = temp_file_commit(&upload->file, upload->path);
	end_upload(folder, upload);
	if (rc < 0) {
		fail(folder, item, "cannot write", rc);
	} else {
		finish(folder, item, CACHE_OK);
	}
}

static void run_upload_step(struct cache_folder *folder, struct item *item)
{
	struct upload *upload = find_upload(folder, item->step.upload_id);

	if (item->step.type == CACHE_ABORT) {
		if (upload)
			end_upload(folder, upload);
		finish(folder, item, CACHE_OK);
	} else if (!upload) {
		finish(folder, item, CACHE_MISSING);
	} else if (item->step.type == CACHE_PART) {
		run_part(folder, upload, item);
	} else {
		run_complete(folder, upload, item);
	}
}

int cache_folder_submit(struct cache_folder *folder,
                        const struct cache_step *step)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return -ENOMEM;
	item->step = *step;
	item->result.type = step->type;
	item->result.tag = step->tag;
	folder->pending++;
	switch (step->type) {
	case CACHE_CHECK:
		run_check(folder, item);
		return 0;
	case CACHE_GET:
		run_get(folder, item);
		return 0;
	case CACHE_PUT:
		run_put(folder, item);
		return 0;
	case CACHE_BEGIN:
		run_begin(folder, item);
		return 0;
	case CACHE_PART:
	case CACHE_COMPLETE:
	case CACHE_ABORT:
		run_upload_step(folder, item);
		return 0;
	case CACHE_FETCH:
	case CACHE_LIST:
	case CACHE_DELETE:
		break;
	}
	/* Not a step: our own mistake. */
	folder->pending--;
	free(item);
	return -EINVAL;
}

size_t cache_folder_pending(const struct cache_folder *folder)
{
	return folder->pending;
}

int cache_folder_wait(struct cache_folder *folder, struct pollfd *extra,
                      unsigned extra_count, int timeout_ms)
{
	if (folder->done.head)
		timeout_ms = 0;
	if (poll(extra, extra_count, timeout_ms) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

int cache_folder_next(struct cache_folder *folder,
                      struct cache_result *ret_result)
{
	struct item *item = list_pop(&folder->done);

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
