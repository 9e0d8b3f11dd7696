#include "protocol/s3/operation.h"

#include "protocol/base/text.h"
#include "protocol/s3/object_key.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The fields of a request, in the order in which they are checked. */
enum field {
	FIELD_KEY,
	FIELD_EXPIRES,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_MD5,
	FIELD_IF_NONE_MATCH,
	FIELD_UPLOAD_ID,
	FIELD_PART_NUMBER,
	FIELD_PREFIX,
	FIELD_START_AFTER,
	FIELD_CONTINUATION_TOKEN,
	FIELD_KEY_MARKER,
	FIELD_UPLOAD_ID_MARKER,
	FIELD_MAX_KEYS,
	FIELD_PART_NUMBER_MARKER,
	FIELD_COUNT,
};

#define BIT(field) (1U << (field))

static const char *const field_names[] = {
	[FIELD_KEY] = "key",
	[FIELD_EXPIRES] = "expires",
	[FIELD_CONTENT_LENGTH] = "contentLength",
	[FIELD_CONTENT_MD5] = "contentMd5",
	[FIELD_IF_NONE_MATCH] = "ifNoneMatch",
	[FIELD_UPLOAD_ID] = "uploadId",
	[FIELD_PART_NUMBER] = "partNumber",
	[FIELD_PREFIX] = "prefix",
	[FIELD_START_AFTER] = "startAfter",
	[FIELD_CONTINUATION_TOKEN] = "continuationToken",
	[FIELD_KEY_MARKER] = "keyMarker",
	[FIELD_UPLOAD_ID_MARKER] = "uploadIdMarker",
	[FIELD_MAX_KEYS] = "maxKeys",
	[FIELD_PART_NUMBER_MARKER] = "partNumberMarker",
};
static_assert(sizeof(field_names) / sizeof(*field_names) == FIELD_COUNT,
              "every field has a name");

/* What S3 calls maxKeys and the constant pair differ by operation; everything
 * else about an operation is which fields it takes. */
static const struct {
	const char *name;
	const char *method;
	unsigned needed;
	unsigned allowed;          /* beside the needed ones and expires */
	const char *constant_name; /* of a query pair it always has, or NULL */
	const char *constant_value;
	const char *max_name; /* its query name for maxKeys */
} operations[] = {
	[S3_GET_OBJECT] = {
		.name = "GetObject",
		.method = "GET",
		.needed = BIT(FIELD_KEY),
	},
	[S3_HEAD_OBJECT] = {
		.name = "HeadObject",
		.method = "HEAD",
		.needed = BIT(FIELD_KEY),
	},
	[S3_PUT_OBJECT] = {
		.name = "PutObject",
		.method = "PUT",
		.needed = BIT(FIELD_KEY) | BIT(FIELD_CONTENT_LENGTH),
		.allowed = BIT(FIELD_CONTENT_MD5) | BIT(FIELD_IF_NONE_MATCH),
	},
	[S3_LIST_OBJECTS_V2] = {
		.name = "ListObjectsV2",
		.method = "GET",
		.allowed = BIT(FIELD_PREFIX) | BIT(FIELD_START_AFTER) |
		           BIT(FIELD_CONTINUATION_TOKEN) | BIT(FIELD_MAX_KEYS),
		.constant_name = "list-type",
		.constant_value = "2",
		.max_name = "max-keys",
	},
	[S3_CREATE_MULTIPART_UPLOAD] = {
		.name = "CreateMultipartUpload",
		.method = "POST",
		.needed = BIT(FIELD_KEY),
		.constant_name = "uploads",
		.constant_value = "",
	},
	[S3_UPLOAD_PART] = {
		.name = "UploadPart",
		.method = "PUT",
		.needed = BIT(FIELD_KEY) | BIT(FIELD_CONTENT_LENGTH) |
		          BIT(FIELD_UPLOAD_ID) | BIT(FIELD_PART_NUMBER),
		.allowed = BIT(FIELD_CONTENT_MD5),
	},
	[S3_COMPLETE_MULTIPART_UPLOAD] = {
		.name = "CompleteMultipartUpload",
		.method = "POST",
		.needed = BIT(FIELD_KEY) | BIT(FIELD_UPLOAD_ID),
		.allowed = BIT(FIELD_CONTENT_LENGTH) | BIT(FIELD_CONTENT_MD5) |
		           BIT(FIELD_IF_NONE_MATCH),
	},
	[S3_ABORT_MULTIPART_UPLOAD] = {
		.name = "AbortMultipartUpload",
		.method = "DELETE",
		.needed = BIT(FIELD_KEY) | BIT(FIELD_UPLOAD_ID),
	},
	[S3_LIST_PARTS] = {
		.name = "ListParts",
		.method = "GET",
		.needed = BIT(FIELD_KEY) | BIT(FIELD_UPLOAD_ID),
		.allowed = BIT(FIELD_MAX_KEYS) | BIT(FIELD_PART_NUMBER_MARKER),
		.max_name = "max-parts",
	},
	[S3_LIST_MULTIPART_UPLOADS] = {
		.name = "ListMultipartUploads",
		.method = "GET",
		.allowed = BIT(FIELD_PREFIX) | BIT(FIELD_KEY_MARKER) |
		           BIT(FIELD_UPLOAD_ID_MARKER) | BIT(FIELD_MAX_KEYS),
		.constant_name = "uploads",
		.constant_value = "",
		.max_name = "max-uploads",
	},
	[S3_DELETE_OBJECT] = {
		.name = "DeleteObject",
		.method = "DELETE",
		.needed = BIT(FIELD_KEY),
	},
};
static_assert(sizeof(operations) / sizeof(*operations) == S3_OPERATION_COUNT,
              "every operation has a row");

