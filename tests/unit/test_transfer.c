#include "tests/lib/test.h"
#include "tests/lib/transfer_stage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_line(const struct http_server *server, size_t index,
                     const char *line)
{
	const char *head = http_server_head(server, index);
	const char *at = strcasestr(head, line);

	return at && (at == head || at[-1] == '\n') && at[strlen(line)] == '\r';
}

static void an_answer_brings_status_etag_length_and_body(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 200 OK\r\neTaG:  \"abc\" \r\n"
		            "Content-Length: 5\r\n\r\nhello" },
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, replies, 1);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.tag == 7);
	CHECK(result.http_status == 200 && result.content_length == 5);
	CHECK(strcmp(result.etag, "\"abc\"") == 0);
	CHECK(bytes_equal(buffer_bytes(&result.response),
	                  bytes_of_text("hello")));
	CHECK(transfer_count(stage.transfer) == 0);
	buffer_clear(&result.response);
	transfer_stage_tear_down(&stage);
}

static void a_head_has_the_length_but_no_body(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 200 OK\r\n"
		            "Content-Length: 5000000000\r\n\r\n" },
		{ .answer = "HTTP/1.1 404 Not Found\r\n"
		            "Content-Length: 300\r\n\r\n" },
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, replies, 2);
	request = transfer_stage_request(&stage, "HEAD", "/b/k");
	result = transfer_stage_run(&stage, &request);
	CHECK(result.http_status == 200 && result.response.len == 0);
	CHECK(result.content_length == 5000000000ULL);
	result = transfer_stage_run(&stage, &request);
	CHECK(result.http_status == 404);
	transfer_stage_tear_down(&stage);
}

static void the_path_goes_out_as_it_is(void)
{
	static const struct http_reply replies[] = {
		{ .answer = TRANSFER_STAGE_OK }
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, replies, 1);
	request = transfer_stage_request(&stage, "GET", "/b/../a//./%7Ex%21");
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE);
	http_server_stop(stage.server);
	CHECK(has_line(stage.server, 0,
	               "GET /b/../a//./%7Ex%21?" TRANSFER_STAGE_SECRET
	               " HTTP/1.1"));
	transfer_stage_tear_down(&stage);
}

static void signed_headers_go_out_and_nothing_is_made_up(void)
{
	static const struct http_reply replies[] = {
		{ .answer = TRANSFER_STAGE_OK }
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;
	const char *head;

	transfer_stage_set_up(&stage, replies, 1);
	request = transfer_stage_request(&stage, "PUT", "/b/k");
	request.body = (const uint8_t *)"hello";
	request.body_len = 5;
	stage.target.headers[0] =
		(struct agent_header){ "content-length", "5" };
	stage.target.headers[1] =
		(struct agent_header){ "content-md5",
		                       "XUFAKrxLKna5cZ2REBfFkg==" };
	stage.target.header_count = 2;
	result = transfer_stage_run(&stage, &request);
	CHECK(result.http_status == 200);
	http_server_stop(stage.server);
	head = http_server_head(stage.server, 0);
	CHECK(has_line(stage.server, 0, "content-length: 5"));
	CHECK(has_line(stage.server, 0,
	               "content-md5: XUFAKrxLKna5cZ2REBfFkg=="));
	CHECK(strcasestr(strcasestr(head, "content-length:") + 1,
	                 "content-length:") == NULL);
	CHECK(strcasestr(head, "expect:") == NULL);
	CHECK(strcasestr(head, "content-type:") == NULL);
	CHECK(strcasestr(head, "\nx-amz-") == NULL);
	CHECK(strcasestr(head, "transfer-encoding:") == NULL);
	CHECK(bytes_equal(http_server_body(stage.server, 0),
	                  bytes_of_text("hello")));
	transfer_stage_tear_down(&stage);
}

static void a_put_or_post_without_a_body_says_length_0(void)
{
	static const struct http_reply replies[] = {
		{ .answer = TRANSFER_STAGE_OK }, { .answer = TRANSFER_STAGE_OK }
	};
	static const char *const methods[] = { "PUT", "POST" };
	struct transfer_stage stage;

	transfer_stage_set_up(&stage, replies, 2);
	for (size_t i = 0; i < 2; i++) {
		struct transfer_request request =
			transfer_stage_request(&stage, methods[i], "/b/k");
		struct transfer_result result;

		request.content_type = "text/x-nix-narinfo";
		result = transfer_stage_run(&stage, &request);
		CHECK(result.outcome == TRANSFER_DONE);
	}
	http_server_stop(stage.server);
	CHECK(has_line(stage.server, 0,
	               "PUT /b/k?" TRANSFER_STAGE_SECRET " HTTP/1.1"));
	CHECK(has_line(stage.server, 1,
	               "POST /b/k?" TRANSFER_STAGE_SECRET " HTTP/1.1"));
	for (size_t i = 0; i < 2; i++) {
		CHECK(has_line(stage.server, i, "content-length: 0"));
		CHECK(has_line(stage.server, i,
		               "content-type: text/x-nix-narinfo"));
	}
	transfer_stage_tear_down(&stage);
}

static void a_delete_sends_no_body(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 204 No Content\r\n\r\n" },
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, replies, 1);
	request = transfer_stage_request(&stage, "DELETE", "/b/k");
	result = transfer_stage_run(&stage, &request);
	CHECK(result.http_status == 204);
	http_server_stop(stage.server);
	CHECK(has_line(stage.server, 0,
	               "DELETE /b/k?" TRANSFER_STAGE_SECRET " HTTP/1.1"));
	CHECK(!strcasestr(http_server_head(stage.server, 0), "chunked"));
	transfer_stage_tear_down(&stage);
}

