#include "tests/lib/test.h"
#include "tests/lib/transfer_stage.h"

#include <stdlib.h>
#include <string.h>

static void another_length_than_the_signed_one_is_not_sent(void)
{
	static const char *const lengths[] = { "4", "6", "x", "" };
	struct transfer_stage stage;

	transfer_stage_set_up(&stage, NULL, 0);
	for (size_t i = 0; i < 4; i++) {
		struct transfer_request request =
			transfer_stage_request(&stage, "PUT", "/b/k");
		struct transfer_result result;

		request.body = (const uint8_t *)"hello";
		request.body_len = 5;
		stage.target.headers[0] =
			(struct agent_header){ .name = "Content-Length" };
		(void)snprintf(stage.target.headers[0].value,
		               sizeof(stage.target.headers[0].value), "%s",
		               lengths[i]);
		stage.target.header_count = 1;
		result = transfer_stage_run(&stage, &request);
		CHECK(result.outcome == TRANSFER_FAILED);
		CHECK(strstr(result.detail, "signed length") != NULL);
	}
	http_server_stop(stage.server);
	CHECK(http_server_count(stage.server) == 0);
	transfer_stage_tear_down(&stage);
}

static void a_header_with_a_line_break_is_not_sent(void)
{
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, NULL, 0);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	stage.target.headers[0] =
		(struct agent_header){ "x", "a\r\nevil: yes" };
	stage.target.header_count = 1;
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_FAILED);
	http_server_stop(stage.server);
	CHECK(http_server_count(stage.server) == 0);
	transfer_stage_tear_down(&stage);
}

static void a_refusal_in_mid_upload_is_an_answer(void)
{
	static const struct http_reply replies[] = {
		{ .answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n"
		            "Connection: close\r\n\r\nno!",
		  .is_before_body = true },
	};
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;
	uint8_t *body = calloc(1, 4U << 20);

	transfer_stage_set_up(&stage, replies, 1);
	request = transfer_stage_request(&stage, "PUT", "/b/k");
	request.body = body;
	request.body_len = 4U << 20;
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.http_status == 403);
	CHECK(bytes_equal(buffer_bytes(&result.response),
	                  bytes_of_text("no!")));
	http_server_stop(stage.server);
	/* libcurl asks first for bodies beyond 1 MiB, unless told not to. */
	CHECK(!strcasestr(http_server_head(stage.server, 0), "expect:"));
	buffer_clear(&result.response);
	transfer_stage_tear_down(&stage);
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
		struct transfer_stage stage;
		struct transfer_request request;
		struct transfer_result result;

		transfer_stage_set_up(&stage, &reply, 1);
		request = transfer_stage_request(&stage, "GET", "/b/k");
		result = transfer_stage_run(&stage, &request);
		if (result.outcome != cases[i].outcome) {
			test_fail(__FILE__, __LINE__,
			          cases[i].answer ? cases[i].answer : "-");
		}
		buffer_clear(&result.response);
		transfer_stage_tear_down(&stage);
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
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, replies, 2);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	request.response_max = 5;
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_DONE && result.response.len == 5);
	buffer_clear(&result.response);
	request.response_max = 4;
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_TOO_LARGE);
	buffer_clear(&result.response);
	transfer_stage_tear_down(&stage);
}

static void an_etag_beyond_its_place_is_none(void)
{
	char answer[400];
	struct http_reply reply = { .answer = answer };
	struct transfer_stage stage;

	for (int len = 159; len <= 160; len++) {
		struct transfer_request request;
		struct transfer_result result;

		(void)snprintf(answer, sizeof(answer),
		               "HTTP/1.1 200 OK\r\nETag: %0*d\r\n"
		               "Content-Length: 0\r\n\r\n",
		               len, 1);
		transfer_stage_set_up(&stage, &reply, 1);
		request = transfer_stage_request(&stage, "GET", "/b/k");
		result = transfer_stage_run(&stage, &request);
		CHECK(strlen(result.etag) == (len == 159 ? 159 : 0));
		transfer_stage_tear_down(&stage);
	}
}

