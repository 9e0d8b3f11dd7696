#include "tests/lib/cache_stage.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

/* Waits between tries are a random part of a growing time: here none. */
ssize_t getrandom(void *out, size_t len, unsigned flags);
ssize_t getrandom(void *out, size_t len, unsigned flags)
{
	(void)flags;
	memset(out, 0, len);
	return (ssize_t)len;
}

static const struct {
	const char *what;
	const char *answer;
	const char *says;
	enum cache_step_type type;
	enum cache_outcome outcome;
} answers[] = {
	{ "check: there", STAGE_OK, "", CACHE_CHECK, CACHE_OK },
	{ "check: not there", STAGE_STATUS("404 N"), "", CACHE_CHECK,
	  CACHE_MISSING },
	{ "check: may not list", STAGE_STATUS("403 F"), "", CACHE_CHECK,
	  CACHE_MISSING },
	{ "check: wrong region", STAGE_STATUS("400 B"), "answered 400",
	  CACHE_CHECK, CACHE_FAILED },
	{ "get: not there", STAGE_BODY("404 N", STAGE_ERROR("NoSuchKey")), "",
	  CACHE_GET, CACHE_MISSING },
	{ "get: no bucket", STAGE_BODY("404 N", STAGE_ERROR("NoSuchBucket")),
	  "no bucket bucket", CACHE_GET, CACHE_FAILED },
	{ "get: may not list", STAGE_BODY("403 F", STAGE_ERROR("AccessDenied")),
	  "", CACHE_GET, CACHE_MISSING },
	{ "get: cap reached",
	  STAGE_BODY("403 F", "<Error><Code>AccessDenied</Code><Message>"
	                      "transaction cap exceeded</Message></Error>"),
	  "limit of the account", CACHE_GET, CACHE_FAILED },
	{ "get: wrong secret",
	  STAGE_BODY("403 F", STAGE_ERROR("SignatureDoesNotMatch")),
	  "credentials refused", CACHE_GET, CACHE_FAILED },
	{ "get: bare 403", STAGE_STATUS("403 F"), "may not do this", CACHE_GET,
	  CACHE_FAILED },
	{ "put: denied", STAGE_BODY("403 F", STAGE_ERROR("AccessDenied")),
	  "may not do this", CACHE_PUT, CACHE_FAILED },
	{ "put: no bucket", STAGE_BODY("404 N", STAGE_ERROR("NoSuchBucket")),
	  "no bucket bucket", CACHE_PUT, CACHE_FAILED },
	{ "begin: no bucket", STAGE_BODY("404 N", STAGE_ERROR("NoSuchBucket")),
	  "no bucket bucket", CACHE_BEGIN, CACHE_FAILED },
	{ "begin: no name", STAGE_OK, "no usable name", CACHE_BEGIN,
	  CACHE_FAILED },
	{ "begin: empty name",
	  STAGE_BODY("200 O", "<InitiateMultipartUploadResult><UploadId/>"
	                      "</InitiateMultipartUploadResult>"),
	  "no usable name", CACHE_BEGIN, CACHE_FAILED },
	{ "part: no such upload",
	  STAGE_BODY("404 N", STAGE_ERROR("NoSuchUpload")), "", CACHE_PART,
	  CACHE_MISSING },
	{ "part: no ETag", STAGE_OK, "no ETag", CACHE_PART, CACHE_FAILED },
	{ "complete: no such upload",
	  STAGE_BODY("404 N", STAGE_ERROR("NoSuchUpload")), "", CACHE_COMPLETE,
	  CACHE_MISSING },
	{ "complete: no such upload, said late",
	  STAGE_BODY("200 O", STAGE_ERROR("NoSuchUpload")), "", CACHE_COMPLETE,
	  CACHE_MISSING },
	{ "complete: error in a 200",
	  STAGE_BODY("200 O", STAGE_ERROR("InvalidPart")), "400 InvalidPart",
	  CACHE_COMPLETE, CACHE_FAILED },
	{ "complete: done", STAGE_BODY("200 O", STAGE_COMPLETED), "",
	  CACHE_COMPLETE, CACHE_OK },
	{ "abort: done", STAGE_STATUS("204 N"), "", CACHE_ABORT, CACHE_OK },
	{ "abort: gone already",
	  STAGE_BODY("404 N", STAGE_ERROR("NoSuchUpload")), "", CACHE_ABORT,
	  CACHE_OK },
	{ "delete: done", STAGE_STATUS("204 N"), "", CACHE_DELETE, CACHE_OK },
	{ "delete: done, as some say it", STAGE_OK, "", CACHE_DELETE,
	  CACHE_OK },
	{ "delete: gone already", STAGE_BODY("404 N", STAGE_ERROR("NoSuchKey")),
	  "", CACHE_DELETE, CACHE_OK },
	{ "delete: no bucket", STAGE_BODY("404 N", STAGE_ERROR("NoSuchBucket")),
	  "no bucket bucket", CACHE_DELETE, CACHE_FAILED },
	{ "delete: denied", STAGE_BODY("403 F", STAGE_ERROR("AccessDenied")),
	  "may not do this", CACHE_DELETE, CACHE_FAILED },
	{ "put: 412 to nobody's condition", STAGE_STATUS("412 P"),
	  "answered 412", CACHE_PUT, CACHE_FAILED },
	{ "redirect",
	  STAGE_BODY("301 M", "<Error><Code>PermanentRedirect</Code>"
	                      "<Region>eu-1</Region></Error>"),
	  "set region=eu-1", CACHE_PUT, CACHE_FAILED },
};

