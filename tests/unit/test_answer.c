#include "tests/lib/test.h"

#include "client/transfer/answer.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void take_lines(struct answer *a, const char *head)
{
	while (*head) {
		size_t len = strcspn(head, "\n");

		len += head[len] ? 1 : 0;
		answer_take_line(a, head, len);
		head += len;
	}
}

static struct answer make(const struct transfer_request *request,
                          const char *head)
{
	struct answer a;

	answer_init(&a, request);
	take_lines(&a, head);
	return a;
}

static void a_head_is_read(void)
{
	const struct transfer_request request = { .tag = 1 };
	struct answer a = make(
		&request, "HTTP/1.1 100 Continue\r\nETag: \"wrong\"\r\n\r\n"
			  "HTTP/1.1 206 Partial Content\r\n"
			  "ETAG:\t \"right\" \r\nContent-encoding: br\r\n"
			  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			  "Content-Range: bytes 5-9/100\r\n\r\n"
			  "ETag: \"trailer\"\r\n\r\n");

	CHECK(a.status == 206 && a.has_whole_head);
	CHECK(strcmp(a.etag, "\"right\"") == 0);
	CHECK(strcmp(a.encoding, "br") == 0);
	CHECK(a.server_time == 784111777);
	CHECK(a.range.is_given && a.range.from == 5 && a.range.end == 10);
	CHECK(a.range.size == 100);
	answer_clear(&a);
}

static void values_that_do_not_fit_are_not_there(void)
{
	const struct transfer_request request = { .tag = 1 };
	char head[1024];

	for (int len = 159; len <= 160; len++) {
		struct answer a;

		(void)snprintf(head, sizeof(head),
		               "HTTP/1.1 200 OK\r\nETag: %0*d\r\n"
		               "Content-Encoding: %0*d\r\n\r\n",
		               len, 0, len - 144, 0);
		a = make(&request, head);
		CHECK(strlen(a.etag) == (len == 159 ? 159 : 0));
		CHECK(strlen(a.encoding) == (len == 159 ? 15 : 0));
		answer_clear(&a);
	}
	for (int len = 255; len <= 600; len += 345) {
		struct answer a;

		(void)snprintf(head, sizeof(head),
		               "HTTP/1.1 200 OK\r\nETag: %0*d\r\n\r\n", len, 0);
		a = make(&request, head);
		CHECK(a.etag[0] == '\0' && a.has_whole_head);
		answer_clear(&a);
	}
}

static void lines_that_make_no_sense_are_passed_over(void)
{
	static const char *const heads[] = {
		"HTTP/1.1\r\n",       "HTTP/1.1 \r\n",
		"HTTP/1.1 2x6 X\r\n", "HTTP/\r\n",
		"HTTP/1.1 2",         ":\r\n",
		"ETag\r\n",           "Date: yesterday, or so\r\n",
		"Date:\r\n",          "Content-Encoding:\r\n",
		"etag :\"x\"\r\n",
	};
	const struct transfer_request request = { .tag = 1 };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct answer a = make(&request, heads[i]);

		CHECK(a.status == 0 && !a.etag[0] && !a.encoding[0]);
		CHECK(a.server_time == 0 && !a.range.is_given);
		answer_clear(&a);
	}
}

static const struct {
	const char *value;
	struct answer_range range;
} ranges[] = {
	{ "bytes 0-0/1", { true, 0, 1, 1 } },
	{ "BYTES 0-9/10", { true, 0, 10, 10 } },
	{ "bytes 5-9/*", { true, 5, 10, 0 } },
	{ "bytes */10", { true, 0, 0, 10 } },
	{ "bytes */*", { true, 0, 0, 0 } },
	{ "bytes 9223372036854775805-9223372036854775806/9223372036854775807",
	  { true, INT64_MAX - 2, INT64_MAX, INT64_MAX } },
	{ "bytes 0-9223372036854775807/9223372036854775807", { .from = 0 } },
	{ "bytes 0-18446744073709551616/9", { .from = 0 } },
	{ "bytes 5-4/10", { .from = 0 } },
	{ "bytes 0-10/10", { .from = 0 } },
	{ "bytes 0-9", { .from = 0 } },
	{ "bytes 0/10", { .from = 0 } },
	{ "bytes -9/10", { .from = 0 } },
	{ "bytes 0-/10", { .from = 0 } },
	{ "bytes 0-9/", { .from = 0 } },
	{ "bytes 0-9/-1", { .from = 0 } },
	{ "bytes +0-9/10", { .from = 0 } },
	{ "bytes 0-9/10 ", { true, 0, 10, 10 } },
	{ "bytes 0-9/10x", { .from = 0 } },
	{ "bytes 0 - 9/10", { .from = 0 } },
	{ "bytes 1/0-9", { .from = 0 } },
	{ "bytes=0-9/10", { .from = 0 } },
	{ "lines 0-9/10", { .from = 0 } },
	{ "", { .from = 0 } },
};

