#include "tests/lib/test.h"

#include "protocol/base/cleanup.h"
#include "protocol/s3/operation.h"

#include <errno.h>
#include <string.h>

#define HASH52 "0123456789abcdfghijklmnpqrsvwxyz0123456789abcdfghijk"
#define KEY    "nar/" HASH52 ".nar.zst"
#define HOST   "https://bucket.s3.us-west-004.backblazeb2.com/"
#define PATH   "nix/cache/" KEY

/* A constant initialiser, which bytes_of_text() is not. */
#define TEXT(s)                                     \
	{                                           \
		(const uint8_t *)(s), sizeof(s) - 1 \
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
	if (got && strcmp(got, want) == 0)
		return true;
	(void)printf("# got  %s\n# want %s\n", got ? got : "NULL", want);
	return false;
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

static const struct {
	const char *want;
	struct s3_object_request request;
} built_cases[] = {
	{ "GET " HOST PATH, { .operation = S3_GET_OBJECT, .key = TEXT(KEY) } },
	{ "HEAD " HOST PATH,
	  { .operation = S3_HEAD_OBJECT, .key = TEXT(KEY) } },
	{ "PUT " HOST PATH " content-length:5368709120"
	  " content-md5:/wAAAAAAAAAAAAAAAAAAAA== if-none-match:*",
	  { .operation = S3_PUT_OBJECT,
	    .key = TEXT(KEY),
	    .has_content_length = true,
	    .content_length = S3_CONTENT_MAX,
	    .has_content_md5 = true,
	    .content_md5 = { 0xff },
	    .if_none_match = true } },
	{ "PUT " HOST PATH " content-length:0",
	  { .operation = S3_PUT_OBJECT,
	    .key = TEXT(KEY),
	    .has_content_length = true } },
	{ "GET " HOST "?list-type=2&prefix=nix/cache/nar/"
	  "&start-after=nix/cache/nar/0"
	  "&continuation-token=t+/=&max-keys=1000",
	  { .operation = S3_LIST_OBJECTS_V2,
	    .prefix = TEXT("nar/"),
	    .start_after = TEXT("nar/0"),
	    .continuation_token = TEXT("t+/="),
	    .max_keys = 1000 } },
	/* Without a prefix a listing still stays in the cache. */
	{ "GET " HOST "?list-type=2&prefix=nix/cache/",
	  { .operation = S3_LIST_OBJECTS_V2 } },
	{ "POST " HOST PATH "?uploads=",
	  { .operation = S3_CREATE_MULTIPART_UPLOAD, .key = TEXT(KEY) } },
	{ "PUT " HOST PATH "?partNumber=10000&uploadId=u+/="
	  " content-length:1 content-md5:AAAAAAAAAAAAAAAAAAAAAA==",
	  { .operation = S3_UPLOAD_PART,
	    .key = TEXT(KEY),
	    .upload_id = TEXT("u+/="),
	    .part_number = 10000,
	    .has_content_length = true,
	    .content_length = 1,
	    .has_content_md5 = true } },
	{ "POST " HOST PATH "?uploadId=u content-length:9"
	  " content-md5:AAAAAAAAAAAAAAAAAAAAAA== if-none-match:*",
	  { .operation = S3_COMPLETE_MULTIPART_UPLOAD,
	    .key = TEXT(KEY),
	    .upload_id = TEXT("u"),
	    .has_content_length = true,
	    .content_length = 9,
	    .has_content_md5 = true,
	    .if_none_match = true } },
	{ "DELETE " HOST PATH "?uploadId=u",
	  { .operation = S3_ABORT_MULTIPART_UPLOAD,
	    .key = TEXT(KEY),
	    .upload_id = TEXT("u") } },
	{ "GET " HOST PATH "?uploadId=u&max-parts=1"
	  "&part-number-marker=10000",
	  { .operation = S3_LIST_PARTS,
	    .key = TEXT(KEY),
	    .upload_id = TEXT("u"),
	    .max_keys = 1,
	    .part_number_marker = 10000 } },
	{ "GET " HOST "?uploads=&prefix=nix/cache/log/"
	  "&key-marker=nix/cache/log/1&upload-id-marker=m"
	  "&max-uploads=1",
	  { .operation = S3_LIST_MULTIPART_UPLOADS,
	    .prefix = TEXT("log/"),
	    .key_marker = TEXT("log/1"),
	    .upload_id_marker = TEXT("m"),
	    .max_keys = 1 } },
	{ "GET " HOST "?uploads=&prefix=nix/cache/",
	  { .operation = S3_LIST_MULTIPART_UPLOADS } },
	{ "DELETE " HOST PATH,
	  { .operation = S3_DELETE_OBJECT, .key = TEXT(KEY) } },
};

static void every_operation_becomes_its_request(void)
{
	struct s3_place place = virtual_place();

	for (size_t i = 0; i < sizeof(built_cases) / sizeof(*built_cases);
	     i++) {
		CHECK(builds(&place, &built_cases[i].request,
		             built_cases[i].want));
	}
}

static void a_cache_without_prefix_is_the_whole_bucket(void)
{
	static const struct s3_object_request list = {
		.operation = S3_LIST_OBJECTS_V2,
	};
	static const struct s3_object_request from = {
		.operation = S3_LIST_OBJECTS_V2,
		.prefix = TEXT("nar/"),
		.start_after = TEXT("nar/0"),
	};
	static const struct s3_object_request get = {
		.operation = S3_GET_OBJECT,
		.key = TEXT(KEY),
	};
	struct s3_place place = virtual_place();

	place.prefix = "";
	CHECK(builds(&place, &list, "GET " HOST "?list-type=2"));
	CHECK(builds(&place, &from,
	             "GET " HOST "?list-type=2&prefix=nar/"
	             "&start-after=nar/0"));
	CHECK(builds(&place, &get, "GET " HOST KEY));
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
	static const struct s3_object_request get = {
		.operation = S3_GET_OBJECT,
		.key = TEXT("nix-cache-info"),
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
	static const struct s3_object_request get = {
		.operation = S3_GET_OBJECT,
		.key = TEXT(KEY),
	};
	struct s3_place place = virtual_place();
	char prefix[sizeof(((struct s3_scratch *)0)->text)];
	cleanup_free struct s3_scratch *scratch = calloc(1, sizeof(*scratch));
	struct sigv4_request built = { .method = "untouched" };

	memset(prefix, 'p', sizeof(prefix));
	prefix[sizeof(prefix) - 1] = '\0';
	place.prefix = prefix;
	CHECK(s3_object_request_build(&place, &get, scratch, &built) ==
	      -EMSGSIZE);
	CHECK(strcmp(built.method, "untouched") == 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "every operation becomes its request",
		  every_operation_becomes_its_request },
		{ "a cache without prefix is the whole bucket",
		  a_cache_without_prefix_is_the_whole_bucket },
		{ "hosts and paths follow the style",
		  hosts_and_paths_follow_the_style },
		{ "a place too long for the scratch is refused",
		  a_place_too_long_for_the_scratch_is_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