const char *s3_operation_name(enum s3_operation operation)
{
	return operations[operation].name;
}

int s3_operation_parse(struct bytes name, enum s3_operation *ret_operation)
{
	for (unsigned i = 0; i < S3_OPERATION_COUNT; i++) {
		if (bytes_equal(name, bytes_of_text(operations[i].name))) {
			*ret_operation = (enum s3_operation)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *s3_operation_method(enum s3_operation operation)
{
	return operations[operation].method;
}

static bool is_given(const struct s3_object_request *r, enum field field)
{
	switch (field) {
	case FIELD_KEY:
		return r->key.len > 0;
	case FIELD_EXPIRES:
		return r->expires > 0;
	case FIELD_CONTENT_LENGTH:
		return r->has_content_length;
	case FIELD_CONTENT_MD5:
		return r->has_content_md5;
	case FIELD_IF_NONE_MATCH:
		return r->if_none_match;
	case FIELD_UPLOAD_ID:
		return r->upload_id.len > 0;
	case FIELD_PART_NUMBER:
		return r->part_number > 0;
	case FIELD_PREFIX:
		return r->prefix.len > 0;
	case FIELD_START_AFTER:
		return r->start_after.len > 0;
	case FIELD_CONTINUATION_TOKEN:
		return r->continuation_token.len > 0;
	case FIELD_KEY_MARKER:
		return r->key_marker.len > 0;
	case FIELD_UPLOAD_ID_MARKER:
		return r->upload_id_marker.len > 0;
	case FIELD_MAX_KEYS:
		return r->max_keys > 0;
	case FIELD_PART_NUMBER_MARKER:
		return r->part_number_marker > 0;
	case FIELD_COUNT:
		break;
	}
	return false;
}

/* What a server made: opaque, but never a control character or a space. */
static bool is_token(struct bytes text, size_t max)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < 0x21 || text.data[i] > 0x7e)
			return false;
	}
	return text.len <= max;
}

static bool is_prefix(struct bytes text)
{
	return object_key_prefix_is_valid((const char *)text.data, text.len);
}

static bool is_key(struct bytes text)
{
	return object_key_kind((const char *)text.data, text.len) !=
	       OBJECT_KEY_INVALID;
}

/* Of a field that is given. */
static bool is_valid(const struct s3_object_request *r, enum field field)
{
	switch (field) {
	case FIELD_KEY:
		return is_key(r->key);
	case FIELD_EXPIRES:
		return r->expires <= S3_EXPIRES_MAX;
	case FIELD_CONTENT_LENGTH:
		return r->content_length <= S3_CONTENT_MAX;
	case FIELD_UPLOAD_ID:
		return is_token(r->upload_id, S3_UPLOAD_ID_MAX);
	case FIELD_PART_NUMBER:
		return r->part_number <= S3_PART_MAX;
	case FIELD_PREFIX:
		return is_prefix(r->prefix);
	case FIELD_START_AFTER:
		return is_prefix(r->start_after);
	case FIELD_CONTINUATION_TOKEN:
		return is_token(r->continuation_token, S3_TOKEN_MAX);
	case FIELD_KEY_MARKER:
		return is_token(r->key_marker, OBJECT_KEY_MAX);
	case FIELD_UPLOAD_ID_MARKER:
		return is_token(r->upload_id_marker, S3_UPLOAD_ID_MAX);
	case FIELD_MAX_KEYS:
		return r->max_keys <= S3_MAX_KEYS_MAX;
	case FIELD_PART_NUMBER_MARKER:
		return r->part_number_marker <= S3_PART_MAX;
	case FIELD_CONTENT_MD5:
	case FIELD_IF_NONE_MATCH:
		return true;
	case FIELD_COUNT:
		break;
	}
	return false;
}

