#include "tests/lib/http_server.h"
#include "tests/lib/test.h"

#include "client/transfer/transfer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define SECRET   "X-Amz-Signature=5ec5e7"

/* A server, a transfer, and the URL of its last request. */
struct stage {
	struct http_server *server;
	struct transfer *transfer;
	struct agent_signed_request target;
	char url[512];
};

static void stage_set_up(struct stage *stage, const struct http_reply *replies,
                         size_t count)
{
	struct transfer_options options = { .connections = 8,
		                            .stall_timeout_s = 1 };

	*stage = (struct stage){ .server = http_server_start(replies, count) };
	if (!stage->server || transfer_open(&options, &stage->transfer) < 0) {
		test_fail(__FILE__, __LINE__, "no stage");
		exit(1);
	}
}

static void stage_tear_down(struct stage *stage)
{
	transfer_close(stage->transfer);
	http_server_free(stage->server);
}

static struct transfer_request
make_request(struct stage *stage, const char *method, const char *path)
{
	(void)snprintf(stage->url, sizeof(stage->url),
	               "http://127.0.0.1:%u%s?" SECRET,
	               http_server_port(stage->server), path);
	(void)snprintf(stage->target.method, sizeof(stage->target.method), "%s",
	               method);
	stage->target.url = stage->url;
	return (struct transfer_request){ .target = &stage->target, .tag = 7 };
}

static struct transfer_result take(struct transfer *transfer)
{
	struct transfer_result result = { .outcome = TRANSFER_FAILED };
	int rc = 0;

	while (rc == 0 && transfer_count(transfer) > 0) {
		rc = transfer_next(transfer, &result);
		if (rc == 0)
			rc = transfer_wait(transfer, NULL, 0, 1000);
	}
	CHECK(rc == 1);
	return result;
}

static struct transfer_result run(struct stage *stage,
                                  const struct transfer_request *request)
{
	CHECK(transfer_submit(stage->transfer, request) == 0);
	return take(stage->transfer);
}

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
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, replies, 1);
	request = make_request(&stage, "GET", "/b/k");
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.tag == 7);
	CHECK(result.http_status == 200 && result.content_length == 5);
	CHECK(strcmp(result.etag, "\"abc\"") == 0);
	CHECK(bytes_equal(buffer_bytes(&result.response),
	                  bytes_of_text("hello")));
	CHECK(transfer_count(stage.transfer) == 0);
	buffer_clear(&result.response);
	stage_tear_down(&stage);
}

static void a_head_has_the_length_but_no_body(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 200 OK\r\n"
		            "Content-Length: 5000000000\r\n\r\n" },
		{ .answer = "HTTP/1.1 404 Not Found\r\n"
		            "Content-Length: 300\r\n\r\n" },
	};
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, replies, 2);
	request = make_request(&stage, "HEAD", "/b/k");
	result = run(&stage, &request);
	CHECK(result.http_status == 200 && result.response.len == 0);
	CHECK(result.content_length == 5000000000ULL);
	result = run(&stage, &request);
	CHECK(result.http_status == 404);
	stage_tear_down(&stage);
}

static void the_path_goes_out_as_it_is(void)
{
	static const struct http_reply replies[] = { { .answer = OK_EMPTY } };
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, replies, 1);
	request = make_request(&stage, "GET", "/b/../a//./%7Ex%21");
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE);
	http_server_stop(stage.server);
	CHECK(has_line(stage.server, 0,
	               "GET /b/../a//./%7Ex%21?" SECRET " HTTP/1.1"));
	stage_tear_down(&stage);
}

static void signed_headers_go_out_and_nothing_is_made_up(void)
{
	static const struct http_reply replies[] = { { .answer = OK_EMPTY } };
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;
	const char *head;

	stage_set_up(&stage, replies, 1);
	request = make_request(&stage, "PUT", "/b/k");
	request.body = (const uint8_t *)"hello";
	request.body_len = 5;
	stage.target.headers[0] =
		(struct agent_header){ "content-length", "5" };
	stage.target.headers[1] =
		(struct agent_header){ "content-md5",
		                       "XUFAKrxLKna5cZ2REBfFkg==" };
	stage.target.header_count = 2;
	result = run(&stage, &request);
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
	stage_tear_down(&stage);
}

