/* Theory of operation
 *
 *   ASKING      CHECK of the NAR.  There: STORED.  Missing: PACKING, or, where
 *               an earlier run has left an upload of it, RESUMING.
 *   RESUMING    is that upload still there?  Yes: PACKING goes on behind its
 *               parts; no: PACKING begins anew.
 *   PACKING     the pack brings parts.  A path of one part is one PUT; else
 *               the first part begins a multipart upload (multipart.h).  Each
 *               stored part gives its memory back.
 *   COMPLETING  the pack has said that the NAR hash is right and all parts are
 *               stored.  Only now does the object become visible.
 *   LOOKING     the upload is gone: another push may have completed one of the
 *               same object and ended ours.  CHECK of the NAR once more.
 *   STORED      the conductor has it signed -> SIGNED
 *   SIGNED      the conductor publishes it when its references are -> PUBLISHING
 *   PUBLISHING  PUT of the narinfo -> DONE
 *   any         -> FAILED; a multipart upload that was begun is aborted.
 *
 * One PUT of a single part may be under way before the pack has compared the
 * NAR hash, but pack.h promises that the last part comes only after that.
 */
#include "client/push/upload.h"

#include "client/push/publication.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_PART_BITS 16
#define TAG_NAR       0U /* of a PUT */
#define TAG_NARINFO   1U
#define PATH_SLACK    4096 /* a chroot store's root before the store */

size_t upload_index(uint64_t tag)
{
	return tag >> TAG_PART_BITS;
}

static uint64_t tag_of(const struct upload *u, unsigned detail)
{
	return (uint64_t)u->index << TAG_PART_BITS | detail;
}

static struct multipart_place place_of(const struct upload *u,
                                       const struct upload_context *x)
{
	return (struct multipart_place){
		.cache = x->cache,
		.journal = x->journal,
		.store = x->store_uri,
		.key = u->nar_key,
		.tag = tag_of(u, 0),
	};
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
	if (vasprintf(&u->error, format, args) < 0)
		u->error = NULL;
	va_end(args);
	u->exit_status = exit_status;
	u->state = UPLOAD_FAILED;
}

static void fail_errno(struct upload *u, int rc)
{
	upload_fail(u, EXIT_FAILED, "%s", strerror(-rc));
}

/* Nothing is left behind on the server; what was prepared is given back. */
static void abandon(struct upload *u, const struct upload_context *x)
{
	const struct multipart_place place = place_of(u, x);

	multipart_abandon(&u->multipart, &place);
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
		.asked_ms = clock_boot_ms(),
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
	pack_part_free(take_ptr(u->whole));
	multipart_clear(&u->multipart);
	strings_clear(&u->signatures);
	buffer_clear(&u->narinfo);
	free(take_ptr(u->error));
}

const char *upload_error(const struct upload *u)
{
	return u->error ? u->error : "out of memory";
}

static void begin_packing(struct upload *u, const struct upload_context *x)
{
	const struct pack_start *start = &u->multipart.start;
	char path[STORE_PATH_SIZE + PATH_SLACK];
	const struct pack_source source = {
		.path = path,
		.expected_hash = &u->info->nar_hash,
		.expected_size = u->info->nar_size,
	};
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%s", x->physical_dir,
	               u->info->base);
	u->state = UPLOAD_PACKING;
	rc = pack_submit(x->pack, u->index, &source,
	                 start->parts > 0 ? start : NULL);
	if (rc < 0)
		fail_errno(u, rc);
}

/* The NAR is not there: is a part of it? */
static void begin_or_resume(struct upload *u, const struct upload_context *x)
{
	const struct multipart_place place = place_of(u, x);
	int rc = 0;

	if (u->info->nar_size > PACK_SINGLE_MAX)
		rc = multipart_adopt(&u->multipart, &place);
	if (rc == 0) {
		begin_packing(u, x);
		return;
	}
	u->state = UPLOAD_RESUMING;
	if (rc > 0)
		rc = multipart_ask(&u->multipart, &place);
	if (rc < 0)
		fail_errno(u, rc);
}

