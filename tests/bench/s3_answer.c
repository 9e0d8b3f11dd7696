#include "tests/bench/s3_answer.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NAME_SIZE  1024
#define NUMBER_LEN 16
#define KEY_SIZE   (2 * (size_t)NAME_SIZE)
#define COMPLETED  "<CompleteMultipartUploadResult/>"

/* The bucket's part of a path ends at its first slash. */
static bool is_bucket(const char *path)
{
	return path[strcspn(path, "/")] == '\0' ||
	       path[strcspn(path, "/") + 1] == '\0';
}

static struct s3_answer with_status(unsigned status)
{
	return (struct s3_answer){ .status = status };
}

static struct s3_answer outcome(int rc)
{
	switch (rc) {
	case 0:
		return with_status(200);
	case -ENOENT:
		return with_status(404);
	case -EINVAL:
		return with_status(400);
	default:
		return with_status(500);
	}
}

/* What was written to a stream that open_memstream() made; ends it. */
static struct s3_answer with_text(FILE *stream, char **text, const size_t *len)
{
	if (fclose(stream) != 0)
		return with_status(500);
	return (struct s3_answer){
		.status = 200,
		.own = (uint8_t *)take_ptr(*text),
		.len = *len,
	};
}

static struct s3_answer answer_begin(struct store *store, const char *path)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	char id[UPLOAD_ID_LEN + 1];
	FILE *out;
	int rc = upload_table_begin(&store->uploads, path, id);

	if (rc < 0)
		return outcome(rc);
	out = open_memstream(&text, &len);
	if (!out)
		return with_status(500);
	(void)fprintf(out,
	              "<InitiateMultipartUploadResult><UploadId>%s</UploadId>"
	              "</InitiateMultipartUploadResult>",
	              id);
	return with_text(out, &text, &len);
}

static struct s3_answer answer_complete(struct store *store, const char *path,
                                        const char *id, const char *completion)
{
	struct s3_answer answer = { .status = 200, .len = strlen(COMPLETED) };
	struct body body;
	int rc = upload_table_complete(&store->uploads, id, completion, &body);

	if (rc == 0)
		rc = object_table_put(&store->objects, path, body, answer.etag);
	if (rc < 0)
		return outcome(rc);
	answer.own = (uint8_t *)strdup(COMPLETED);
	return answer.own ? answer : with_status(500);
}

static struct s3_answer
answer_post(struct store *store, const struct http_head *head, struct body body)
{
	char id[UPLOAD_ID_LEN + 1];
	struct s3_answer answer;

	if (http_head_query(head, "uploadId", id, sizeof(id))) {
		answer = answer_complete(store, head->path, id,
		                         (const char *)body.bytes);
	} else {
		answer = answer_begin(store, head->path);
	}
	free(body.bytes);
	return answer;
}

static struct s3_answer
answer_put(struct store *store, const struct http_head *head, struct body body)
{
	char id[UPLOAD_ID_LEN + 1], number[NUMBER_LEN];
	struct s3_answer answer = { .status = 200 };
	int rc;

	if (http_head_query(head, "uploadId", id, sizeof(id)) &&
	    http_head_query(head, "partNumber", number, sizeof(number))) {
		object_table_make_etag(&store->objects, answer.etag);
		rc = upload_table_put_part(&store->uploads, id,
		                           (unsigned)strtoul(number, NULL, 10),
		                           body, answer.etag);
	} else {
		rc = object_table_put(&store->objects, head->path, body,
		                      answer.etag);
	}
	if (rc < 0) {
		free(body.bytes);
		return outcome(rc);
	}
	return answer;
}

/* Of a bucket: with all that is in it, which S3 itself would not do. */
static struct s3_answer answer_delete(struct store *store,
                                      const struct http_head *head)
{
	char id[UPLOAD_ID_LEN + 1];

	if (is_bucket(head->path)) {
		object_table_remove_all(&store->objects, head->path);
	} else if (http_head_query(head, "uploadId", id, sizeof(id))) {
		upload_table_abort(&store->uploads, id);
	} else {
		object_table_remove(&store->objects, head->path);
	}
	return with_status(204);
}

static void print_page(FILE *out, const struct object_page *page,
                       size_t bucket_len)
{
	(void)fprintf(out,
	              "<ListBucketResult><KeyCount>%zu</KeyCount><IsTruncated>"
	              "%s</IsTruncated>",
	              page->count, page->is_cut ? "true" : "false");
	if (page->is_cut && page->count > 0) {
		(void)fprintf(out,
		              "<NextContinuationToken>%s"
		              "</NextContinuationToken>",
		              page->objects[page->count - 1]->key + bucket_len);
	}
	for (size_t i = 0; i < page->count; i++) {
		const struct object *object = page->objects[i];

		(void)fprintf(out,
		              "<Contents><Key>%s</Key><LastModified>"
		              "2026-01-01T00:00:00.000Z</LastModified><ETag>"
		              "&quot;%s&quot;</ETag><Size>%" PRIu64
		              "</Size></Contents>",
		              object->key + bucket_len, object->etag,
		              object->body.size);
	}
	(void)fputs("</ListBucketResult>", out);
}

