#include "tests/lib/test.h"

#include "protocol/s3/object_key.h"
#include "protocol/s3/operation.h"

#include <errno.h>
#include <string.h>

#define HASH52 "0123456789abcdfghijklmnpqrsvwxyz0123456789abcdfghijk"
#define KEY    "nar/" HASH52 ".nar.zst"

/* The fields of a request, under their varlink names. */
enum field {
	KEY_FIELD,
	EXPIRES,
	CONTENT_LENGTH,
	CONTENT_MD5,
	IF_NONE_MATCH,
	UPLOAD_ID,
	PART_NUMBER,
	PREFIX,
	START_AFTER,
	CONTINUATION_TOKEN,
	KEY_MARKER,
	UPLOAD_ID_MARKER,
	MAX_KEYS,
	PART_NUMBER_MARKER,
	FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
	"key",         "expires",           "contentLength", "contentMd5",
	"ifNoneMatch", "uploadId",          "partNumber",    "prefix",
	"startAfter",  "continuationToken", "keyMarker",     "uploadIdMarker",
	"maxKeys",     "partNumberMarker",
};

/* Written from Amazon's S3 API reference, in the order of enum s3_operation;
 * one column a field in the order above: ! needed, + allowed, - refused. */
static const struct {
	const char *name;
	const char *method;
	const char *fields;
} rows[] = {
	{ "GetObject", "GET", "!+------------" },
	{ "HeadObject", "HEAD", "!+------------" },
	{ "PutObject", "PUT", "!+!++---------" },
	{ "ListObjectsV2", "GET", "-+-----+++--+-" },
	{ "CreateMultipartUpload", "POST", "!+------------" },
	{ "UploadPart", "PUT", "!+!+-!!-------" },
	{ "CompleteMultipartUpload", "POST", "!++++!--------" },
	{ "AbortMultipartUpload", "DELETE", "!+---!--------" },
	{ "ListParts", "GET", "!+---!------++" },
	{ "ListMultipartUploads", "GET", "-+-----+--+++-" },
	{ "DeleteObject", "DELETE", "!+------------" },
};

static void set_field(struct s3_object_request *r, enum field field)
{
	switch (field) {
	case KEY_FIELD:
		r->key = bytes_of_text(KEY);
		break;
	case EXPIRES:
		r->expires = 1;
		break;
	case CONTENT_LENGTH:
		r->has_content_length = true;
		break;
	case CONTENT_MD5:
		r->has_content_md5 = true;
		break;
	case IF_NONE_MATCH:
		r->if_none_match = true;
		break;
	case UPLOAD_ID:
		r->upload_id = bytes_of_text("upload+/=");
		break;
	case PART_NUMBER:
		r->part_number = 1;
		break;
	case PREFIX:
		r->prefix = bytes_of_text("nar/");
		break;
	case START_AFTER:
		r->start_after = bytes_of_text("nar/0");
		break;
	case CONTINUATION_TOKEN:
		r->continuation_token = bytes_of_text("token");
		break;
	case KEY_MARKER:
		r->key_marker = bytes_of_text("nar/1");
		break;
	case UPLOAD_ID_MARKER:
		r->upload_id_marker = bytes_of_text("marker");
		break;
	case MAX_KEYS:
		r->max_keys = 1;
		break;
	case PART_NUMBER_MARKER:
		r->part_number_marker = 1;
		break;
	case FIELD_COUNT:
		break;
	}
}

/* With every field whose mark is in marks, except one (FIELD_COUNT: none). */
static struct s3_object_request filled(size_t row, const char *marks,
                                       enum field except)
{
	struct s3_object_request r = { .operation = (enum s3_operation)row };

	for (unsigned i = 0; i < FIELD_COUNT; i++) {
		if (strchr(marks, rows[row].fields[i]) && i != except)
			set_field(&r, i);
	}
	return r;
}

static bool is_name(const char *got, const char *want)
{
	if ((!got && !want) || (got && want && strcmp(got, want) == 0))
		return true;
	(void)printf("# got %s, want %s\n", got ? got : "NULL",
	             want ? want : "NULL");
	return false;
}