static void a_put_or_post_without_a_body_says_length_0(void)
{
	static const struct http_reply replies[] = { { .answer = OK_EMPTY },
		                                     { .answer = OK_EMPTY } };
	static const char *const methods[] = { "PUT", "POST" };
	struct stage stage;

	stage_set_up(&stage, replies, 2);
	for (size_t i = 0; i < 2; i++) {
		struct transfer_request request =
			make_request(&stage, methods[i], "/b/k");
		struct transfer_result result;

		request.content_type = "text/x-nix-narinfo";
		result = run(&stage, &request);
		CHECK(result.outcome == TRANSFER_DONE);
	}
	http_server_stop(stage.server);
	CHECK(has_line(stage.server, 0, "PUT /b/k?" SECRET " HTTP/1.1"));
	CHECK(has_line(stage.server, 1, "POST /b/k?" SECRET " HTTP/1.1"));
	for (size_t i = 0; i < 2; i++) {
		CHECK(has_line(stage.server, i, "content-length: 0"));
		CHECK(has_line(stage.server, i,
		               "content-type: text/x-nix-narinfo"));
	}
	stage_tear_down(&stage);
}

static void a_delete_sends_no_body(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 204 No Content\r\n\r\n" },
	};
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, replies, 1);
	request = make_request(&stage, "DELETE", "/b/k");
	result = run(&stage, &request);
	CHECK(result.http_status == 204);
	http_server_stop(stage.server);
	CHECK(has_line(stage.server, 0, "DELETE /b/k?" SECRET " HTTP/1.1"));
	CHECK(!strcasestr(http_server_head(stage.server, 0), "chunked"));
	stage_tear_down(&stage);
}

static void another_length_than_the_signed_one_is_not_sent(void)
{
	static const char *const lengths[] = { "4", "6", "x", "" };
	struct stage stage;

	stage_set_up(&stage, NULL, 0);
	for (size_t i = 0; i < 4; i++) {
		struct transfer_request request =
			make_request(&stage, "PUT", "/b/k");
		struct transfer_result result;

		request.body = (const uint8_t *)"hello";
		request.body_len = 5;
		stage.target.headers[0] =
			(struct agent_header){ .name = "Content-Length" };
		(void)snprintf(stage.target.headers[0].value,
		               sizeof(stage.target.headers[0].value), "%s",
		               lengths[i]);
		stage.target.header_count = 1;
		result = run(&stage, &request);
		CHECK(result.outcome == TRANSFER_FAILED);
		CHECK(strstr(result.detail, "signed length") != NULL);
	}
	http_server_stop(stage.server);
	CHECK(http_server_count(stage.server) == 0);
	stage_tear_down(&stage);
}

static void a_header_with_a_line_break_is_not_sent(void)
{
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, NULL, 0);
	request = make_request(&stage, "GET", "/b/k");
	stage.target.headers[0] =
		(struct agent_header){ "x", "a\r\nevil: yes" };
	stage.target.header_count = 1;
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_FAILED);
	http_server_stop(stage.server);
	CHECK(http_server_count(stage.server) == 0);
	stage_tear_down(&stage);
}

static void redirects_are_not_followed(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 307 Temporary Redirect\r\n"
		            "Location: /elsewhere\r\n"
		            "Content-Length: 0\r\n\r\n" },
	};
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, replies, 1);
	request = make_request(&stage, "GET", "/b/k");
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.http_status == 307);
	http_server_stop(stage.server);
	CHECK(http_server_count(stage.server) == 1);
	stage_tear_down(&stage);
}

static void retry_after_is_told(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 503 Slow\r\nRetry-After: 17\r\n"
		            "Content-Length: 0\r\n\r\n" },
		{ .answer = "HTTP/1.1 503 Slow\r\nRetry-After: -5\r\n"
		            "Content-Length: 0\r\n\r\n" },
	};
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, replies, 2);
	request = make_request(&stage, "GET", "/b/k");
	result = run(&stage, &request);
	CHECK(result.http_status == 503 && result.retry_after == 17);
	result = run(&stage, &request);
	CHECK(result.http_status == 503 && result.retry_after == 0);
	stage_tear_down(&stage);
}

