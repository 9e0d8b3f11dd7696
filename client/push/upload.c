/* Theory of operation
 *
 *   ASKING      CHECK of the NAR.  There: STORED.  Missing: PACKING.
 *   PACKING     the pack brings parts.  A path of one part is one PUT; else
 *               the first part begins a multipart upload, and parts wait for
 *               its id.  Each stored part gives its memory back.
 *   COMPLETING  the pack has said that the NAR hash is right and all parts are
 *               stored.  Only now does the object become visible.
 *   STORED      the conductor has it signed -> SIGNED
 *   SIGNED      the conductor publishes it when its references are -> PUBLISHING
 *   PUBLISHING  PUT of the narinfo -> DONE
 *   any         -> FAILED; a multipart upload that was begun is aborted.
 *
 * One PUT of a single part may be under way before the pack has compared the
 * NAR hash, but pack.h promises that the last part comes only after that.
 */
#include "client/push/upload.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_PART_BITS 16
#define TAG_NAR       0U /* of a PUT */
#define TAG_NARINFO   1U
#define PARTS_FIRST   16
#define PATH_SLACK    4096 /* a chroot store's root before the store */

size_t upload_index(uint64_t tag)
{
	return tag >> TAG_PART_BITS;
}

static uint64_t tag_of(const struct upload *u, unsigned detail)
{
	return (uint64_t)u->index << TAG_PART_BITS | detail;
}

static unsigned detail_of(uint64_t tag)
{
	return tag & ((1U << TAG_PART_BITS) - 1);
}

void upload_fail(struct upload *u, int exit_status, const char *format, ...)
{
	va_list args;

	if (u->state == UPLOAD_FAILED)
		return;
	va_start(args, format);
	(void)vsnprintf(u->error, sizeof(u->error), format, args);
	va_end(args);
	u->exit_status = exit_status;
	u->state = UPLOAD_FAILED;
}

static void fail_errno(struct upload *u, int rc)
{
	upload_fail(u, EXIT_FAILED, "%s", strerror(-rc));
}

/* Parts that wait for an id and will not be sent: the pack may have no memory
 * left for any other path. */
static void give_back(struct upload *u)
{
	for (size_t i = 0; i < u->part_count; i++) {
		if (!u->parts[i].is_lent)
			pack_part_free(take_ptr(u->parts[i].part));
	}
}

/* Nothing is left behind on the server; what was prepared is given back. */
static void abandon(struct upload *u, const struct upload_context *x)
{
	const struct cache_step step = {
		.type = CACHE_ABORT,
		.tag = tag_of(u, 0),
		.key = u->nar_key,
		.upload_id = u->upload_id,
	};

	give_back(u);
	if (!u->upload_id[0])
		return;
	/* An abort that cannot even be queued leaves the upload to the next
	 * push, which looks for such. */
	if (cache_submit(x->cache, &step) < 0)
		u->upload_id[0] = '\0';
}

/* True if the cache has taken it. */
static bool submit(struct upload *u, const struct upload_context *x,
                   const struct cache_step *step)
{
	int rc = cache_submit(x->cache, step);

	if (rc < 0)
		fail_errno(u, rc);
	return rc == 0;
}

int upload_begin(struct upload *u, const struct upload_context *x, size_t index,
                 const struct path_info *info)
{
	struct cache_step step = { .type = CACHE_CHECK };

	*u = (struct upload){
		.state = UPLOAD_ASKING,
		.index = index,
		.info = info,
	};
	buffer_init(&u->narinfo, NARINFO_SIZE_MAX);
	names_format_nar(&info->nar_hash,
	                 pack_compression_suffix(x->compression), u->nar_key);
	names_format_narinfo(info->base, u->narinfo_key);
	step.tag = tag_of(u, 0);
	step.key = u->nar_key;
	return cache_submit(x->cache, &step);
}

void upload_clear(struct upload *u)
{
	pack_part_free(u->whole);
	for (size_t i = 0; i < u->part_count; i++) {
		pack_part_free(u->parts[i].part);
		free(u->parts[i].etag);
	}
	free(u->parts);
	strings_clear(&u->etags);
	strings_clear(&u->signatures);
	buffer_clear(&u->narinfo);
}

static void begin_packing(struct upload *u, const struct upload_context *x)
{
	char path[STORE_PATH_SIZE + PATH_SLACK];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%s", x->physical_dir,
	               u->info->base);
	u->state = UPLOAD_PACKING;
	rc = pack_submit(x->pack, u->index, path, &u->info->nar_hash,
	                 u->info->nar_size, NULL);
	if (rc < 0)
		fail_errno(u, rc);
}