static void a_server_that_says_nothing_is_given_up(void)
{
	static const struct http_reply replies[] = { { .answer = "" } };
	struct transfer_stage stage;
	struct transfer_request request;
	struct transfer_result result;

	transfer_stage_set_up(&stage, replies, 1);
	request = transfer_stage_request(&stage, "GET", "/b/k");
	result = transfer_stage_run(&stage, &request);
	CHECK(result.outcome == TRANSFER_TIMED_OUT);
	transfer_stage_tear_down(&stage);
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
		"http://127.0.0.1:1/b/k?" TRANSFER_STAGE_SECRET,
		"http://127.0.0.1:99999/b/k?" TRANSFER_STAGE_SECRET,
		"ftp://127.0.0.1/b/k?" TRANSFER_STAGE_SECRET,
		"file:///etc/passwd?" TRANSFER_STAGE_SECRET,
		"http://a b/k?" TRANSFER_STAGE_SECRET,
		"http://?" TRANSFER_STAGE_SECRET,
		"x:\\?" TRANSFER_STAGE_SECRET,
		"",
	};
	struct transfer_stage stage;

	transfer_stage_set_up(&stage, NULL, 0);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct transfer_request request =
			transfer_stage_request(&stage, "GET", "/");
		struct transfer_result result;

		(void)snprintf(stage.url, sizeof(stage.url), "%s", urls[i]);
		result = transfer_stage_run(&stage, &request);
		CHECK(result.outcome != TRANSFER_DONE);
		CHECK(result.detail[0] != '\0');
		if (tells_url(&result))
			test_fail(__FILE__, __LINE__, result.detail);
	}
	transfer_stage_tear_down(&stage);
}

static void a_refused_connection_is_told_again_and_again(void)
{
	struct transfer_stage stage;

	transfer_stage_set_up(&stage, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct transfer_request request =
			transfer_stage_request(&stage, "GET", "/");
		struct transfer_result result;

		(void)snprintf(stage.url, sizeof(stage.url),
		               "http://127.0.0.1:1/");
		result = transfer_stage_run(&stage, &request);
		CHECK(result.outcome == TRANSFER_NO_CONNECTION);
		CHECK(strstr(result.detail, "127.0.0.1") != NULL);
	}
	transfer_stage_tear_down(&stage);
}

static void an_impossible_proxy_fails_alike_each_time(void)
{
	struct transfer_stage stage;

	(void)setenv("http_proxy", "socks9://user:5ec5e7@127.0.0.1:1", 1);
	transfer_stage_set_up(&stage, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct transfer_request request =
			transfer_stage_request(&stage, "GET", "/");
		struct transfer_result result;

		/* A name that nobody has (RFC 2606), never looked up. */
		(void)snprintf(stage.url, sizeof(stage.url),
		               "http://nobody.invalid/");
		result = transfer_stage_run(&stage, &request);
		CHECK(result.outcome == TRANSFER_NO_CONNECTION);
		CHECK(!tells_url(&result) && !strchr(result.detail, '@'));
	}
	transfer_stage_tear_down(&stage);
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
		struct transfer_stage stage;
		struct transfer_request request;
		struct transfer_result result;

		transfer_stage_set_up(&stage, &cases[i].reply, 1);
		request = transfer_stage_request(&stage, "GET", "/");
		(void)snprintf(stage.url, sizeof(stage.url),
		               "https://127.0.0.1:%u/",
		               http_server_port(stage.server));
		result = transfer_stage_run(&stage, &request);
		CHECK(result.outcome == cases[i].outcome);
		transfer_stage_tear_down(&stage);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "another length than the signed one is not sent",
		  another_length_than_the_signed_one_is_not_sent },
		{ "a header with a line break is not sent",
		  a_header_with_a_line_break_is_not_sent },
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
		{ "a server without TLS is told from a lost handshake",
		  a_server_without_tls_is_told_from_a_lost_handshake },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