static void connections_are_kept_unless_a_new_one_is_wanted(void)
{
	static const struct http_reply replies[] = { { .answer = OK_EMPTY },
		                                     { .answer = OK_EMPTY },
		                                     { .answer = OK_EMPTY } };
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, replies, 3);
	request = make_request(&stage, "GET", "/b/k");
	result = run(&stage, &request);
	result = run(&stage, &request);
	request.use_new_connection = true;
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE);
	http_server_stop(stage.server);
	CHECK(http_server_connection(stage.server, 0) == 0);
	CHECK(http_server_connection(stage.server, 1) == 0);
	CHECK(http_server_connection(stage.server, 2) == 1);
	stage_tear_down(&stage);
}

static void a_body_lost_with_a_kept_connection_is_sent_again(void)
{
	static const struct http_reply replies[] = {
		{ .answer = OK_EMPTY },
		{ .answer = NULL },
		{ .answer = OK_EMPTY },
	};
	static uint8_t body[300000];
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;
	struct bytes got;

	memset(body, 'x', sizeof(body));
	stage_set_up(&stage, replies, 3);
	request = make_request(&stage, "GET", "/b/k");
	result = run(&stage, &request);
	request = make_request(&stage, "PUT", "/b/k");
	request.body = body;
	request.body_len = sizeof(body);
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.http_status == 200);
	http_server_stop(stage.server);
	CHECK(http_server_count(stage.server) == 3);
	got = http_server_body(stage.server, 2);
	CHECK(got.len == sizeof(body) && memcmp(got.data, body, got.len) == 0);
	CHECK(transfer_bytes_sent(stage.transfer) == 2 * sizeof(body));
	stage_tear_down(&stage);
}

static void a_refusal_in_mid_upload_is_an_answer(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n"
		            "Connection: close\r\n\r\nno!",
		  .is_before_body = true },
	};
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;
	uint8_t *body = calloc(1, 4U << 20);

	stage_set_up(&stage, replies, 1);
	request = make_request(&stage, "PUT", "/b/k");
	request.body = body;
	request.body_len = 4U << 20;
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.http_status == 403);
	CHECK(bytes_equal(buffer_bytes(&result.response),
	                  bytes_of_text("no!")));
	buffer_clear(&result.response);
	stage_tear_down(&stage);
	free(body);
}

static void broken_answers_are_told_from_whole_ones(void)
{
	static const struct {
		const char *answer;
		enum transfer_outcome outcome;
	} cases[] = {
		{ NULL, TRANSFER_BROKEN },
		{ "garbage\r\n\r\n", TRANSFER_BROKEN },
		{ "HTTP/1.1 200 OK\r\nContent-Le", TRANSFER_BROKEN },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		  TRANSFER_BROKEN },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "5\r\nhello",
		  TRANSFER_BROKEN },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		  TRANSFER_DONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_reply reply = { .answer = cases[i].answer,
			                          .is_last = true };
		struct stage stage;
		struct transfer_request request;
		struct transfer_result result;

		stage_set_up(&stage, &reply, 1);
		request = make_request(&stage, "GET", "/b/k");
		result = run(&stage, &request);
		if (result.outcome != cases[i].outcome)
			test_fail(__FILE__, __LINE__,
			          cases[i].answer ? cases[i].answer : "-");
		buffer_clear(&result.response);
		stage_tear_down(&stage);
	}
}

static void an_answer_beyond_its_maximum_is_refused(void)
{
	static const struct http_reply replies[] = {
		{ .answer =
		          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
		{ .answer =
		          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
	};
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, replies, 2);
	request = make_request(&stage, "GET", "/b/k");
	request.response_max = 5;
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.response.len == 5);
	buffer_clear(&result.response);
	request.response_max = 4;
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_TOO_LARGE);
	buffer_clear(&result.response);
	stage_tear_down(&stage);
}

