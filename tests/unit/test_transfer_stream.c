#include "tests/lib/test.h"
#include "tests/lib/transfer_stage.h"

#include "protocol/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

#define OBJECT "0123456789"

static struct conduit *make_sink(void)
{
	struct conduit *sink = NULL;

	if (conduit_new(CONDUIT_PIECE_MAX, &sink) < 0)
		abort();
	return sink;
}

/* What is in a sink now, as text; at most 63 bytes. */
static const char *drained(struct conduit *sink, char out[64])
{
	size_t len = 0;

	if (conduit_try_read(sink, out, 63, &len) < 0)
		len = 0;
	out[len] = '\0';
	return out;
}

static const struct {
	const char *what;
	const char *answer;
	uint64_t from;
	uint64_t len;
	const char *range; /* the header that is sent, NULL: none */
	const char *streamed;
	const char *response;
	uint64_t object_size;
	enum transfer_outcome outcome;
	long status;
} answers[] = {
	{ "all", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" OBJECT, 0, 0,
	  NULL, OBJECT, "", 10, TRANSFER_DONE, 200 },
	{ "an empty object", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0,
	  0, NULL, "", "", 0, TRANSFER_DONE, 200 },
	{ "all, in chunks",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n",
	  0, 0, NULL, OBJECT, "", 10, TRANSFER_DONE, 200 },
	{ "all, to the end of the connection",
	  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" OBJECT, 0, 0, NULL,
	  OBJECT, "", 10, TRANSFER_DONE, 200 },
	{ "the end",
	  "HTTP/1.1 206 P\r\nContent-Range: bytes 4-9/10\r\n"
	  "Content-Length: 6\r\n\r\n456789",
	  4, 0, "bytes=4-", "456789", "", 10, TRANSFER_DONE, 206 },
	{ "a middle",
	  "HTTP/1.1 206 P\r\nContent-Range: bytes 4-6/10\r\n"
	  "Content-Length: 3\r\n\r\n456",
	  4, 3, "bytes=4-6", "456", "", 10, TRANSFER_DONE, 206 },
	{ "the beginning",
	  "HTTP/1.1 206 P\r\nContent-Range: bytes 0-0/10\r\n"
	  "Content-Length: 1\r\n\r\n0",
	  0, 1, "bytes=0-0", "0", "", 10, TRANSFER_DONE, 206 },
	{ "an ignored range",
	  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" OBJECT, 4, 0,
	  "bytes=4-", "456789", "", 10, TRANSFER_DONE, 200 },
	{ "an ignored range with an end",
	  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" OBJECT, 4, 2,
	  "bytes=4-5", "45", "", 10, TRANSFER_DONE, 200 },
	{ "an ignored range beyond the end",
	  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" OBJECT, 11, 0,
	  "bytes=11-", "", "", 0, TRANSFER_FAILED, 0 },
	{ "another range",
	  "HTTP/1.1 206 P\r\nContent-Range: bytes 3-9/10\r\n"
	  "Content-Length: 7\r\n\r\n3456789",
	  4, 0, "bytes=4-", "", "", 0, TRANSFER_BROKEN, 0 },
	{ "a range that is not named",
	  "HTTP/1.1 206 P\r\nContent-Length: 6\r\n\r\n456789", 4, 0, "bytes=4-",
	  "", "", 0, TRANSFER_BROKEN, 0 },
	{ "a shorter range",
	  "HTTP/1.1 206 P\r\nContent-Range: bytes 4-6/10\r\n"
	  "Content-Length: 3\r\n\r\n456",
	  4, 0, "bytes=4-", "456", "", 0, TRANSFER_BROKEN, 0 },
	{ "cut short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012", 0, 0,
	  NULL, "012", "", 0, TRANSFER_BROKEN, 0 },
	{ "cut short in chunks",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "4\r\n0123\r\n6\r\n45",
	  0, 0, NULL, "012345", "", 0, TRANSFER_BROKEN, 0 },
	{ "a range to the end of the connection, cut short",
	  "HTTP/1.1 206 P\r\nContent-Range: bytes 4-9/10\r\n"
	  "Connection: close\r\n\r\n456",
	  4, 0, "bytes=4-", "456", "", 0, TRANSFER_BROKEN, 0 },
	{ "cut when all that is wanted is there",
	  "HTTP/1.1 206 P\r\nContent-Range: bytes 4-9/10\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n6\r\n456789\r\n",
	  4, 0, "bytes=4-", "456789", "", 10, TRANSFER_DONE, 206 },
	{ "cut in the head", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", 0, 0,
	  NULL, "", "", 0, TRANSFER_BROKEN, 0 },
	{ "not there", "HTTP/1.1 404 N\r\nContent-Length: 4\r\n\r\ngone", 4, 0,
	  "bytes=4-", "", "gone", 0, TRANSFER_DONE, 404 },
	{ "nothing to satisfy the range with",
	  "HTTP/1.1 416 R\r\nContent-Range: bytes */10\r\n"
	  "Content-Length: 2\r\n\r\nno",
	  10, 0, "bytes=10-", "", "no", 10, TRANSFER_DONE, 416 },
	{ "elsewhere",
	  "HTTP/1.1 307 M\r\nLocation: http://127.0.0.1:1/\r\n"
	  "Content-Length: 2\r\n\r\nno",
	  0, 0, NULL, "", "no", 0, TRANSFER_DONE, 307 },
};