static void redirects_are_not_followed(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 307 Temporary Redirect\r\n"
		            "Location: /elsewhere\r\n"
		            "Content-Length: 0\r\n\r\n" },
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, replies, 1);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.http_status == 307);
	http_server_stop(stage.server);
	CHECK(http_server_count(stage.server) == 1);
	transfer_stage_tear_down(&stage);
}

static void retry_after_is_told(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 503 Slow\r\nRetry-After: 17\r\n"
		            "Content-Length: 0\r\n\r\n" },
		{ .answer = "HTTP/1.1 503 Slow\r\nRetry-After: -5\r\n"
		            "Content-Length: 0\r\n\r\n" },
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, replies, 2);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	result = transfer_stage_run(&stage, &request);
	CHECK(result.http_status == 503 && result.retry_after == 17);
	result = transfer_stage_run(&stage, &request);
	CHECK(result.http_status == 503 && result.retry_after == 0);
	transfer_stage_tear_down(&stage);
}

static void connections_are_kept_unless_a_new_one_is_wanted(void)
{
	static const struct http_reply replies[] = {
		{ .answer = TRANSFER_STAGE_OK },
		{ .answer = TRANSFER_STAGE_OK },
		{ .answer = TRANSFER_STAGE_OK }
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, replies, 3);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	(void)transfer_stage_run(&stage, &request);
	(void)transfer_stage_run(&stage, &request);
	request.use_new_connection = true;
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE);
	http_server_stop(stage.server);
	CHECK(http_server_connection(stage.server, 0) == 0);
	CHECK(http_server_connection(stage.server, 1) == 0);
	CHECK(http_server_connection(stage.server, 2) == 1);
	transfer_stage_tear_down(&stage);
}

static void a_body_lost_with_a_kept_connection_is_sent_again(void)
{
	static const struct http_reply replies[] = {
		{ .answer = TRANSFER_STAGE_OK },
		{ .answer = NULL },
		{ .answer = TRANSFER_STAGE_OK },
	};
	static uint8_t body[300000];
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;
	struct bytes got;

	memset(body, 'x', sizeof(body));
	transfer_stage_set_up(&stage, replies, 3);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	(void)transfer_stage_run(&stage, &request);
	request = transfer_stage_request(&stage, "PUT", "/b/k");
	request.body = body;
	request.body_len = sizeof(body);
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.http_status == 200);
	http_server_stop(stage.server);
	CHECK(http_server_count(stage.server) == 3);
	got = http_server_body(stage.server, 2);
	CHECK(got.len == sizeof(body) && memcmp(got.data, body, got.len) == 0);
	CHECK(transfer_bytes_sent(stage.transfer) == 2 * sizeof(body));
	transfer_stage_tear_down(&stage);
}