/* The value of a parameter that is a key, behind the bucket. */
static void key_of(const struct http_head *head, const char *name, char *out,
                   size_t size)
{
	char value[NAME_SIZE] = "";

	if (!http_head_query(head, name, value, sizeof(value))) {
		out[0] = '\0';
		return;
	}
	http_decode(value);
	(void)snprintf(out, size, "%.*s/%s", (int)strcspn(head->path, "/"),
	               head->path, value);
}

/* What the keys of a bucket's list begin with: the bucket itself, a slash, and
 * the prefix that was asked for. */
static void prefix_of(const struct http_head *head, char *out, size_t size)
{
	key_of(head, "prefix", out, size);
	if (!out[0]) {
		(void)snprintf(out, size, "%.*s/",
		               (int)strcspn(head->path, "/"), head->path);
	}
}

static size_t page_size(const struct http_head *head)
{
	char number[NUMBER_LEN];
	size_t asked = OBJECT_PAGE_MAX;

	if (http_head_query(head, "max-keys", number, sizeof(number)))
		asked = strtoul(number, NULL, 10);
	return asked < OBJECT_PAGE_MAX ? asked : OBJECT_PAGE_MAX;
}

static void print_list(struct store *store, const struct http_head *head,
                       FILE *out)
{
	struct object_page page;
	char prefix[KEY_SIZE], after[KEY_SIZE];

	prefix_of(head, prefix, sizeof(prefix));
	key_of(head, "continuation-token", after, sizeof(after));
	if (!after[0])
		key_of(head, "start-after", after, sizeof(after));
	object_table_list(&store->objects, prefix, after, page_size(head),
	                  &page);
	print_page(out, &page, strcspn(head->path, "/") + 1);
}

static void print_uploads(struct store *store, const struct http_head *head,
                          FILE *out)
{
	char prefix[KEY_SIZE];

	prefix_of(head, prefix, sizeof(prefix));
	(void)fputs("<ListMultipartUploadsResult><IsTruncated>false"
	            "</IsTruncated>",
	            out);
	upload_table_print(&store->uploads, prefix,
	                   strcspn(head->path, "/") + 1, out);
	(void)fputs("</ListMultipartUploadsResult>", out);
}

static int print_parts(struct store *store, const char *id, FILE *out)
{
	int rc;

	(void)fputs("<ListPartsResult><IsTruncated>false</IsTruncated>", out);
	rc = upload_table_print_parts(&store->uploads, id, out);
	(void)fputs("</ListPartsResult>", out);
	return rc;
}

static struct s3_answer answer_list(struct store *store,
                                    const struct http_head *head)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	char id[UPLOAD_ID_LEN + 1];
	struct s3_answer answer;
	FILE *out = open_memstream(&text, &len);
	int rc = 0;

	if (!out)
		return with_status(500);
	if (http_head_query(head, "uploadId", id, sizeof(id))) {
		rc = print_parts(store, id, out);
	} else if (http_head_query(head, "uploads", NULL, 0)) {
		print_uploads(store, head, out);
	} else {
		print_list(store, head, out);
	}
	answer = with_text(out, &text, &len);
	if (rc < 0) {
		s3_answer_clear(&answer);
		return outcome(rc);
	}
	return answer;
}

static struct s3_answer answer_object(struct store *store,
                                      const struct http_head *head)
{
	struct s3_answer answer = {
		.status = 200,
		.object = object_table_find(&store->objects, head->path),
	};

	if (!answer.object)
		return with_status(404);
	/* Nobody may take silence for what was once put here. */
	if (!answer.object->body.bytes && strcmp(head->method, "GET") == 0)
		return with_status(500);
	memcpy(answer.etag, answer.object->etag, sizeof(answer.etag));
	answer.len = answer.object->body.size;
	return answer;
}

bool s3_is_kept(const struct store *store, const struct http_head *head)
{
	return strcmp(head->method, "POST") == 0 ||
	       head->content_length <= store->keep_max;
}

struct s3_answer s3_answer(struct store *store, const struct http_head *head,
                           struct body body)
{
	if (strcmp(head->method, "PUT") == 0)
		return answer_put(store, head, body);
	if (strcmp(head->method, "POST") == 0)
		return answer_post(store, head, body);
	free(body.bytes);
	if (strcmp(head->method, "DELETE") == 0)
		return answer_delete(store, head);
	if (is_bucket(head->path) || http_head_query(head, "uploadId", NULL, 0))
		return answer_list(store, head);
	return answer_object(store, head);
}

void s3_answer_clear(struct s3_answer *answer)
{
	free(answer->own);
	answer->own = NULL;
}