static void send_part(struct upload *u, const struct upload_context *x,
                      struct upload_part *waiting)
{
	const struct pack_part *part = waiting->part;
	const struct cache_step step = {
		.type = CACHE_PART,
		.tag = tag_of(u, part->number),
		.key = u->nar_key,
		.body = part->data,
		.body_len = part->len,
		.md5 = part->md5,
		.upload_id = u->upload_id,
		.part_number = part->number,
	};

	waiting->is_lent = submit(u, x, &step);
}

static void send_whole(struct upload *u, const struct upload_context *x,
                       struct pack_part *part)
{
	const struct cache_step step = {
		.type = CACHE_PUT,
		.tag = tag_of(u, TAG_NAR),
		.key = u->nar_key,
		.body = part->data,
		.body_len = part->len,
		.md5 = part->md5,
	};

	if (submit(u, x, &step)) {
		u->whole = part;
	} else {
		pack_part_free(part);
	}
}

static int remember_part(struct upload *u, struct pack_part *part)
{
	if (u->part_count == u->part_capacity) {
		size_t capacity = u->part_capacity ? u->part_capacity * 2
		                                   : PARTS_FIRST;
		struct upload_part *grown =
			reallocarray(u->parts, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		u->parts = grown;
		u->part_capacity = capacity;
	}
	u->parts[u->part_count++] = (struct upload_part){ .part = part };
	return 0;
}

static void begin_multipart(struct upload *u, const struct upload_context *x)
{
	const struct cache_step step = {
		.type = CACHE_BEGIN,
		.tag = tag_of(u, 0),
		.key = u->nar_key,
	};

	u->is_multipart = true;
	(void)submit(u, x, &step);
}

static void take_part(struct upload *u, const struct upload_context *x,
                      struct pack_part *part)
{
	int rc;

	if (part->number == 1 && part->is_last) {
		send_whole(u, x, part);
		return;
	}
	rc = remember_part(u, part);
	if (rc < 0) {
		pack_part_free(part);
		fail_errno(u, rc);
		return;
	}
	if (!u->is_multipart) {
		begin_multipart(u, x);
	} else if (u->upload_id[0]) {
		send_part(u, x, &u->parts[u->part_count - 1]);
	}
}

static void complete_if_whole(struct upload *u, const struct upload_context *x)
{
	struct cache_step step = {
		.type = CACHE_COMPLETE,
		.tag = tag_of(u, 0),
		.key = u->nar_key,
		.upload_id = u->upload_id,
		.etags = &u->etags,
	};

	if (u->state != UPLOAD_PACKING || !u->is_packed)
		return;
	if (!u->is_multipart) {
		if (u->stored_count == 1)
			u->state = UPLOAD_STORED;
		return;
	}
	if (u->stored_count < u->part_count)
		return;
	for (size_t i = 0; i < u->part_count; i++) {
		int rc = strings_add(&u->etags, u->parts[i].etag,
		                     strlen(u->parts[i].etag));

		if (rc < 0) {
			fail_errno(u, rc);
			return;
		}
	}
	u->state = UPLOAD_COMPLETING;
	(void)submit(u, x, &step);
}

static void take_done(struct upload *u, const struct upload_context *x,
                      const struct pack_event *event)
{
	u->is_packed = true;
	u->has_file = true;
	u->file_hash = event->file_hash;
	u->file_size = event->file_size;
	complete_if_whole(u, x);
}

void upload_take_event(struct upload *u, const struct upload_context *x,
                       struct pack_event *event)
{
	if (u->state == UPLOAD_FAILED) {
		if (event->type == PACK_PART)
			pack_part_free(event->part);
		return;
	}
	switch (event->type) {
	case PACK_PART:
		take_part(u, x, event->part);
		break;
	case PACK_DONE:
		take_done(u, x, event);
		break;
	case PACK_FAILED:
		upload_fail(u, EXIT_FAILED, "%s", event->detail);
		break;
	}
	if (u->state == UPLOAD_FAILED)
		abandon(u, x);
}

static void take_begun(struct upload *u, const struct upload_context *x,
                       const char *upload_id)
{
	(void)snprintf(u->upload_id, sizeof(u->upload_id), "%s", upload_id);
	for (size_t i = 0; i < u->part_count && u->state == UPLOAD_PACKING; i++)
		send_part(u, x, &u->parts[i]);
}

static void take_stored_part(struct upload *u, const struct upload_context *x,
                             unsigned number, const char *etag)
{
	struct upload_part *part;

	if (number == 0 || number > u->part_count)
		return;
	part = &u->parts[number - 1];
	part->etag = strdup(etag);
	if (!part->etag) {
		fail_errno(u, -ENOMEM);
		return;
	}
	u->stored_count++;
	complete_if_whole(u, x);
}

static void take_put(struct upload *u, const struct upload_context *x,
                     unsigned detail)
{
	if (detail == TAG_NARINFO) {
		u->state = UPLOAD_DONE;
		return;
	}
	u->stored_count = 1;
	complete_if_whole(u, x);
}

static void take_success(struct upload *u, const struct upload_context *x,
                         const struct cache_result *result)
{
	switch (result->type) {
	case CACHE_CHECK:
		u->state = UPLOAD_STORED;
		break;
	case CACHE_BEGIN:
		take_begun(u, x, result->text);
		break;
	case CACHE_PART:
		take_stored_part(u, x, detail_of(result->tag), result->text);
		break;
	case CACHE_PUT:
		take_put(u, x, detail_of(result->tag));
		break;
	case CACHE_COMPLETE:
		u->upload_id[0] = '\0';
		u->state = UPLOAD_STORED;
		break;
	case CACHE_GET:
	case CACHE_FETCH:
	case CACHE_LIST:
	case CACHE_ABORT:
	case CACHE_DELETE:
		break;
	}
}

/* However it was answered, the cache needs the bytes of a step no more. */
static void take_back(struct upload *u, const struct cache_result *result)
{
	unsigned detail = detail_of(result->tag);

	if (result->type == CACHE_PUT && detail == TAG_NAR)
		pack_part_free(take_ptr(u->whole));
	if (result->type == CACHE_PART && detail > 0 && detail <= u->part_count)
		pack_part_free(take_ptr(u->parts[detail - 1].part));
}

/* A multipart upload that has begun after its path has failed must still be
 * ended. */
static void take_late(struct upload *u, const struct upload_context *x,
                      const struct cache_result *result)
{
	if (result->type == CACHE_BEGIN && result->outcome == CACHE_OK) {
		(void)snprintf(u->upload_id, sizeof(u->upload_id), "%s",
		               result->text);
		abandon(u, x);
	}
}

void upload_take_result(struct upload *u, const struct upload_context *x,
                        struct cache_result *result)
{
	take_back(u, result);
	if (u->state == UPLOAD_FAILED) {
		take_late(u, x, result);
		return;
	}
	switch (result->outcome) {
	case CACHE_OK:
		take_success(u, x, result);
		break;
	case CACHE_MISSING:
		if (result->type == CACHE_CHECK) {
			begin_packing(u, x);
		} else {
			upload_fail(u, EXIT_FAILED,
			            "%s: the server has lost the upload: push "
			            "again",
			            u->nar_key);
		}
		break;
	case CACHE_EXISTS: /* asked for by only_if_absent, which nobody is */
	case CACHE_FAILED:
		upload_fail(u, result->exit_status, "%s", result->error);
		break;
	}
	if (u->state == UPLOAD_FAILED) {
		pack_cancel(x->pack, u->index);
		abandon(u, x);
	}
}

void upload_abort(struct upload *u, const struct upload_context *x)
{
	if (u->state == UPLOAD_DONE || u->state == UPLOAD_FAILED)
		return;
	if (u->state != UPLOAD_IDLE)
		pack_cancel(x->pack, u->index);
	upload_fail(u, EXIT_FAILED, "given up");
	abandon(u, x);
}

bool upload_is_active(const struct upload *u)
{
	return u->state == UPLOAD_ASKING || u->state == UPLOAD_PACKING ||
	       u->state == UPLOAD_COMPLETING;
}

/* The store's own signatures and ours. */
static int write_narinfo(struct upload *u, const struct upload_context *x)
{
	char compression[16];
	struct narinfo info = {
		.path = *u->info, /* borrowed: only written out */
		.url = u->nar_key,
		.compression = compression,
		.has_file_hash = u->has_file,
		.file_hash = u->file_hash,
		.file_size = u->file_size,
	};
	cleanup_strings struct strings all = { .items = NULL };
	int rc;

	(void)snprintf(compression, sizeof(compression), "%s",
	               pack_compression_name(x->compression));
	rc = strings_add_all(&all, &u->info->signatures);
	if (rc == 0)
		rc = strings_add_all(&all, &u->signatures);
	if (rc < 0)
		return rc;
	strings_sort(&all);
	info.path.signatures = all;
	return narinfo_format(&info, x->store_dir, &u->narinfo);
}

void upload_publish(struct upload *u, const struct upload_context *x)
{
	struct cache_step step = {
		.type = CACHE_PUT,
		.tag = tag_of(u, TAG_NARINFO),
		.key = u->narinfo_key,
	};
	int rc = write_narinfo(u, x);

	if (rc < 0) {
		fail_errno(u, rc);
		return;
	}
	u->state = UPLOAD_PUBLISHING;
	step.body = u->narinfo.data;
	step.body_len = u->narinfo.len;
	(void)submit(u, x, &step);
}