static void an_etag_beyond_its_place_is_none(void)
{
	char answer[400];
	struct http_reply reply = { .answer = answer };
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	for (int len = 159; len <= 160; len++) {
		(void)snprintf(answer, sizeof(answer),
		               "HTTP/1.1 200 OK\r\nETag: %0*d\r\n"
		               "Content-Length: 0\r\n\r\n",
		               len, 1);
		stage_set_up(&stage, &reply, 1);
		request = make_request(&stage, "GET", "/b/k");
		result = run(&stage, &request);
		CHECK(strlen(result.etag) == (len == 159 ? 159 : 0));
		stage_tear_down(&stage);
	}
}

static void a_server_that_says_nothing_is_given_up(void)
{
	static const struct http_reply replies[] = { { .answer = "" } };
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	stage_set_up(&stage, replies, 1);
	request = make_request(&stage, "GET", "/b/k");
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_TIMED_OUT);
	stage_tear_down(&stage);
}

static bool tells_url(const struct transfer_result *result)
{
	return strstr(result->detail, "Signature") ||
	       strstr(result->detail, "5ec5e7") ||
	       strchr(result->detail, '?') || strstr(result->detail, "://");
}

static void no_error_tells_the_url(void)
{
	static const char *const urls[] = {
		"http://127.0.0.1:1/b/k?" SECRET,
		"http://127.0.0.1:99999/b/k?" SECRET,
		"ftp://127.0.0.1/b/k?" SECRET,
		"file:///etc/passwd?" SECRET,
		"http://a b/k?" SECRET,
		"http://?" SECRET,
		"x:\\?" SECRET,
		"",
	};
	struct stage stage;

	stage_set_up(&stage, NULL, 0);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct transfer_request request =
			make_request(&stage, "GET", "/");
		struct transfer_result result;

		(void)snprintf(stage.url, sizeof(stage.url), "%s", urls[i]);
		result = run(&stage, &request);
		CHECK(result.outcome != TRANSFER_DONE);
		CHECK(result.detail[0] != '\0');
		if (tells_url(&result))
			test_fail(__FILE__, __LINE__, result.detail);
	}
	stage_tear_down(&stage);
}

static void a_refused_connection_is_told_again_and_again(void)
{
	struct stage stage;

	stage_set_up(&stage, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct transfer_request request =
			make_request(&stage, "GET", "/");
		struct transfer_result result;

		(void)snprintf(stage.url, sizeof(stage.url),
		               "http://127.0.0.1:1/");
		result = run(&stage, &request);
		CHECK(result.outcome == TRANSFER_NO_CONNECTION);
		CHECK(strstr(result.detail, "127.0.0.1") != NULL);
	}
	stage_tear_down(&stage);
}

static void an_impossible_proxy_fails_alike_each_time(void)
{
	struct stage stage;

	(void)setenv("http_proxy", "socks9://user:5ec5e7@127.0.0.1:1", 1);
	stage_set_up(&stage, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct transfer_request request =
			make_request(&stage, "GET", "/");
		struct transfer_result result;

		/* A name that nobody has (RFC 2606), never looked up. */
		(void)snprintf(stage.url, sizeof(stage.url),
		               "http://nobody.invalid/");
		result = run(&stage, &request);
		CHECK(result.outcome == TRANSFER_NO_CONNECTION);
		CHECK(!tells_url(&result) && !strchr(result.detail, '@'));
	}
	stage_tear_down(&stage);
	(void)unsetenv("http_proxy");
}

static void a_proxy_is_not_asked_for_this_machine(void)
{
	static const struct http_reply replies[] = { { .answer = OK_EMPTY } };
	struct stage stage;
	struct transfer_request request;
	struct transfer_result result;

	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	stage_set_up(&stage, replies, 1);
	request = make_request(&stage, "GET", "/b/k");
	result = run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE);
	stage_tear_down(&stage);
	(void)unsetenv("http_proxy");
}