const char *s3_object_request_check(const struct s3_object_request *request)
{
	unsigned operation = request->operation;
	unsigned needed, allowed;

	if (operation >= S3_OPERATION_COUNT)
		return "operation";

	needed = operations[operation].needed;
	allowed = needed | operations[operation].allowed | BIT(FIELD_EXPIRES);
	for (unsigned i = 0; i < FIELD_COUNT; i++) {
		if (!is_given(request, i)) {
			if (needed & BIT(i))
				return field_names[i];
			continue;
		}
		if (!(allowed & BIT(i)) || !is_valid(request, i))
			return field_names[i];
	}
	return NULL;
}

/* Building: texts are appended to one buffer over scratch->text, which never
 * moves, so that a pair may point into it. */
struct build {
	const struct s3_place *place;
	const struct s3_object_request *request;
	struct s3_scratch *scratch;
	struct buffer text;
	struct sigv4_request out;
};

static struct bytes since(const struct build *b, size_t mark)
{
	return (struct bytes){ (const uint8_t *)b->scratch->text + mark,
		               b->text.len - mark };
}

static struct bytes build_host(struct build *b)
{
	size_t mark = b->text.len;

	s3_place_append_host(&b->text, b->place);
	return since(b, mark);
}

static struct bytes build_path(struct build *b)
{
	size_t mark = b->text.len;

	s3_place_append_path(&b->text, b->place, b->request->key);
	return since(b, mark);
}

static struct bytes build_name(struct build *b, struct bytes name)
{
	size_t mark = b->text.len;

	s3_place_append_name(&b->text, b->place, name);
	return since(b, mark);
}

static void add_query(struct build *b, const char *name, struct bytes value)
{
	assert(b->out.query_count < S3_QUERY_MAX); /* the request is checked */
	b->scratch->query[b->out.query_count++] =
		(struct sigv4_pair){ bytes_of_text(name), value };
}

static void add_token(struct build *b, const char *name, struct bytes value)
{
	if (value.len > 0)
		add_query(b, name, value);
}

static void add_number(struct build *b, const char *name, uint32_t value)
{
	size_t mark = b->text.len;

	if (value == 0)
		return;
	buffer_append_u64(&b->text, value);
	add_query(b, name, since(b, mark));
}

/* A position in a listing; the cache's own prefix stands before it. */
static void add_marker(struct build *b, const char *name, struct bytes value)
{
	if (value.len > 0)
		add_query(b, name, build_name(b, value));
}

static void build_query(struct build *b)
{
	const struct s3_object_request *r = b->request;
	const char *constant = operations[r->operation].constant_name;
	bool is_listing = operations[r->operation].allowed & BIT(FIELD_PREFIX);

	if (constant) {
		add_query(
			b, constant,
			bytes_of_text(operations[r->operation].constant_value));
	}
	if (is_listing)
		add_token(b, "prefix", build_name(b, r->prefix));
	add_marker(b, "start-after", r->start_after);
	add_token(b, "continuation-token", r->continuation_token);
	add_marker(b, "key-marker", r->key_marker);
	add_token(b, "upload-id-marker", r->upload_id_marker);
	add_number(b, "partNumber", r->part_number);
	add_token(b, "uploadId", r->upload_id);
	add_number(b, operations[r->operation].max_name, r->max_keys);
	add_number(b, "part-number-marker", r->part_number_marker);
}

static void add_header(struct build *b, const char *name, struct bytes value)
{
	assert(b->out.header_count < S3_HEADERS_MAX);
	b->scratch->headers[b->out.header_count++] =
		(struct sigv4_pair){ bytes_of_text(name), value };
}

static void build_headers(struct build *b)
{
	const struct s3_object_request *r = b->request;

	if (r->has_content_length) {
		size_t mark = b->text.len;

		buffer_append_u64(&b->text, r->content_length);
		add_header(b, "content-length", since(b, mark));
	}
	if (r->has_content_md5) {
		char md5[TEXT_BASE64_SIZE(S3_MD5_LEN)];
		size_t mark = b->text.len;

		text_base64(r->content_md5, S3_MD5_LEN, md5);
		buffer_append_text(&b->text, md5);
		add_header(b, "content-md5", since(b, mark));
	}
	if (r->if_none_match)
		add_header(b, "if-none-match", bytes_of_text("*"));
}

int s3_object_request_build(const struct s3_place *place,
                            const struct s3_object_request *request,
                            struct s3_scratch *scratch,
                            struct sigv4_request *ret_request)
{
	struct build b = {
		.place = place,
		.request = request,
		.scratch = scratch,
		.out = {
			.method = operations[request->operation].method,
			.scheme = place->is_plain_http ? "http" : "https",
			.query = scratch->query,
			.headers = scratch->headers,
			.payload_hash = SIGV4_UNSIGNED,
			.has_payload_query = true,
		},
	};
	int rc;

	buffer_wrap(&b.text, scratch->text, sizeof(scratch->text));
	b.out.host = build_host(&b);
	b.out.path = build_path(&b);
	build_query(&b);
	build_headers(&b);
	rc = buffer_end(&b.text);
	if (rc < 0)
		return rc;

	*ret_request = b.out;
	return 0;
}