static void resume(struct upload *u, const struct upload_context *x,
                   bool is_there)
{
	const struct multipart_place place = place_of(u, x);

	if (!is_there)
		multipart_disown(&u->multipart, &place);
	begin_packing(u, x);
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

static void take_part(struct upload *u, const struct upload_context *x,
                      struct pack_part *part)
{
	const struct multipart_place place = place_of(u, x);
	int rc;

	/* An upload that was adopted without parts takes it as its only one. */
	if (part->number == 1 && part->is_last && !u->multipart.is_begun) {
		send_whole(u, x, part);
		return;
	}
	rc = multipart_add(&u->multipart, &place, part);
	if (rc < 0)
		fail_errno(u, rc);
}

static void complete_if_whole(struct upload *u, const struct upload_context *x)
{
	const struct multipart_place place = place_of(u, x);
	int rc;

	if (u->state != UPLOAD_PACKING || !u->is_packed)
		return;
	if (!u->multipart.is_begun) {
		if (u->is_whole_stored)
			u->state = UPLOAD_STORED;
		return;
	}
	if (!multipart_is_stored(&u->multipart))
		return;
	u->state = UPLOAD_COMPLETING;
	rc = multipart_complete(&u->multipart, &place);
	if (rc < 0)
		fail_errno(u, rc);
}

static void take_done(struct upload *u, const struct upload_context *x,
                      const struct pack_event *event)
{
	u->is_packed = true;
	u->has_file = event->has_file_hash;
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
	const struct multipart_place place = place_of(u, x);
	int rc = multipart_take_begun(&u->multipart, &place, upload_id);

	if (rc < 0)
		fail_errno(u, rc);
}

static void take_stored_part(struct upload *u, const struct upload_context *x,
                             unsigned number, const char *etag)
{
	const struct multipart_place place = place_of(u, x);
	int rc = multipart_note_stored(&u->multipart, &place, number, etag);

	if (rc < 0) {
		fail_errno(u, rc);
	} else {
		complete_if_whole(u, x);
	}
}

static void note_upload_ended(struct upload *u, const struct upload_context *x)
{
	const struct multipart_place place = place_of(u, x);

	multipart_note_ended(&u->multipart, &place);
}

static void take_put(struct upload *u, const struct upload_context *x,
                     unsigned detail)
{
	if (detail == TAG_NARINFO) {
		u->state = UPLOAD_DONE;
		return;
	}
	u->is_whole_stored = true;
	complete_if_whole(u, x);
}

static void take_success(struct upload *u, const struct upload_context *x,
                         const struct cache_result *result)
{
	switch (result->type) {
	case CACHE_CHECK:
		u->state = UPLOAD_STORED;
		break;
	case CACHE_FIND_UPLOAD:
		resume(u, x, true);
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
		note_upload_ended(u, x);
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

static void lose_upload(struct upload *u)
{
	upload_fail(u, EXIT_FAILED,
	            "%s: the server has lost the upload: push again",
	            u->nar_key);
}

/* What is gone was perhaps ended by a push that had the same object whole. */
static void look_again(struct upload *u, const struct upload_context *x)
{
	const struct cache_step step = {
		.type = CACHE_CHECK,
		.tag = tag_of(u, 0),
		.key = u->nar_key,
	};

	pack_cancel(x->pack, u->index);
	note_upload_ended(u, x);
	abandon(u, x);
	u->has_file = false; /* another's bytes may be other ones */
	u->state = UPLOAD_LOOKING;
	(void)submit(u, x, &step);
}

static void take_missing(struct upload *u, const struct upload_context *x)
{
	switch (u->state) {
	case UPLOAD_ASKING:
		begin_or_resume(u, x);
		break;
	case UPLOAD_RESUMING:
		resume(u, x, false);
		break;
	case UPLOAD_PACKING:
	case UPLOAD_COMPLETING:
		look_again(u, x);
		break;
	case UPLOAD_LOOKING:
		lose_upload(u);
		break;
	case UPLOAD_IDLE:
	case UPLOAD_STORED:
	case UPLOAD_SIGNED:
	case UPLOAD_PUBLISHING:
	case UPLOAD_DONE:
	case UPLOAD_FAILED:
		break;
	}
}

/* However it was answered, the cache needs the bytes of a step no more. */
static void take_back(struct upload *u, const struct cache_result *result)
{
	unsigned detail = detail_of(result->tag);

	if (result->type == CACHE_PUT && detail == TAG_NAR)
		pack_part_free(take_ptr(u->whole));
	if (result->type == CACHE_PART)
		multipart_take_back(&u->multipart, detail);
}

/* True for what an upload that is no longer waited for is answered with: one
 * that has begun only now must still be ended. */
static bool is_late(struct upload *u, const struct upload_context *x,
                    const struct cache_result *result)
{
	const struct multipart_place place = place_of(u, x);

	if (result->type == CACHE_ABORT) {
		if (result->outcome != CACHE_FAILED)
			multipart_note_ended(&u->multipart, &place);
		return true;
	}
	if (u->state != UPLOAD_FAILED)
		return u->state >= UPLOAD_LOOKING && result->type == CACHE_PART;
	if (result->type == CACHE_BEGIN && result->outcome == CACHE_OK)
		multipart_take_late(&u->multipart, &place, result->text);
	return true;
}

void upload_take_result(struct upload *u, const struct upload_context *x,
                        struct cache_result *result)
{
	take_back(u, result);
	if (is_late(u, x, result))
		return;
	switch (result->outcome) {
	case CACHE_OK:
		take_success(u, x, result);
		break;
	case CACHE_MISSING:
		take_missing(u, x);
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

void upload_abort(struct upload *u, const struct upload_context *x,
                  const char *why)
{
	if (u->state == UPLOAD_DONE || u->state == UPLOAD_FAILED)
		return;
	if (u->state != UPLOAD_IDLE)
		pack_cancel(x->pack, u->index);
	upload_fail(u, EXIT_FAILED, "%s", why);
	abandon(u, x);
}

bool upload_is_active(const struct upload *u)
{
	return u->state > UPLOAD_IDLE && u->state < UPLOAD_STORED;
}

void upload_publish(struct upload *u, const struct upload_context *x)
{
	struct cache_step step = {
		.type = CACHE_PUT,
		.tag = tag_of(u, TAG_NARINFO),
		.key = u->narinfo_key,
	};
	const struct publication publication = {
		.info = u->info,
		.store_dir = x->store_dir,
		.nar_key = u->nar_key,
		.compression = x->compression,
		.signatures = &u->signatures,
		.file_hash = u->has_file ? &u->file_hash : NULL,
		.file_size = u->file_size,
	};
	int rc = publication_write(&publication, &u->narinfo);

	if (rc < 0) {
		fail_errno(u, rc);
		return;
	}
	u->state = UPLOAD_PUBLISHING;
	step.body = u->narinfo.data;
	step.body_len = u->narinfo.len;
	(void)submit(u, x, &step);
}