static void every_operation_has_its_name_and_method(void)
{
	enum s3_operation got;

	CHECK(sizeof(rows) / sizeof(*rows) == S3_OPERATION_COUNT);
	for (enum s3_operation i = 0; i < S3_OPERATION_COUNT; i++) {
		CHECK(strlen(rows[i].fields) == FIELD_COUNT);
		CHECK(is_name(s3_operation_name(i), rows[i].name));
		CHECK(is_name(s3_operation_method(i), rows[i].method));
		got = S3_OPERATION_COUNT;
		CHECK(s3_operation_parse(bytes_of_text(rows[i].name), &got) ==
		      0);
		CHECK(got == i);
	}
	got = S3_UPLOAD_PART;
	CHECK(s3_operation_parse(bytes_of_text("getObject"), &got) == -EINVAL);
	CHECK(s3_operation_parse(bytes_of_text("GetObjectX"), &got) == -EINVAL);
	CHECK(s3_operation_parse(bytes_of_text("GetObjec"), &got) == -EINVAL);
	CHECK(s3_operation_parse(bytes_of_text(""), &got) == -EINVAL);
	CHECK(s3_operation_parse(bytes_of_text("DeleteBucket"), &got) ==
	      -EINVAL);
	CHECK(got == S3_UPLOAD_PART);
}

/* The field taken out of all that may be, and put in with the least. */
static void check_field(size_t row, enum field field)
{
	struct s3_object_request without = filled(row, "!+", field);
	struct s3_object_request with = filled(row, "!", FIELD_COUNT);
	const char *name = field_names[field];
	char mark = rows[row].fields[field];

	set_field(&with, field);
	CHECK(is_name(s3_object_request_check(&without),
	              mark == '!' ? name : NULL));
	CHECK(is_name(s3_object_request_check(&with),
	              mark == '-' ? name : NULL));
}

static void each_operation_takes_its_fields_and_no_others(void)
{
	for (size_t row = 0; row < S3_OPERATION_COUNT; row++) {
		struct s3_object_request least = filled(row, "!", FIELD_COUNT);
		struct s3_object_request most = filled(row, "!+", FIELD_COUNT);

		CHECK(is_name(s3_object_request_check(&least), NULL));
		CHECK(is_name(s3_object_request_check(&most), NULL));
		for (unsigned i = 0; i < FIELD_COUNT; i++)
			check_field(row, i);
	}
}

static void an_operation_that_is_none_is_refused(void)
{
	struct s3_object_request r = { .operation = S3_OPERATION_COUNT };

	CHECK(is_name(s3_object_request_check(&r), "operation"));
	r.operation = (enum s3_operation) - 1;
	CHECK(is_name(s3_object_request_check(&r), "operation"));
}

static const char *check_put(uint64_t content_length, uint32_t expires)
{
	struct s3_object_request r = filled(S3_PUT_OBJECT, "!", FIELD_COUNT);

	r.content_length = content_length;
	r.expires = expires;
	return s3_object_request_check(&r);
}

static const char *check_part(uint32_t number)
{
	struct s3_object_request r = filled(S3_UPLOAD_PART, "!", FIELD_COUNT);

	r.part_number = number;
	return s3_object_request_check(&r);
}

static const char *check_list(enum s3_operation operation, uint32_t max,
                              uint32_t marker)
{
	struct s3_object_request r = filled(operation, "!", FIELD_COUNT);

	r.max_keys = max;
	r.part_number_marker = marker;
	return s3_object_request_check(&r);
}

static void numbers_have_both_their_limits(void)
{
	CHECK(is_name(check_put(0, 0), NULL));
	CHECK(is_name(check_put(S3_CONTENT_MAX, 1), NULL));
	CHECK(is_name(check_put(S3_CONTENT_MAX + 1, 1), "contentLength"));
	CHECK(is_name(check_put(UINT64_MAX, 1), "contentLength"));
	CHECK(is_name(check_put(1, 3600), NULL));
	CHECK(is_name(check_put(1, 3601), "expires"));
	CHECK(is_name(check_put(1, UINT32_MAX), "expires"));
	CHECK(is_name(check_part(0), "partNumber"));
	CHECK(is_name(check_part(1), NULL));
	CHECK(is_name(check_part(10000), NULL));
	CHECK(is_name(check_part(10001), "partNumber"));
	CHECK(is_name(check_list(S3_LIST_OBJECTS_V2, 1000, 0), NULL));
	CHECK(is_name(check_list(S3_LIST_OBJECTS_V2, 1001, 0), "maxKeys"));
	CHECK(is_name(check_list(S3_LIST_PARTS, 1000, 10000), NULL));
	CHECK(is_name(check_list(S3_LIST_PARTS, 1000, 10001),
	              "partNumberMarker"));
}