static void a_server_without_tls_is_told_from_a_lost_handshake(void)
{
	static const struct {
		struct http_reply reply;
		enum transfer_outcome outcome;
	} cases[] = {
		{ { .answer = "HTTP/1.1 400 Bad\r\n\r\n", .is_last = true },
		  TRANSFER_TLS },
		{ { .answer = NULL }, TRANSFER_BROKEN },
	};

	for (size_t i = 0; i < 2; i++) {
		struct stage stage;
		struct transfer_request request;
		struct transfer_result result;

		stage_set_up(&stage, &cases[i].reply, 1);
		request = make_request(&stage, "GET", "/");
		(void)snprintf(stage.url, sizeof(stage.url),
		               "https://127.0.0.1:%u/",
		               http_server_port(stage.server));
		result = run(&stage, &request);
		CHECK(result.outcome == cases[i].outcome);
		stage_tear_down(&stage);
	}
}

static void many_requests_are_under_way_together(void)
{
	enum {
		COUNT = 40
	};
	struct http_reply replies[COUNT];
	struct transfer_request request;
	struct stage stage;
	uint64_t seen = 0;

	for (size_t i = 0; i < COUNT; i++)
		replies[i] = (struct http_reply){ .answer = OK_EMPTY };
	stage_set_up(&stage, replies, COUNT);
	for (uint64_t i = 0; i < COUNT; i++) {
		request = make_request(&stage, "GET", "/b/k");
		request.tag = i;
		CHECK(transfer_submit(stage.transfer, &request) == 0);
	}
	CHECK(transfer_count(stage.transfer) == COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		struct transfer_result result = take(stage.transfer);

		CHECK(result.http_status == 200);
		CHECK(!(seen & 1ULL << result.tag));
		seen |= 1ULL << result.tag;
	}
	CHECK(seen == (1ULL << COUNT) - 1);
	http_server_stop(stage.server);
	for (size_t i = 0; i < COUNT; i++)
		CHECK(http_server_connection(stage.server, i) < 8);
	stage_tear_down(&stage);
}

static void the_callers_descriptors_wake_the_wait(void)
{
	static const struct http_reply replies[] = { { .answer = "" } };
	struct stage stage;
	struct transfer_request request;
	struct pollfd extra = { .events = POLLIN };
	int ends[2];

	CHECK(pipe(ends) == 0);
	stage_set_up(&stage, replies, 1);
	request = make_request(&stage, "GET", "/b/k");
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
	stage_tear_down(&stage);
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
		{ "another length than the signed one is not sent",
		  another_length_than_the_signed_one_is_not_sent },
		{ "a header with a line break is not sent",
		  a_header_with_a_line_break_is_not_sent },
		{ "redirects are not followed", redirects_are_not_followed },
		{ "Retry-After is told", retry_after_is_told },
		{ "connections are kept unless a new one is wanted",
		  connections_are_kept_unless_a_new_one_is_wanted },
		{ "a body lost with a kept connection is sent again",
		  a_body_lost_with_a_kept_connection_is_sent_again },
		{ "a refusal in mid-upload is an answer",
		  a_refusal_in_mid_upload_is_an_answer },
		{ "broken answers are told from whole ones",
		  broken_answers_are_told_from_whole_ones },
		{ "an answer beyond its maximum is refused",
		  an_answer_beyond_its_maximum_is_refused },
		{ "an ETag beyond its place is none",
		  an_etag_beyond_its_place_is_none },
		{ "a server that says nothing is given up",
		  a_server_that_says_nothing_is_given_up },
		{ "no error tells the URL", no_error_tells_the_url },
		{ "a refused connection is told again and again",
		  a_refused_connection_is_told_again_and_again },
		{ "an impossible proxy fails alike each time",
		  an_impossible_proxy_fails_alike_each_time },
		{ "a proxy is not asked for this machine",
		  a_proxy_is_not_asked_for_this_machine },
		{ "a server without TLS is told from a lost handshake",
		  a_server_without_tls_is_told_from_a_lost_handshake },
		{ "many requests are under way together",
		  many_requests_are_under_way_together },
		{ "the caller's descriptors wake the wait",
		  the_callers_descriptors_wake_the_wait },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
