#include "tests/lib/test.h"

#include "protocol/base/cleanup.h"
#include "protocol/s3/object_key.h"
#include "protocol/s3/operation.h"

#include <errno.h>
#include <string.h>

#define HASH52 "0123456789abcdfghijklmnpqrsvwxyz0123456789abcdfghijk"
#define KEY    "nar/" HASH52 ".nar.zst"

static struct bytes text(const char *s)
{
	return bytes_of_text(s);
}

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
		r->key = text(KEY);
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
		r->upload_id = text("upload+/=");
		break;
	case PART_NUMBER:
		r->part_number = 1;
		break;
	case PREFIX:
		r->prefix = text("nar/");
		break;
	case START_AFTER:
		r->start_after = text("nar/0");
		break;
	case CONTINUATION_TOKEN:
		r->continuation_token = text("token");
		break;
	case KEY_MARKER:
		r->key_marker = text("nar/1");
		break;
	case UPLOAD_ID_MARKER:
		r->upload_id_marker = text("marker");
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
	struct s3_object_request r = { .operation = row };

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
	for (size_t i = 0; i < S3_OPERATION_COUNT; i++) {
		CHECK(strlen(rows[i].fields) == FIELD_COUNT);
		CHECK(is_name(s3_operation_name(i), rows[i].name));
		CHECK(is_name(s3_operation_method(i), rows[i].method));
		got = S3_OPERATION_COUNT;
		CHECK(s3_operation_parse(text(rows[i].name), &got) == 0);
		CHECK(got == i);
	}
	got = S3_UPLOAD_PART;
	CHECK(s3_operation_parse(text("getObject"), &got) == -EINVAL);
	CHECK(s3_operation_parse(text("GetObjectX"), &got) == -EINVAL);
	CHECK(s3_operation_parse(text("GetObjec"), &got) == -EINVAL);
	CHECK(s3_operation_parse(text(""), &got) == -EINVAL);
	CHECK(s3_operation_parse(text("DeleteBucket"), &got) == -EINVAL);
	CHECK(got == S3_UPLOAD_PART);
}