static void a_proxy_is_not_asked_for_this_machine(void)
{
	static const struct http_reply replies[] = {
		{ .answer = TRANSFER_STAGE_OK }
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	transfer_stage_set_up(&stage, replies, 1);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE);
	transfer_stage_tear_down(&stage);
	(void)unsetenv("http_proxy");
}

static void many_requests_are_under_way_together(void)
{
	enum {
		COUNT = 40
	};
	struct http_reply replies[COUNT];
	struct transfer_request request;
	struct transfer_stage stage;
	uint64_t seen = 0;

	for (size_t i = 0; i < COUNT; i++)
		replies[i] = (struct http_reply){ .answer = TRANSFER_STAGE_OK };
	transfer_stage_set_up(&stage, replies, COUNT);
	for (uint64_t i = 0; i < COUNT; i++) {
		request = transfer_stage_request(&stage, "GET", "/b/k");
		request.tag = i;
		CHECK(transfer_submit(stage.transfer, &request) == 0);
	}
	CHECK(transfer_count(stage.transfer) == COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		struct transfer_result result = transfer_stage_take(&stage);

		CHECK(result.http_status == 200);
		CHECK(!(seen & 1ULL << result.tag));
		seen |= 1ULL << result.tag;
	}
	CHECK(seen == (1ULL << COUNT) - 1);
	http_server_stop(stage.server);
	for (size_t i = 0; i < COUNT; i++)
		CHECK(http_server_connection(stage.server, i) < 8);
	transfer_stage_tear_down(&stage);
}

static void the_callers_descriptors_wake_the_wait(void)
{
	static const struct http_reply replies[] = { { .answer = "" } };
	struct transfer_stage stage;
	struct transfer_request request;
	struct pollfd extra = { .events = POLLIN };
	int ends[2];

	CHECK(pipe(ends) == 0);
	transfer_stage_set_up(&stage, replies, 1);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	CHECK(transfer_submit(stage.transfer, &request) == 0);
	extra.fd = ends[0];
	CHECK(transfer_wait(stage.transfer, &extra, 1, 0) == 0);
	CHECK(extra.revents == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	while (!extra.revents)
		CHECK(transfer_wait(stage.transfer, &extra, 1, 60000) == 0);
	CHECK(extra.revents == POLLIN);
	(void)close(ends[1]);
	CHECK(read(ends[0], &ends[1], 1) == 1);
	CHECK(transfer_wait(stage.transfer, &extra, 1, 60000) == 0);
	CHECK(extra.revents & POLLHUP);
	(void)close(ends[0]);
	/* Closed with a request under way. */
	transfer_stage_tear_down(&stage);
}

int main(void)
{
	static const struct test tests[] = {
		{ "an answer brings status, ETag, length and body",
		  an_answer_brings_status_etag_length_and_body },
		{ "a HEAD has the length but no body",
		  a_head_has_the_length_but_no_body },
		{ "the path goes out as it is", the_path_goes_out_as_it_is },
		{ "signed headers go out, and nothing is made up",
		  signed_headers_go_out_and_nothing_is_made_up },
		{ "a PUT or POST without a body says length 0",
		  a_put_or_post_without_a_body_says_length_0 },
		{ "a DELETE sends no body", a_delete_sends_no_body },
		{ "redirects are not followed", redirects_are_not_followed },
		{ "Retry-After is told", retry_after_is_told },
		{ "connections are kept unless a new one is wanted",
		  connections_are_kept_unless_a_new_one_is_wanted },
		{ "a body lost with a kept connection is sent again",
		  a_body_lost_with_a_kept_connection_is_sent_again },
		{ "a proxy is not asked for this machine",
		  a_proxy_is_not_asked_for_this_machine },
		{ "many requests are under way together",
		  many_requests_are_under_way_together },
		{ "the caller's descriptors wake the wait",
		  the_callers_descriptors_wake_the_wait },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