static void what_answers_to_one_request_mean(void)
{
	struct strings etags = { .items = NULL };

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct http_reply reply = { .answer = answers[i].answer };
		const struct cache_step step = {
			.type = answers[i].type,
			.tag = i,
			.key = STAGE_NAR,
			.body = (const uint8_t *)"x",
			.body_len = 1,
			.upload_id = answers[i].type >= CACHE_PART ? "id"
			                                           : NULL,
			.part_number = 1,
			.etags = &etags,
		};
		struct cache_result result;
		struct stage s;

		result = stage_run(&s, &reply, 1, &step);
		if (result.outcome != answers[i].outcome ||
		    !strstr(result.error, answers[i].says))
			test_fail(__FILE__, __LINE__, answers[i].what);
		CHECK(http_server_count(s.server) == 1);
		buffer_clear(&result.response);
		stage_tear_down(&s);
	}
}

static void a_put_is_bound_to_length_and_md5(void)
{
	/* md5("hello") */
	static const uint8_t md5[] = { 0x5d, 0x41, 0x40, 0x2a, 0xbc, 0x4b,
		                       0x2a, 0x76, 0xb9, 0x71, 0x9d, 0x91,
		                       0x10, 0x17, 0xc5, 0x92 };
	static const uint8_t given[S3_MD5_LEN] = "0123456789abcdef";
	static const struct http_reply reply = { .answer = STAGE_OK };
	struct cache_step step = { .type = CACHE_PUT,
		                   .key = "nix-cache-info",
		                   .body = (const uint8_t *)"hello",
		                   .body_len = 5 };
	struct stage s;

	(void)stage_run(&s, &reply, 1, &step);
	CHECK(s.fake->asked_count == 1);
	CHECK(s.fake->asked[0].content_length == 5);
	CHECK(s.fake->asked[0].has_content_md5);
	CHECK(memcmp(s.fake->asked[0].content_md5, md5, sizeof(md5)) == 0);
	CHECK(strstr(http_server_head(s.server, 0),
	             "content-md5: XUFAKrxLKna5cZ2REBfFkg==\r\n"));
	CHECK(strstr(http_server_head(s.server, 0),
	             "Content-Type: text/x-nix-cache-info\r\n"));
	CHECK(cache_bytes_sent(s.cache) == 5);
	stage_tear_down(&s);

	step.md5 = given;
	(void)stage_run(&s, &reply, 1, &step);
	CHECK(memcmp(s.fake->asked[0].content_md5, given, S3_MD5_LEN) == 0);
	stage_tear_down(&s);
}