static void content_ranges_are_read_strictly(void)
{
	const struct transfer_request request = { .tag = 1 };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct answer a;
		char head[256];

		(void)snprintf(head, sizeof(head),
		               "HTTP/1.1 206 P\r\nContent-Range: %s\r\n\r\n",
		               ranges[i].value);
		a = make(&request, head);
		if (a.range.is_given != ranges[i].range.is_given ||
		    a.range.from != ranges[i].range.from ||
		    a.range.end != ranges[i].range.end ||
		    a.range.size != ranges[i].range.size)
			test_fail(__FILE__, __LINE__, ranges[i].value);
		answer_clear(&a);
	}
}

#define PART(range) "HTTP/1.1 206 P\r\nContent-Range: bytes " range "\r\n\r\n"
#define ALL         "HTTP/1.1 200 OK\r\n\r\n"
#define OBJECT      "0123456789"

/* What comes for a request for len bytes from from, what of it reaches the
 * sink, and how it ends. */
static const struct {
	const char *what;
	uint64_t from;
	uint64_t len;
	const char *head;
	const char *body;
	const char *streamed;
	int error;
	bool has_enough;
} bodies[] = {
	{ "all", 0, 0, ALL, OBJECT, OBJECT, 0, false },
	{ "nothing", 0, 0, ALL, "", "", 0, false },
	{ "the end", 4, 0, PART("4-9/10"), "456789", "456789", 0, true },
	{ "the end, of unknown size", 4, 0, PART("4-9/*"), "456789", "456789",
	  0, true },
	{ "a middle", 4, 3, PART("4-6/10"), "456", "456", 0, true },
	{ "more than there is", 4, 30, PART("4-9/10"), "456789", "456789", 0,
	  true },
	{ "all, as a part", 0, 0, PART("0-9/10"), OBJECT, OBJECT, 0, true },
	{ "ignored: from", 4, 0, ALL, OBJECT, "456789", 0, false },
	{ "ignored: a middle", 4, 3, ALL, OBJECT, "456", 0, true },
	{ "ignored: the beginning", 0, 3, ALL, OBJECT, "012", 0, true },
	{ "ignored: exactly the end", 10, 0, ALL, OBJECT, "", 0, false },
	{ "ignored: beyond the end", 11, 0, ALL, OBJECT, "", -ERANGE, false },
	{ "ignored: a middle that ends early", 4, 30, ALL, OBJECT, "456789", 0,
	  false },
	{ "too early", 4, 0, PART("3-9/10"), "3456789", "", -EBADMSG, false },
	{ "too late", 4, 0, PART("5-9/10"), "56789", "", -EBADMSG, false },
	{ "not said", 4, 0, "HTTP/1.1 206 P\r\n\r\n", "456789", "", -EBADMSG,
	  false },
	{ "unsatisfied", 4, 0, PART("*/10"), "456789", "", -EBADMSG, false },
	{ "less than asked for", 4, 5, PART("4-6/10"), "456", "456", -ENODATA,
	  false },
	{ "less than said", 4, 0, PART("4-9/10"), "456", "456", -ENODATA,
	  false },
	{ "no body", 4, 0, PART("4-9/10"), "", "", -ENODATA, false },
	{ "more than said", 4, 5, PART("4-6/10"), "456789", NULL, -EBADMSG,
	  false },
};

/* In pieces of so many bytes; what is not taken ends it. */
static void feed(struct answer *a, const char *body, size_t piece)
{
	size_t len = strlen(body);

	for (size_t at = 0; at < len; at += piece) {
		struct bytes bytes = { (const uint8_t *)body + at,
			               len - at < piece ? len - at : piece };
		int rc = answer_take_body(a, bytes);

		CHECK(rc == 0 || rc == a->error ||
		      (rc == -ECANCELED && a->has_enough));
		if (rc < 0)
			return;
	}
}

static void check_body(size_t row, size_t piece)
{
	cleanup_conduit struct conduit *sink = NULL;
	struct transfer_request request = { .range_from = bodies[row].from,
		                            .range_len = bodies[row].len };
	char out[64] = "";
	struct answer a;
	size_t len = 0;

	if (conduit_new(CONDUIT_PIECE_MAX, &sink) < 0)
		abort();
	request.sink = sink;
	a = make(&request, bodies[row].head);
	feed(&a, bodies[row].body, piece);
	conduit_end(sink, 0, NULL);
	if (answer_end(&a) != bodies[row].error || a.response.len > 0 ||
	    a.has_enough != bodies[row].has_enough ||
	    conduit_read(sink, out, sizeof(out) - 1, &len) < 0 ||
	    a.streamed != len ||
	    (bodies[row].streamed && strcmp(out, bodies[row].streamed) != 0))
		test_fail(__FILE__, __LINE__, bodies[row].what);
	CHECK(a.error == 0 || answer_error_text(a.error)[0] != '\0');
	answer_clear(&a);
}

