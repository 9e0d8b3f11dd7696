#include "client/cache/uploads.h"

#include "client/cache/names.h"
#include "client/cache/s3_error.h"
#include "client/cache/s3_xml.h"
#include "protocol/s3/object_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PAGES_MAX     100U /* of 1000 uploads */
#define WAIT_AGAIN_MS 1000
#define ANSWER_MAX    (256UL * 1024)

/* Where the next page of the listing begins. */
struct position {
	char key[OBJECT_KEY_MAX + 1]; /* relative to the cache's prefix */
	char upload_id[S3_UPLOAD_ID_MAX + 1];
	bool is_last;
};

struct page {
	struct s3_xml xml;
	struct position next;
};

static bool is_stale(const struct uploads_search *search, const char *key,
                     const char *initiated)
{
	int64_t began = s3_xml_time(initiated);

	if (strings_contain(search->sorted_keys, key))
		return true;
	return began >= 0 && (int64_t)time(NULL) - began > UPLOADS_AGE_MAX_S;
}

static int copy_marker(const char *text, char *out, size_t size)
{
	if (!text || strlen(text) >= size)
		return -EBADMSG;
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int read_position(const struct uploads_search *search,
                         const struct s3_xml *xml, struct position *next)
{
	const char *is_truncated = s3_xml_find(xml, 0, "IsTruncated");
	int rc;

	next->is_last = !is_truncated || strcmp(is_truncated, "true") != 0;
	if (next->is_last)
		return 0;
	rc = copy_marker(
		names_without_prefix(search->prefix,
	                             s3_xml_find(xml, 0, "NextKeyMarker")),
		next->key, sizeof(next->key));
	if (rc < 0)
		return rc;
	return copy_marker(s3_xml_find(xml, 0, "NextUploadIdMarker"),
	                   next->upload_id, sizeof(next->upload_id));
}

static int read_page(const struct uploads_search *search,
                     const struct transfer_result *answer, struct page *page)
{
	int rc;

	rc = s3_xml_parse(buffer_bytes(&answer->response), &page->xml);
	if (rc < 0)
		return rc;
	if (strcmp(s3_xml_name(&page->xml, 0), "ListMultipartUploadsResult") !=
	    0)
		return -EBADMSG;
	return read_position(search, &page->xml, &page->next);
}

static int read_reply(const struct uploads_search *search,
                      const struct s3_reply *reply, struct page *page,
                      char *why, size_t why_size)
{
	int rc = -EIO;

	if (reply->is_refused) {
		(void)snprintf(why, why_size, "%s", reply->refusal.text);
		return -EIO;
	}
	if (reply->result.outcome == TRANSFER_DONE &&
	    reply->result.http_status == 200) {
		rc = read_page(search, &reply->result, page);
		if (rc == -EBADMSG) {
			(void)snprintf(why, why_size,
			               "unfinished uploads: the server's list "
			               "is malformed");
		}
	} else {
		s3_error_explain(&reply->result, search->cache,
		                 "unfinished uploads", why, why_size);
	}
	return rc == -EBADMSG ? -EIO : rc;
}

static int get_page(const struct uploads_search *search, struct page *page,
                    char *why, size_t why_size)
{
	const struct position from = page->next;
	struct s3_call call = {
		.request = { .operation = S3_LIST_MULTIPART_UPLOADS,
		             .prefix = bytes_of_text(NAMES_NAR_DIRECTORY),
		             .max_keys = S3_MAX_KEYS_MAX },
		.response_max = S3_XML_BODY_MAX,
	};
	struct s3_reply reply;
	int rc;

	if (from.key[0]) {
		call.request.key_marker = bytes_of_text(from.key);
		call.request.upload_id_marker = bytes_of_text(from.upload_id);
	}
	rc = s3_queue_run(search->queue, &call, &reply);
	if (rc < 0)
		return rc;
	rc = read_reply(search, &reply, page, why, why_size);
	buffer_clear(&reply.result.response);
	return rc;
}

static int submit_abort(const struct uploads_search *search,
                        const struct s3_xml *xml, size_t upload)
{
	const char *key = names_without_prefix(search->prefix,
	                                       s3_xml_find(xml, upload, "Key"));
	const char *id = s3_xml_find(xml, upload, "UploadId");
	struct s3_call call = {
		.request = { .operation = S3_ABORT_MULTIPART_UPLOAD },
		.response_max = ANSWER_MAX,
	};

	if (!key || !id || !id[0] ||
	    !is_stale(search, key, s3_xml_find(xml, upload, "Initiated")))
		return 0;
	call.request.key = bytes_of_text(key);
	call.request.upload_id = bytes_of_text(id);
	return s3_queue_submit(search->queue, &call);
}

static bool is_ended(const struct s3_reply *reply)
{
	return !reply->is_refused && reply->result.outcome == TRANSFER_DONE &&
	       reply->result.http_status / 100 == 2;
}

static int finish_aborts(const struct uploads_search *search, size_t *count)
{
	struct s3_reply reply;
	int rc = 0;

	while (rc >= 0 && s3_queue_pending(search->queue) > 0) {
		rc = s3_queue_next(search->queue, &reply);
		if (rc == 1) {
			*count += is_ended(&reply) ? 1 : 0;
			buffer_clear(&reply.result.response);
		} else if (rc == 0) {
			rc = s3_queue_wait(search->queue, NULL, 0,
			                   WAIT_AGAIN_MS);
		}
	}
	return rc < 0 ? rc : 0;
}

/* The aborts point into the page: it must stay until they are finished, also
 * after a failure. */
static int end_those_of(const struct uploads_search *search,
                        const struct s3_xml *xml, size_t *count)
{
	int rc = 0, finished;

	for (size_t i = 1; rc == 0 && i < xml->count; i++) {
		if (s3_xml_depth(xml, i) == 1 &&
		    strcmp(s3_xml_name(xml, i), "Upload") == 0)
			rc = submit_abort(search, xml, i);
	}
	finished = finish_aborts(search, count);
	return rc < 0 ? rc : finished;
}

int uploads_end_stale(const struct uploads_search *search, size_t *ret_count,
                      char *why, size_t why_size)
{
	struct page page = { .next = { .is_last = false } };
	size_t count = 0;

	for (unsigned i = 0; i < PAGES_MAX && !page.next.is_last; i++) {
		int rc = get_page(search, &page, why, why_size);

		if (rc == 0)
			rc = end_those_of(search, &page.xml, &count);
		s3_xml_clear(&page.xml);
		if (rc < 0)
			return rc;
	}
	*ret_count = count;
	return 0;
}