static void get_and_check_bring_body_and_size(void)
{
	static const struct http_reply replies[] = {
		{ .answer =
		          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
		{ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n" },
	};
	struct cache_step step = { .type = CACHE_GET, .key = STAGE_NAR };
	struct cache_result result;
	struct stage s;

	result = stage_run(&s, &replies[0], 1, &step);
	CHECK(bytes_equal(buffer_bytes(&result.response),
	                  bytes_of_text("hello")));
	buffer_clear(&result.response);
	stage_tear_down(&s);
	step.type = CACHE_CHECK;
	result = stage_run(&s, &replies[1], 1, &step);
	CHECK(result.outcome == CACHE_OK && result.size == 77);
	stage_tear_down(&s);
}

static void what_the_head_says_comes_with_the_result(void)
{
#define HEADERS                                   \
	"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" \
	"Content-Encoding: br\r\nContent-Length: 5\r\n\r\n"
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 200 OK\r\n" HEADERS "hello" },
		{ .answer = "HTTP/1.1 200 OK\r\n" HEADERS },
		{ .answer = "HTTP/1.1 404 N\r\n" HEADERS "hello" },
		{ .answer = "HTTP/1.1 400 B\r\n" HEADERS "hello" },
	};
	static const struct {
		enum cache_step_type type;
		enum cache_outcome outcome;
		uint64_t size;
	} cases[] = {
		{ CACHE_GET, CACHE_OK, 5 },
		{ CACHE_CHECK, CACHE_OK, 5 },
		{ CACHE_GET, CACHE_MISSING, 0 },
		{ CACHE_GET, CACHE_FAILED, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cache_step step = { .type = cases[i].type,
			                         .key = STAGE_NAR };
		struct stage s;
		struct cache_result result =
			stage_run(&s, &replies[i], 1, &step);

		CHECK(result.outcome == cases[i].outcome);
		CHECK(result.size == cases[i].size);
		CHECK(result.server_time == 784111777);
		CHECK(strcmp(result.encoding, "br") == 0);
		buffer_clear(&result.response);
		stage_tear_down(&s);
	}
}

static void an_upload_goes_from_begin_to_complete(void)
{
	static const struct http_reply replies[] = {
		{ .match = "CreateMultipartUpload/" STAGE_NAR,
		  .answer = STAGE_BODY("200 OK",
		                       "<InitiateMultipartUploadResult>"
		                       "<UploadId> 2~a&amp;b</UploadId>"
		                       "</InitiateMultipartUploadResult>") },
		{ .match = "UploadPart/" STAGE_NAR,
		  .answer = "HTTP/1.1 200 OK\r\nETag: \"<1>\"\r\n"
		            "Content-Length: 0\r\n\r\n" },
		{ .match = "CompleteMultipartUpload/" STAGE_NAR,
		  .answer = STAGE_BODY("200 OK", STAGE_COMPLETED) },
	};
	static const char body[] =
		"<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/"
		"2006-03-01/\"><Part><PartNumber>1</PartNumber><ETag>"
		"\"&lt;1&gt;\"</ETag></Part><Part><PartNumber>2</PartNumber>"
		"<ETag>two&amp;</ETag></Part></CompleteMultipartUpload>";
	struct cache_step step = { .type = CACHE_BEGIN, .key = STAGE_NAR };
	struct strings etags = { .items = NULL };
	struct cache_result result, part;
	struct stage s;

	stage_set_up(&s, replies, 3, 4);
	CHECK(cache_run(s.cache, &step, &result) == 0);
	CHECK(strcmp(result.text, "2~a&b") == 0);
	step = (struct cache_step){ .type = CACHE_PART,
		                    .key = STAGE_NAR,
		                    .body = (const uint8_t *)"abc",
		                    .body_len = 3,
		                    .upload_id = result.text,
		                    .part_number = 1 };
	CHECK(cache_run(s.cache, &step, &part) == 0);
	CHECK(strcmp(part.text, "\"<1>\"") == 0);
	CHECK(strings_add(&etags, part.text, strlen(part.text)) == 0);
	CHECK(strings_add(&etags, "two&", 4) == 0);
	step = (struct cache_step){ .type = CACHE_COMPLETE,
		                    .key = STAGE_NAR,
		                    .upload_id = result.text,
		                    .etags = &etags };
	CHECK(cache_run(s.cache, &step, &part) == 0);
	CHECK(part.outcome == CACHE_OK);
	http_server_stop(s.server);
	CHECK(bytes_equal(http_server_body(s.server, 2), bytes_of_text(body)));
	CHECK(strcmp(s.fake->asked[1].upload_id, "2~a&b") == 0);
	CHECK(s.fake->asked[1].part_number == 1);
	CHECK(s.fake->asked[1].has_content_md5);
	strings_clear(&etags);
	stage_tear_down(&s);
}

static void a_completion_is_looked_at_before_it_is_believed(void)
{
	static const struct {
		const char *what;
		const char *answers[3];
		const char *head; /* NULL: none is sent */
		enum cache_outcome outcome;
	} cases[] = {
		{ "an error in a 200 that passes",
		  { STAGE_BODY("200 O", STAGE_ERROR("InternalError")),
		    STAGE_BODY("200 O", STAGE_COMPLETED) },
		  NULL,
		  CACHE_OK },
		{ "an answer cut short",
		  { STAGE_BODY("200 O", "<CompleteMulti"),
		    STAGE_BODY("200 O", STAGE_COMPLETED) },
		  NULL,
		  CACHE_OK },
		{ "an answer lost after it was done",
		  { NULL, STAGE_BODY("404 N", STAGE_ERROR("NoSuchUpload")) },
		  STAGE_OK,
		  CACHE_OK },
		{ "an answer lost before it was done, and the upload with it",
		  { NULL, STAGE_BODY("404 N", STAGE_ERROR("NoSuchUpload")) },
		  STAGE_STATUS("404 N"),
		  CACHE_MISSING },
	};
	struct strings etags = { .items = NULL };
	const struct cache_step step = { .type = CACHE_COMPLETE,
		                         .key = STAGE_NAR,
		                         .upload_id = "id",
		                         .etags = &etags };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_reply replies[] = {
			{ .match = "POST", .answer = cases[i].answers[0] },
			{ .match = "POST", .answer = cases[i].answers[1] },
			{ .match = "HEAD", .answer = cases[i].head },
		};
		struct stage s;
		struct cache_result result = stage_run(&s, replies, 3, &step);

		if (result.outcome != cases[i].outcome)
			test_fail(__FILE__, __LINE__, cases[i].what);
		CHECK(http_server_count(s.server) == (cases[i].head ? 3 : 2));
		stage_tear_down(&s);
	}
}

static void a_cache_closes_with_steps_under_way(void)
{
	static const struct http_reply replies[] = { { .answer = "" },
		                                     { .answer = "" } };
	struct strings etags = { .items = NULL };
	struct cache_step step = { .type = CACHE_COMPLETE,
		                   .key = STAGE_NAR,
		                   .upload_id = "id",
		                   .etags = &etags };
	struct stage s;

	stage_set_up(&s, replies, 2, 1);
	CHECK(cache_submit(s.cache, &step) == 0);
	CHECK(cache_submit(s.cache, &step) == 0);
	CHECK(cache_wait(s.cache, NULL, 0, 0) == 0);
	CHECK(cache_pending(s.cache) == 2);
	stage_tear_down(&s);
}

#define UPLOAD(key, id, when)                                   \
	"<Upload><Key>" key "</Key><UploadId>" id "</UploadId>" \
	"<Initiator><ID>x</ID></Initiator><Initiated>" when     \
	"</Initiated></Upload>"
#define LISTED(inside)                                             \
	STAGE_BODY("200 OK", "<ListMultipartUploadsResult>" inside \
	                     "</ListMultipartUploadsResult>")

static void stale_uploads_are_ended_page_by_page(void)
{
	static const struct http_reply replies[] = {
		{ .match = "GET /ListMultipartUploads",
		  .answer = LISTED(
			  "<IsTruncated>true</IsTruncated>"
			  "<NextKeyMarker>nix/cache/nar/b</NextKeyMarker>"
			  "<NextUploadIdMarker>m1</NextUploadIdMarker>" UPLOAD(
				  "nix/cache/nar/a", "old",
				  "2020-01-02T03:04:05.000Z")
				  UPLOAD("nix/cache/nar/b", "young",
		                         "2999-01-01T00:00:00.000Z")) },
		{ .match = "GET /ListMultipartUploads",
		  .answer = LISTED(
			  "<IsTruncated>false</IsTruncated>" UPLOAD(
				  "nix/cache/nar/mine", "given",
				  "2999-01-01T00:00:00.000Z")
				  UPLOAD("nix/cache/nar/odd", "undated", "?")
					  UPLOAD("other/nar/a", "foreign",
		                                 "2020-01-02T03:04:05.000Z")) },
		{ .match = "DELETE /AbortMultipartUpload/nar/a?",
		  .answer = STAGE_STATUS("204 N") },
		{ .match = "DELETE /AbortMultipartUpload/nar/mine?",
		  .answer = STAGE_STATUS("204 N") },
	};
	struct strings keys = { .items = NULL };
	size_t count = 99;
	char why[256];
	struct stage s;

	CHECK(strings_add(&keys, "nar/mine", 8) == 0);
	stage_set_up(&s, replies, 4, 4);
	CHECK(cache_end_stale_uploads(s.cache, &keys, &count, why,
	                              sizeof(why)) == 0);
	CHECK(count == 2);
	CHECK(s.fake->asked_count == 4);
	CHECK(strcmp(s.fake->asked[0].prefix, "nar/") == 0);
	CHECK(s.fake->asked[0].key_marker[0] == '\0');
	CHECK(strcmp(s.fake->asked[1].upload_id, "old") == 0);
	CHECK(strcmp(s.fake->asked[2].key_marker, "nar/b") == 0);
	CHECK(strcmp(s.fake->asked[2].upload_id_marker, "m1") == 0);
	CHECK(strcmp(s.fake->asked[3].upload_id, "given") == 0);
	stage_tear_down(&s);
	strings_clear(&keys);
}

static void a_list_of_uploads_that_makes_no_sense_is_an_error(void)
{
	static const char *const lists[] = {
		STAGE_BODY("403 F", STAGE_ERROR("AccessDenied")),
		STAGE_BODY("200 OK", "<Other/>"),
		STAGE_BODY("200 OK", "junk"),
		LISTED("<IsTruncated>true</IsTruncated>"),
		LISTED("<IsTruncated>true</IsTruncated>"
		       "<NextKeyMarker>elsewhere/nar/b</NextKeyMarker>"
		       "<NextUploadIdMarker>m</NextUploadIdMarker>"),
	};
	struct strings keys = { .items = NULL };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct http_reply reply = { .answer = lists[i] };
		size_t count = 99;
		char why[256];
		struct stage s;

		stage_set_up(&s, &reply, 1, 4);
		CHECK(cache_end_stale_uploads(s.cache, &keys, &count, why,
		                              sizeof(why)) == -EIO);
		CHECK(strstr(why, "unfinished uploads") != NULL);
		CHECK(count == 99);
		stage_tear_down(&s);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "what answers to one request mean",
		  what_answers_to_one_request_mean },
		{ "a PUT is bound to length and MD5",
		  a_put_is_bound_to_length_and_md5 },
		{ "GET and CHECK bring body and size",
		  get_and_check_bring_body_and_size },
		{ "what the head says comes with the result",
		  what_the_head_says_comes_with_the_result },
		{ "an upload goes from begin to complete",
		  an_upload_goes_from_begin_to_complete },
		{ "a completion is looked at before it is believed",
		  a_completion_is_looked_at_before_it_is_believed },
		{ "a cache closes with steps under way",
		  a_cache_closes_with_steps_under_way },
		{ "stale uploads are ended, page by page",
		  stale_uploads_are_ended_page_by_page },
		{ "a list of uploads that makes no sense is an error",
		  a_list_of_uploads_that_makes_no_sense_is_an_error },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