struct token_field {
	enum s3_operation operation;
	enum field field;
	size_t offset, max;
};

static const char *check_token(const struct token_field *token,
                               struct bytes value)
{
	struct s3_object_request r = filled(token->operation, "!", FIELD_COUNT);

	memcpy((char *)&r + token->offset, &value, sizeof(value));
	return s3_object_request_check(&r);
}

static void tokens_are_printable_and_bounded(void)
{
	static const struct token_field tokens[] = {
		{ S3_UPLOAD_PART, UPLOAD_ID,
		  offsetof(struct s3_object_request, upload_id),
		  S3_UPLOAD_ID_MAX },
		{ S3_LIST_OBJECTS_V2, CONTINUATION_TOKEN,
		  offsetof(struct s3_object_request, continuation_token),
		  S3_TOKEN_MAX },
		{ S3_LIST_MULTIPART_UPLOADS, KEY_MARKER,
		  offsetof(struct s3_object_request, key_marker),
		  OBJECT_KEY_MAX },
		{ S3_LIST_MULTIPART_UPLOADS, UPLOAD_ID_MARKER,
		  offsetof(struct s3_object_request, upload_id_marker),
		  S3_UPLOAD_ID_MAX },
	};
	uint8_t token[S3_TOKEN_MAX + 1];

	memset(token, 'a', sizeof(token));
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		const char *name = field_names[tokens[i].field];
		struct bytes longest = { token, tokens[i].max };
		struct bytes longer = { token, tokens[i].max + 1 };

		CHECK(is_name(check_token(&tokens[i], longest), NULL));
		CHECK(is_name(check_token(&tokens[i], longer), name));
		for (unsigned c = 0; c < 256; c++) {
			uint8_t odd[] = { 'a', (uint8_t)c, 'a' };
			struct bytes value = { odd, sizeof(odd) };

			CHECK(is_name(check_token(&tokens[i], value),
			              c > 0x20 && c < 0x7f ? NULL : name));
		}
	}
}

static void keys_and_prefixes_follow_their_grammar(void)
{
	struct s3_object_request get = { .operation = S3_GET_OBJECT };
	struct s3_object_request list = { .operation = S3_LIST_OBJECTS_V2 };

	get.key = bytes_of_text("nar/../nix-cache-info");
	CHECK(is_name(s3_object_request_check(&get), "key"));
	get.key = bytes_of_text("index.html");
	CHECK(is_name(s3_object_request_check(&get), "key"));
	get.key = bytes_of_text("nix-cache-info");
	CHECK(is_name(s3_object_request_check(&get), NULL));
	list.prefix = bytes_of_text("../");
	CHECK(is_name(s3_object_request_check(&list), "prefix"));
	list.prefix = bytes_of_text("log/");
	list.start_after = bytes_of_text("private/");
	CHECK(is_name(s3_object_request_check(&list), "startAfter"));
	list.start_after = bytes_of_text(KEY);
	CHECK(is_name(s3_object_request_check(&list), NULL));
}

int main(void)
{
	static const struct test tests[] = {
		{ "every operation has its name and method",
		  every_operation_has_its_name_and_method },
		{ "each operation takes its fields and no others",
		  each_operation_takes_its_fields_and_no_others },
		{ "an operation that is none is refused",
		  an_operation_that_is_none_is_refused },
		{ "numbers have both their limits",
		  numbers_have_both_their_limits },
		{ "tokens are printable and bounded",
		  tokens_are_printable_and_bounded },
		{ "keys and prefixes follow their grammar",
		  keys_and_prefixes_follow_their_grammar },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
