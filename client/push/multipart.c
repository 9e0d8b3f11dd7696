#include "client/push/multipart.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_FIRST 16

void multipart_clear(struct multipart *m)
{
	for (size_t i = 0; i < m->count; i++) {
		pack_part_free(m->parts[i].part);
		free(m->parts[i].etag);
	}
	free(m->parts);
	free(m->upload_id);
	strings_clear(&m->etags);
	*m = (struct multipart){ .is_begun = false };
}

static int append(struct multipart *m, const struct multipart_part *part)
{
	if (m->count == m->capacity) {
		size_t capacity = m->capacity ? m->capacity * 2 : PARTS_FIRST;
		struct multipart_part *grown =
			reallocarray(m->parts, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		m->parts = grown;
		m->capacity = capacity;
	}
	m->parts[m->count++] = *part;
	return 0;
}

static int name_upload(struct multipart *m, const char *upload_id)
{
	free(m->upload_id);
	m->upload_id = strdup(upload_id);
	return m->upload_id ? 0 : -ENOMEM;
}

/* What the journal says of a failure of its own is not asked: a push works
 * without. */
int multipart_adopt(struct multipart *m, const struct multipart_place *place)
{
	struct journal_upload left = { .upload_id = "" };
	int rc = 0;

	if (journal_adopt_upload(place->journal, place->store, place->key,
	                         MULTIPART_AGE_MAX_S, &left) != 1)
		return 0;
	for (size_t i = 0; i < left.etags.count && rc == 0; i++) {
		struct multipart_part part = {
			.etag = strdup(left.etags.items[i]),
		};

		rc = part.etag ? append(m, &part) : -ENOMEM;
		if (rc < 0)
			free(part.etag);
	}
	if (rc == 0)
		rc = name_upload(m, left.upload_id);
	if (rc == 0) {
		m->is_begun = true;
		m->is_written = true;
		m->stored_count = m->count;
		m->start = (struct pack_start){
			.blocks = left.blocks,
			.parts = (unsigned)m->count,
			.bytes = left.bytes,
			.so_far = left.so_far,
		};
	}
	journal_upload_clear(&left);
	return rc < 0 ? rc : 1;
}

void multipart_disown(struct multipart *m, const struct multipart_place *place)
{
	multipart_note_ended(m, place);
	multipart_clear(m);
}

int multipart_ask(const struct multipart *m,
                  const struct multipart_place *place)
{
	const struct cache_step step = {
		.type = CACHE_FIND_UPLOAD,
		.tag = place->tag,
		.key = place->key,
		.upload_id = m->upload_id,
	};

	return cache_submit(place->cache, &step);
}

int multipart_begin(struct multipart *m, const struct multipart_place *place)
{
	const struct cache_step step = {
		.type = CACHE_BEGIN,
		.tag = place->tag,
		.key = place->key,
	};

	m->is_begun = true;
	return cache_submit(place->cache, &step);
}

static int send(struct multipart *m, const struct multipart_place *place,
                struct multipart_part *waiting)
{
	const struct pack_part *part = waiting->part;
	const struct cache_step step = {
		.type = CACHE_PART,
		.tag = place->tag + part->number,
		.key = place->key,
		.body = part->data,
		.body_len = part->len,
		.md5 = part->md5,
		.upload_id = m->upload_id,
		.part_number = part->number,
	};
	int rc = cache_submit(place->cache, &step);

	waiting->is_lent = rc == 0;
	return rc;
}

int multipart_take_begun(struct multipart *m,
                         const struct multipart_place *place,
                         const char *upload_id)
{
	int rc = name_upload(m, upload_id);

	if (rc < 0)
		return rc;
	m->is_written = place->journal &&
	                journal_begin_upload(place->journal, place->store,
	                                     place->key, upload_id) == 0;
	for (size_t i = 0; i < m->count && rc == 0; i++)
		rc = send(m, place, &m->parts[i]);
	return rc;
}

int multipart_add(struct multipart *m, const struct multipart_place *place,
                  struct pack_part *part)
{
	const struct multipart_part added = {
		.part = part,
		.bytes = part->len,
		.blocks = part->blocks,
		.so_far = part->so_far,
		.is_last = part->is_last,
	};
	int rc = append(m, &added);

	if (rc < 0) {
		pack_part_free(part);
		return rc;
	}
	if (!m->is_begun)
		return multipart_begin(m, place);
	return m->upload_id ? send(m, place, &m->parts[m->count - 1]) : 0;
}

void multipart_take_back(struct multipart *m, unsigned number)
{
	if (number == 0 || number > m->count)
		return;
	m->parts[number - 1].is_lent = false;
	pack_part_free(take_ptr(m->parts[number - 1].part));
}

int multipart_note_stored(struct multipart *m,
                          const struct multipart_place *place, unsigned number,
                          const char *etag)
{
	struct multipart_part *part;

	if (number == 0 || number > m->count || m->parts[number - 1].etag)
		return 0;
	part = &m->parts[number - 1];
	part->etag = strdup(etag);
	if (!part->etag)
		return -ENOMEM;
	m->stored_count++;
	/* Whoever goes on must have something to read: the last part tells
	 * that the NAR was the right one. */
	if (m->is_written && !part->is_last) {
		const struct journal_part stored = {
			.number = number,
			.etag = etag,
			.bytes = part->bytes,
			.blocks = part->blocks,
			.so_far = part->so_far,
		};

		m->is_written = journal_add_part(place->journal, place->store,
		                                 m->upload_id, &stored) == 0;
	}
	return 0;
}

int multipart_complete(struct multipart *m, const struct multipart_place *place)
{
	const struct cache_step step = {
		.type = CACHE_COMPLETE,
		.tag = place->tag,
		.key = place->key,
		.upload_id = m->upload_id,
		.etags = &m->etags,
	};

	for (size_t i = 0; i < m->count; i++) {
		int rc = strings_add(&m->etags, m->parts[i].etag,
		                     strlen(m->parts[i].etag));

		if (rc < 0)
			return rc;
	}
	return cache_submit(place->cache, &step);
}

void multipart_note_ended(struct multipart *m,
                          const struct multipart_place *place)
{
	/* What stays written goes with its age. */
	if (m->upload_id && !m->is_over) {
		(void)!journal_end_upload(place->journal, place->store,
		                          m->upload_id);
	}
	m->is_over = true;
}

/* Parts that wait for a name and will not be sent: the pack may have no memory
 * left for any other path. */
static void give_back(struct multipart *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (!m->parts[i].is_lent)
			pack_part_free(take_ptr(m->parts[i].part));
	}
}

void multipart_abandon(struct multipart *m, const struct multipart_place *place)
{
	const struct cache_step step = {
		.type = CACHE_ABORT,
		.tag = place->tag,
		.key = place->key,
		.upload_id = m->upload_id,
	};

	give_back(m);
	if (m->upload_id && !m->is_over &&
	    cache_submit(place->cache, &step) < 0)
		m->is_over = true;
}

void multipart_take_late(struct multipart *m,
                         const struct multipart_place *place,
                         const char *upload_id)
{
	/* What has no name here goes with its age. */
	if (name_upload(m, upload_id) == 0)
		multipart_abandon(m, place);
}