static void check_range_header(const struct http_server *server,
                               const char *range)
{
	const char *at = strcasestr(http_server_head(server, 0), "\r\nrange: ");
	size_t len = range ? strlen(range) : 0;

	CHECK((at != NULL) == (range != NULL));
	if (at && range) {
		at += strlen("\r\nrange: ");
		CHECK(strncmp(at, range, len) == 0 && at[len] == '\r');
	}
}

static void what_is_answered_to_a_request_with_a_sink(void)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct http_reply reply = { .answer = answers[i].answer,
			                          .is_last = true };
		cleanup_conduit struct conduit *sink = make_sink();
		struct transfer_stage stage;
		struct transfer_request request;
		struct transfer_result result;
		char text[64];

		transfer_stage_set_up(&stage, &reply, 1);
		request = transfer_stage_request(&stage, "GET", "/a");
		request.sink = sink;
		request.range_from = answers[i].from;
		request.range_len = answers[i].len;
		result = transfer_stage_run(&stage, &request);
		if (result.outcome != answers[i].outcome ||
		    result.http_status != answers[i].status ||
		    result.object_size != answers[i].object_size ||
		    result.streamed != strlen(answers[i].streamed) ||
		    strcmp(drained(sink, text), answers[i].streamed) != 0)
			test_fail(__FILE__, __LINE__, answers[i].what);
		CHECK(bytes_equal(buffer_bytes(&result.response),
		                  bytes_of_text(answers[i].response)));
		CHECK((result.outcome == TRANSFER_DONE) !=
		      (result.detail[0] != '\0'));
		buffer_clear(&result.response);
		http_server_stop(stage.server);
		check_range_header(stage.server, answers[i].range);
		transfer_stage_tear_down(&stage);
	}
}

static void time_and_encoding_are_said_also_where_it_fails(void)
{
#define HEADERS                                   \
	"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" \
	"Content-Encoding: br\r\nETag: \"x\"\r\n"
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 200 OK\r\n" HEADERS
		            "Content-Length: 3\r\n\r\nabc" },
		{ .answer = "HTTP/1.1 403 F\r\n" HEADERS
		            "Content-Length: 3\r\n\r\nabc" },
		{ .answer = "HTTP/1.1 200 OK\r\n" HEADERS
		            "Content-Length: 9\r\n\r\nabc",
		  .is_last = true },
	};

	for (size_t i = 0; i < 3; i++) {
		cleanup_conduit struct conduit *sink = make_sink();
		struct transfer_stage stage;
		struct transfer_request request;
		struct transfer_result result;
		char text[64];

		transfer_stage_set_up(&stage, &replies[i], 1);
		request = transfer_stage_request(&stage, "GET", "/a");
		request.sink = sink;
		result = transfer_stage_run(&stage, &request);
		CHECK((result.outcome == TRANSFER_BROKEN) == (i == 2));
		CHECK(result.server_time == 784111777);
		CHECK(strcmp(result.encoding, "br") == 0);
		CHECK(strcmp(result.etag, "\"x\"") == 0);
		/* Not decoded. */
		CHECK(strcmp(drained(sink, text), i == 1 ? "" : "abc") == 0);
		buffer_clear(&result.response);
		transfer_stage_tear_down(&stage);
	}
}

static void the_rest_of_another_object_is_refused(void)
{
	static const struct http_reply reply = {
		.answer = "HTTP/1.1 206 P\r\nContent-Range: bytes 4-9/10\r\n"
			  "ETag: \"b\"\r\nContent-Length: 6\r\n\r\n456789"
	};
	cleanup_conduit struct conduit *sink = make_sink();
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, &reply, 1);
	request = transfer_stage_request(&stage, "GET", "/a");
	request.sink = sink;
	request.range_from = 4;
	request.etag = "\"a\"";
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_FAILED && result.streamed == 0);
	CHECK(strstr(result.detail, "replaced") != NULL);
	transfer_stage_tear_down(&stage);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what is answered to a request with a sink",
		  what_is_answered_to_a_request_with_a_sink },
		{ "time and encoding are said also where it fails",
		  time_and_encoding_are_said_also_where_it_fails },
		{ "the rest of another object is refused",
		  the_rest_of_another_object_is_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