static void each_operation_takes_its_fields_and_no_others(void)
{
	for (size_t row = 0; row < S3_OPERATION_COUNT; row++) {
		struct s3_object_request least = filled(row, "!", FIELD_COUNT);
		struct s3_object_request most = filled(row, "!+", FIELD_COUNT);

		CHECK(is_name(s3_object_request_check(&least), NULL));
		CHECK(is_name(s3_object_request_check(&most), NULL));
		for (unsigned i = 0; i < FIELD_COUNT; i++) {
			struct s3_object_request r = filled(row, "!+", i);
			char mark = rows[row].fields[i];

			CHECK(is_name(s3_object_request_check(&r),
			              mark == '!' ? field_names[i] : NULL));
			r = least;
			set_field(&r, i);
			CHECK(is_name(s3_object_request_check(&r),
			              mark == '-' ? field_names[i] : NULL));
		}
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

static void tokens_are_printable_and_bounded(void)
{
	static const struct {
		enum s3_operation operation;
		enum field field;
		size_t offset, max;
	} tokens[] = {
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

	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		struct s3_object_request r =
			filled(tokens[i].operation, "!", FIELD_COUNT);
		const char *name = field_names[tokens[i].field];
		struct bytes value = { token, tokens[i].max };
		void *at = (char *)&r + tokens[i].offset;

		memset(token, 'a', sizeof(token));
		memcpy(at, &value, sizeof(value));
		CHECK(is_name(s3_object_request_check(&r), NULL));
		value.len++;
		memcpy(at, &value, sizeof(value));
		CHECK(is_name(s3_object_request_check(&r), name));
		value.len = 3;
		memcpy(at, &value, sizeof(value));
		for (unsigned c = 0; c < 256; c++) {
			token[1] = (uint8_t)c;
			CHECK(is_name(s3_object_request_check(&r),
			              c > 0x20 && c < 0x7f ? NULL : name));
		}
	}
}

static void keys_and_prefixes_follow_their_grammar(void)
{
	struct s3_object_request get = { .operation = S3_GET_OBJECT };
	struct s3_object_request list = { .operation = S3_LIST_OBJECTS_V2 };

	get.key = text("nar/../nix-cache-info");
	CHECK(is_name(s3_object_request_check(&get), "key"));
	get.key = text("index.html");
	CHECK(is_name(s3_object_request_check(&get), "key"));
	get.key = text("nix-cache-info");
	CHECK(is_name(s3_object_request_check(&get), NULL));
	list.prefix = text("../");
	CHECK(is_name(s3_object_request_check(&list), "prefix"));
	list.prefix = text("log/");
	list.start_after = text("private/");
	CHECK(is_name(s3_object_request_check(&list), "startAfter"));
	list.start_after = text(KEY);
	CHECK(is_name(s3_object_request_check(&list), NULL));
}

/* What a request becomes, written so that a person can compare it. */
static void describe(const struct sigv4_request *r, struct buffer *out)
{
	buffer_append_text(out, r->method);
	buffer_append_char(out, ' ');
	buffer_append_text(out, r->scheme);
	buffer_append_text(out, "://");
	buffer_append_bytes(out, r->host);
	buffer_append_bytes(out, r->path);
	for (size_t i = 0; i < r->query_count; i++) {
		buffer_append_char(out, i == 0 ? '?' : '&');
		buffer_append_bytes(out, r->query[i].name);
		buffer_append_char(out, '=');
		buffer_append_bytes(out, r->query[i].value);
	}
	for (size_t i = 0; i < r->header_count; i++) {
		buffer_append_char(out, ' ');
		buffer_append_bytes(out, r->headers[i].name);
		buffer_append_char(out, ':');
		buffer_append_bytes(out, r->headers[i].value);
	}
}

static bool builds(const struct s3_place *place,
                   const struct s3_object_request *request, const char *want)
{
	struct s3_scratch scratch;
	struct sigv4_request built;
	char memory[4096];
	struct buffer out;
	const char *got;

	buffer_wrap(&out, memory, sizeof(memory));
	if (s3_object_request_check(request) ||
	    s3_object_request_build(place, request, &scratch, &built) != 0)
		return false;
	if (!built.has_payload_query ||
	    strcmp(built.payload_hash, SIGV4_UNSIGNED) != 0)
		return false;
	describe(&built, &out);
	got = buffer_text(&out);
	return is_name(got, want);
}

static struct s3_place virtual_place(void)
{
	return (struct s3_place){
		.is_virtual_host = true,
		.endpoint = "s3.us-west-004.BackBlazeB2.com",
		.bucket = "Bucket",
		.prefix = "nix/cache",
		.region = "us-west-004",
	};
}

static void every_operation_becomes_its_request(void)
{
#define HOST "https://bucket.s3.us-west-004.backblazeb2.com/"
#define PATH "nix/cache/" KEY
	static const char *const want[] = {
		"GET " HOST PATH,
		"HEAD " HOST PATH,
		"PUT " HOST PATH " content-length:0"
		" content-md5:AAAAAAAAAAAAAAAAAAAAAA== if-none-match:*",
		"GET " HOST "?list-type=2&prefix=nix/cache/nar/"
		"&start-after=nix/cache/nar/0&continuation-token=token"
		"&max-keys=1",
		"POST " HOST PATH "?uploads=",
		"PUT " HOST PATH "?partNumber=1&uploadId=upload+/="
		" content-length:0 content-md5:AAAAAAAAAAAAAAAAAAAAAA==",
		"POST " HOST PATH "?uploadId=upload+/= content-length:0"
		" content-md5:AAAAAAAAAAAAAAAAAAAAAA== if-none-match:*",
		"DELETE " HOST PATH "?uploadId=upload+/=",
		"GET " HOST PATH "?uploadId=upload+/=&max-parts=1"
		"&part-number-marker=1",
		"GET " HOST "?uploads=&prefix=nix/cache/nar/"
		"&key-marker=nix/cache/nar/1&upload-id-marker=marker"
		"&max-uploads=1",
		"DELETE " HOST PATH,
	};
	struct s3_place place = virtual_place();

	for (size_t i = 0; i < S3_OPERATION_COUNT; i++) {
		struct s3_object_request r = filled(i, "!+", FIELD_COUNT);

		CHECK(builds(&place, &r, want[i]));
	}
}

static void what_is_not_asked_is_not_in_the_request(void)
{
	struct s3_place place = virtual_place();
	struct s3_object_request list = { .operation = S3_LIST_OBJECTS_V2 };
	struct s3_object_request uploads = {
		.operation = S3_LIST_MULTIPART_UPLOADS,
	};
	struct s3_object_request put = filled(S3_PUT_OBJECT, "!", FIELD_COUNT);

	/* Without a prefix a listing still does not leave the cache. */
	CHECK(builds(&place, &list,
	             "GET " HOST "?list-type=2&prefix=nix/cache/"));
	CHECK(builds(&place, &uploads,
	             "GET " HOST "?uploads=&prefix=nix/cache/"));
	put.content_length = S3_CONTENT_MAX;
	CHECK(builds(&place, &put,
	             "PUT " HOST PATH " content-length:5368709120"));
	place.prefix = "";
	CHECK(builds(&place, &list, "GET " HOST "?list-type=2"));
	CHECK(builds(&place, &put,
	             "PUT " HOST KEY " content-length:5368709120"));
}

static void hosts_and_paths_follow_the_style(void)
{
	static const struct {
		bool is_plain_http, is_virtual_host;
		const char *endpoint, *prefix, *want;
	} cases[] = {
		{ false, false, "H.example:9000", "p",
		  "GET https://h.example:9000/Bucket/p/nix-cache-info" },
		{ false, false, "h.example", "",
		  "GET https://h.example/Bucket/nix-cache-info" },
		{ false, false, "h.example:443", "",
		  "GET https://h.example/Bucket/nix-cache-info" },
		{ false, false, "h.example:80", "",
		  "GET https://h.example:80/Bucket/nix-cache-info" },
		{ true, false, "h.example:80", "",
		  "GET http://h.example/Bucket/nix-cache-info" },
		{ true, false, "h.example:443", "",
		  "GET http://h.example:443/Bucket/nix-cache-info" },
		{ true, false, "h.example:8080", "",
		  "GET http://h.example:8080/Bucket/nix-cache-info" },
		{ true, false, "[::1]:80", "",
		  "GET http://[::1]/Bucket/nix-cache-info" },
		{ true, false, "[::80]", "",
		  "GET http://[::80]/Bucket/nix-cache-info" },
		{ true, true, "h.example:80", "a/b",
		  "GET http://bucket.h.example/a/b/nix-cache-info" },
	};
	struct s3_object_request get = {
		.operation = S3_GET_OBJECT,
		.key = text("nix-cache-info"),
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct s3_place place = {
			.is_plain_http = cases[i].is_plain_http,
			.is_virtual_host = cases[i].is_virtual_host,
			.endpoint = cases[i].endpoint,
			.bucket = "Bucket",
			.prefix = cases[i].prefix,
		};

		CHECK(builds(&place, &get, cases[i].want));
	}
	CHECK(builds(
		&(struct s3_place){
			.endpoint = "h.example", .bucket = "b", .prefix = "" },
		&(struct s3_object_request){ .operation = S3_LIST_OBJECTS_V2 },
		"GET https://h.example/b?list-type=2"));
}

static void a_place_too_long_for_the_scratch_is_refused(void)
{
	struct s3_object_request get = filled(S3_GET_OBJECT, "!", FIELD_COUNT);
	struct s3_place place = virtual_place();
	char prefix[sizeof(((struct s3_scratch *)0)->text)];
	cleanup_free struct s3_scratch *scratch = calloc(1, sizeof(*scratch));
	struct sigv4_request built = { .method = "untouched" };

	memset(prefix, 'p', sizeof(prefix));
	prefix[sizeof(prefix) - 1] = '\0';
	place.prefix = prefix;
	CHECK(s3_object_request_build(&place, &get, scratch, &built) ==
	      -EMSGSIZE);
	CHECK(is_name(built.method, "untouched"));
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
		{ "every operation becomes its request",
		  every_operation_becomes_its_request },
		{ "what is not asked is not in the request",
		  what_is_not_asked_is_not_in_the_request },
		{ "hosts and paths follow the style",
		  hosts_and_paths_follow_the_style },
		{ "a place too long for the scratch is refused",
		  a_place_too_long_for_the_scratch_is_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
