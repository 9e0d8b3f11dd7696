/* folder_state.h - a folder's steps under way, and their results
 *
 * Private to this folder.  A step becomes an item; each item ends once, by
 * finish or by a failure, and is then a result that waits to be taken.
 */
#pragma once

#include "client/cache/cache_folder.h"
#include "client/cache/temp_file.h"

#include <sys/stat.h>

struct folder_item {
	struct folder_item *next;
	struct cache_step step;
	struct cache_result result;

	/* CACHE_FETCH */
	int fd;       /* owned; -1: none */
	uint64_t at;  /* the next byte to be read */
	uint64_t end; /* the first that is not wanted */
};

struct folder_list {
	struct folder_item *head;
	struct folder_item *tail;
};

struct folder_upload;

struct cache_folder {
	const char *path; /* borrowed */
	struct folder_list done;
	size_t pending;
	struct folder_upload *uploads; /* folder_uploads.c */
	uint64_t upload_count;         /* ever, for their names */
	uint64_t bytes_written;

	/* folder_fetch.c */
	struct folder_list fetches;
	int event_fd;          /* conduits that have room again; -1: none yet */
	uint8_t *piece;        /* owned; what was read last */
	struct pollfd *polled; /* owned; the caller's and event_fd */
	unsigned polled_max;
};

void folder_push(struct folder_list *list, struct folder_item *item);
struct folder_item *folder_pop(struct folder_list *list);

/* With all that it owns, results too; a fetch is ended with -ECANCELED. */
void folder_item_free(struct folder_item *item);

void folder_finish(struct cache_folder *folder, struct folder_item *item,
                   enum cache_outcome outcome);
/* action: "cannot read"; rc: -errno. */
void folder_fail(struct cache_folder *folder, struct folder_item *item,
                 const char *action, int rc);
void folder_fail_because(struct cache_folder *folder, struct folder_item *item,
                         const char *reason);

/* The file of a key.  -EINVAL for a key that leads out of the folder,
 * -ENAMETOOLONG. */
must_check int folder_path(const struct cache_folder *folder, const char *key,
                           char out[TEMP_FILE_PATH_MAX]);

/* An object is a plain file: a symbolic link is -ELOOP, anything else that is
 * not one -EISDIR, nothing at all -ENOENT or -ENOTDIR. */
must_check int folder_look(const char *path, struct stat *ret_stat);
/* Likewise; the descriptor, or -errno. */
must_check int folder_open_object(const char *path, struct stat *ret_stat);

bool folder_is_absent(int rc);
