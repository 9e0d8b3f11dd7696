/* Theory of Operation
 *
 * An upload is one temp_file that parts are appended to.  A part that comes
 * before its turn is kept (its bytes are borrowed until its result) and
 * written when the one before it has been.  An upload ends
 *
 *   with COMPLETE:  the file gets its name;
 *   with ABORT, or when a part cannot be written:  the file is removed, parts
 *                   still kept fail, and later steps find no such upload;
 *   with the cache: the same, without results.
 */
#include "client/cache/folder_uploads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct folder_upload {
	struct folder_upload *next;
	char id[24];
	char path[TEMP_FILE_PATH_MAX]; /* what it will be */
	struct temp_file file;
	unsigned next_part;
	struct folder_item *early; /* parts before their turn */
};

static void upload_free(struct folder_upload *upload)
{
	temp_file_discard(&upload->file);
	while (upload->early) {
		struct folder_item *item = upload->early;

		upload->early = item->next;
		folder_item_free(item);
	}
	free(upload);
}

void folder_uploads_begin(struct cache_folder *folder, struct folder_item *item)
{
	struct folder_upload *upload = calloc(1, sizeof(*upload));
	int rc = -ENOMEM;

	if (upload) {
		upload->file.fd = -1;
		rc = folder_path(folder, item->step.key, upload->path);
	}
	if (rc == 0)
		rc = temp_file_open(upload->path, &upload->file);
	if (rc < 0) {
		free(upload);
		folder_fail(folder, item, "cannot write", rc);
		return;
	}
	upload->next_part = 1;
	(void)snprintf(upload->id, sizeof(upload->id), "%llu",
	               (unsigned long long)++folder->upload_count);
	memcpy(item->result.text, upload->id, sizeof(upload->id));
	upload->next = folder->uploads;
	folder->uploads = upload;
	folder_finish(folder, item, CACHE_OK);
}

static struct folder_upload *find_upload(struct cache_folder *folder,
                                         const char *id)
{
	struct folder_upload *u = folder->uploads;

	while (u && strcmp(u->id, id) != 0)
		u = u->next;
	return u;
}

/* Parts that are still kept get their results before it goes. */
static void end_upload(struct cache_folder *folder,
                       struct folder_upload *upload)
{
	struct folder_upload **at = &folder->uploads;

	while (*at != upload)
		at = &(*at)->next;
	*at = upload->next;
	while (upload->early) {
		struct folder_item *item = upload->early;

		upload->early = item->next;
		folder_fail_because(folder, item,
		                    "its upload ended before this part's turn");
	}
	upload_free(upload);
}

static int write_part(struct cache_folder *folder, struct folder_upload *upload,
                      struct folder_item *item)
{
	int rc = temp_file_write(&upload->file, item->step.body,
	                         item->step.body_len);

	if (rc < 0) {
		folder_fail(folder, item, "cannot write", rc);
		return rc;
	}
	folder->bytes_written += item->step.body_len;
	upload->next_part++;
	(void)snprintf(item->result.text, sizeof(item->result.text), "%u",
	               item->step.part_number);
	folder_finish(folder, item, CACHE_OK);
	return 0;
}

/* The kept part whose turn it is, taken out; NULL: none. */
static struct folder_item *take_early(struct folder_upload *upload)
{
	struct folder_item **at = &upload->early, *item;

	while (*at && (*at)->step.part_number != upload->next_part)
		at = &(*at)->next;
	item = *at;
	if (item)
		*at = item->next;
	return item;
}

static void run_part(struct cache_folder *folder, struct folder_upload *upload,
                     struct folder_item *item)
{
	int rc = 0;

	if (item->step.part_number < upload->next_part) {
		folder_fail_because(folder, item,
		                    "this part has been written already");
		return;
	}
	item->next = upload->early;
	upload->early = item;
	while (rc == 0 && (item = take_early(upload)))
		rc = write_part(folder, upload, item);
	if (rc < 0)
		end_upload(folder, upload);
}

static void run_complete(struct cache_folder *folder,
                         struct folder_upload *upload, struct folder_item *item)
{
	int rc;

	if (upload->early || item->step.etags->count != upload->next_part - 1) {
		folder_fail_because(folder, item,
		                    "parts of its upload are missing");
		end_upload(folder, upload);
		return;
	}
	rc = temp_file_commit(&upload->file, upload->path);
	end_upload(folder, upload);
	if (rc < 0) {
		folder_fail(folder, item, "cannot write", rc);
	} else {
		folder_finish(folder, item, CACHE_OK);
	}
}

void folder_uploads_step(struct cache_folder *folder, struct folder_item *item)
{
	struct folder_upload *upload =
		find_upload(folder, item->step.upload_id);

	if (item->step.type == CACHE_ABORT) {
		if (upload)
			end_upload(folder, upload);
		folder_finish(folder, item, CACHE_OK);
	} else if (!upload) {
		folder_finish(folder, item, CACHE_MISSING);
	} else if (item->step.type == CACHE_PART) {
		run_part(folder, upload, item);
	} else {
		run_complete(folder, upload, item);
	}
}

void folder_uploads_close(struct cache_folder *folder)
{
	struct folder_upload *next;

	for (struct folder_upload *u = folder->uploads; u; u = next) {
		next = u->next;
		upload_free(u);
	}
	folder->uploads = NULL;
}