static void what_reaches_the_sink_is_what_was_asked_for(void)
{
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		for (size_t piece = 1; piece <= 11; piece++)
			check_body(i, piece);
	}
}

static void other_answers_go_into_the_response(void)
{
	static const struct {
		const char *head;
		bool is_streamed;
	} heads[] = {
		{ ALL, true },
		{ "HTTP/1.1 204 N\r\n\r\n", false },
		{ "HTTP/1.1 301 M\r\n\r\n", false },
		{ "HTTP/1.1 403 F\r\n\r\n", false },
		{ "HTTP/1.1 404 N\r\n\r\n", false },
		{ "HTTP/1.1 416 R\r\nContent-Range: bytes */3\r\n\r\n", false },
		{ "HTTP/1.1 503 S\r\n\r\n", false },
	};
	struct transfer_request request = { .response_max = 4 };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		cleanup_conduit struct conduit *sink = NULL;
		struct answer a;

		if (conduit_new(CONDUIT_PIECE_MAX, &sink) < 0)
			abort();
		request.sink = sink;
		a = make(&request, heads[i].head);
		feed(&a, "abcd", 4);
		CHECK(a.streamed == (heads[i].is_streamed ? 4 : 0));
		CHECK(a.response.len == (heads[i].is_streamed ? 0 : 4));
		CHECK(conduit_total(sink) == a.streamed);
		CHECK(answer_end(&a) == 0);
		feed(&a, "e", 1);
		CHECK(a.error == (heads[i].is_streamed ? 0 : -EMSGSIZE));
		answer_clear(&a);
	}
}

static void another_object_is_not_appended(void)
{
	static const struct {
		const char *head;
		int error;
	} heads[] = {
		{ "HTTP/1.1 206 P\r\nETag: \"a\"\r\n"
		  "Content-Range: bytes 4-9/10\r\n\r\n",
		  0 },
		{ PART("4-9/10"), 0 },
		{ "HTTP/1.1 206 P\r\nETag: \"b\"\r\n"
		  "Content-Range: bytes 4-9/10\r\n\r\n",
		  -ESTALE },
	};
	struct transfer_request request = { .etag = "\"a\"", .range_from = 4 };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		cleanup_conduit struct conduit *sink = NULL;
		struct answer a;

		if (conduit_new(CONDUIT_PIECE_MAX, &sink) < 0)
			abort();
		request.sink = sink;
		a = make(&request, heads[i].head);
		feed(&a, "456789", 6);
		CHECK(answer_end(&a) == heads[i].error);
		CHECK(conduit_total(sink) == (heads[i].error ? 0 : 6));
		answer_clear(&a);
	}
}

static void a_piece_that_does_not_fit_is_taken_whole_or_not_at_all(void)
{
	static uint8_t much[CONDUIT_PIECE_MAX];
	cleanup_conduit struct conduit *sink = NULL;
	struct transfer_request request = { .range_from = 4 };
	const struct bytes body = { (const uint8_t *)"0123456789", 10 };
	struct answer a;
	uint8_t out[16];
	size_t len;

	if (conduit_new(CONDUIT_PIECE_MAX, &sink) < 0)
		abort();
	request.sink = sink;
	CHECK(conduit_put(sink, (struct bytes){ much, sizeof(much) - 5 }) == 0);
	a = make(&request, ALL);
	CHECK(answer_take_body(&a, body) == -EAGAIN);
	CHECK(answer_take_body(&a, body) == -EAGAIN);
	CHECK(a.streamed == 0 && a.position == 0 && a.error == 0);
	CHECK(conduit_read(sink, much, sizeof(much), &len) == 0);
	CHECK(answer_take_body(&a, body) == 0);
	CHECK(a.streamed == 6 && a.position == 10);
	CHECK(conduit_read(sink, out, sizeof(out), &len) == 0 && len == 6);
	CHECK(memcmp(out, "456789", 6) == 0);
	conduit_abandon(sink);
	CHECK(answer_take_body(&a, body) == -EPIPE);
	CHECK(answer_end(&a) == -EPIPE);
	answer_clear(&a);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a head is read", a_head_is_read },
		{ "values that do not fit are not there",
		  values_that_do_not_fit_are_not_there },
		{ "lines that make no sense are passed over",
		  lines_that_make_no_sense_are_passed_over },
		{ "Content-Ranges are read strictly",
		  content_ranges_are_read_strictly },
		{ "what reaches the sink is what was asked for",
		  what_reaches_the_sink_is_what_was_asked_for },
		{ "other answers go into the response",
		  other_answers_go_into_the_response },
		{ "another object is not appended",
		  another_object_is_not_appended },
		{ "a piece that does not fit is taken whole or not at all",
		  a_piece_that_does_not_fit_is_taken_whole_or_not_at_all },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
