#include "tests/lib/test.h"
#include "tests/lib/transfer_stage.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

static struct conduit *make_sink(void)
{
	struct conduit *sink = NULL;

	if (conduit_new(CONDUIT_PIECE_MAX, &sink) < 0)
		abort();
	return sink;
}

/* More than sink and libcurl hold, and all of the alphabet in it. */
#define LARGE ((size_t)1024 * 1024)

static char *make_large_answer(void)
{
	char head[128];
	char *answer;
	int len;

	len = snprintf(head, sizeof(head),
	               "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", LARGE);
	answer = malloc((size_t)len + LARGE + 1);
	if (!answer)
		abort();
	memcpy(answer, head, (size_t)len);
	for (size_t i = 0; i < LARGE; i++)
		answer[(size_t)len + i] = (char)('a' + i % 26);
	answer[(size_t)len + LARGE] = '\0';
	return answer;
}

/* A large download, and a second server for everything else: the first may be
 * stuck in sending. */
struct download {
	struct transfer_stage stage;
	struct http_server *other;
	struct agent_signed_request other_target;
	char other_url[128];
	struct http_reply reply;
	struct conduit *sink;
	char *answer;
};

static void begin_download(struct download *d)
{
	static const struct http_reply replies[] = {
		{ .answer = TRANSFER_STAGE_OK },
		{ .answer = TRANSFER_STAGE_OK },
	};
	struct transfer_request request;

	*d = (struct download){ .answer = make_large_answer(),
		                .sink = make_sink(),
		                .other_target = { .method = "GET" } };
	d->reply.answer = d->answer;
	transfer_stage_set_up(&d->stage, &d->reply, 1);
	d->other = http_server_start(replies, 2);
	if (!d->other)
		abort();
	(void)snprintf(d->other_url, sizeof(d->other_url),
	               "http://127.0.0.1:%u/b", http_server_port(d->other));
	d->other_target.url = d->other_url;
	request = transfer_stage_request(&d->stage, "GET", "/a");
	request.sink = d->sink;
	CHECK(transfer_submit(d->stage.transfer, &request) == 0);
}

static void end_download(struct download *d)
{
	/* First, for the server may be sending still. */
	transfer_close(d->stage.transfer);
	http_server_free(d->stage.server);
	http_server_free(d->other);
	conduit_release(d->sink);
	free(d->answer);
}

static void wait_until_full(struct download *d)
{
	uint64_t before = UINT64_MAX;
	struct transfer_result result;

	/* It is full when waiting brings no more. */
	while (conduit_total(d->sink) != before ||
	       before < CONDUIT_PIECE_MAX - (size_t)16 * 1024) {
		before = conduit_total(d->sink);
		CHECK(transfer_wait(d->stage.transfer, NULL, 0, 20) == 0);
	}
	CHECK(before <= CONDUIT_PIECE_MAX);
	CHECK(transfer_next(d->stage.transfer, &result) == 0);
}

/* Reads what there is, in the alphabet's order. */
static size_t read_some(struct download *d, size_t at, size_t size)
{
	static char out[LARGE];
	size_t len = 0;

	if (conduit_try_read(d->sink, out, size, &len) < 0)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (out[i] != (char)('a' + (at + i) % 26)) {
			FAIL("the bytes are not those of the object");
			break;
		}
	}
	return len;
}

static struct transfer_result read_to_the_end(struct download *d, size_t piece)
{
	struct transfer_result result = { .outcome = TRANSFER_FAILED };
	size_t at = 0, len = 0;

	while (transfer_next(d->stage.transfer, &result) == 0) {
		/* What is still in the sink keeps it from going on. */
		if (transfer_wait(d->stage.transfer, NULL, 0,
		                  len > 0 ? 0 : 1000) < 0)
			break;
		len = read_some(d, at, piece);
		at += len;
	}
	while (at < LARGE) {
		len = read_some(d, at, LARGE);
		if (len == 0)
			break;
		at += len;
	}
	CHECK(at == LARGE);
	return result;
}

static void a_full_sink_pauses_only_its_own_request(void)
{
	struct transfer_result result;
	struct download d;

	begin_download(&d);
	wait_until_full(&d);
	for (unsigned i = 0; i < 2; i++) {
		const struct transfer_request other = {
			.target = &d.other_target, .tag = 8
		};

		result = transfer_stage_run(&d.stage, &other);
		CHECK(result.outcome == TRANSFER_DONE && result.tag == 8);
		CHECK(result.http_status == 200);
		buffer_clear(&result.response);
	}
	CHECK(transfer_count(d.stage.transfer) == 1);
	result = read_to_the_end(&d, (size_t)300 * 1024);
	CHECK(result.outcome == TRANSFER_DONE && result.tag == 7);
	CHECK(result.streamed == LARGE && result.object_size == LARGE);
	end_download(&d);
}

static void small_reads_lose_and_repeat_nothing(void)
{
	struct transfer_result result;
	struct download d;

	begin_download(&d);
	wait_until_full(&d);
	result = read_to_the_end(&d, 9999);
	CHECK(result.outcome == TRANSFER_DONE && result.streamed == LARGE);
	end_download(&d);
}

/* The stage's patience is one second. */
static void a_paused_request_does_not_stall(void)
{
	struct timespec now = { .tv_sec = 0 };
	struct transfer_result result;
	struct download d;
	time_t until;

	begin_download(&d);
	wait_until_full(&d);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	until = now.tv_sec + 3;
	while (now.tv_sec < until) {
		CHECK(transfer_wait(d.stage.transfer, NULL, 0, 100) == 0);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	}
	CHECK(transfer_next(d.stage.transfer, &result) == 0);
	result = read_to_the_end(&d, LARGE);
	CHECK(result.outcome == TRANSFER_DONE);
	end_download(&d);
}

static void an_abandoned_sink_ends_a_paused_request(void)
{
	struct transfer_result result;
	struct download d;

	begin_download(&d);
	wait_until_full(&d);
	conduit_abandon(d.sink);
	result = transfer_stage_take(&d.stage);
	CHECK(result.outcome == TRANSFER_FAILED && result.tag == 7);
	CHECK(strstr(result.detail, "nobody waits") != NULL);
	CHECK(result.streamed > 0);
	CHECK(transfer_count(d.stage.transfer) == 0);
	end_download(&d);
}

/* libcurl takes up the paused request by giving the bytes that it has held, and
 * these are refused. */
static void a_request_that_cannot_go_on_is_ended(void)
{
	static char out[LARGE];
	struct transfer_result result;
	struct download d;
	size_t len;

	begin_download(&d);
	wait_until_full(&d);
	conduit_end(d.sink, -EIO, "ended by another");
	CHECK(conduit_read(d.sink, out, sizeof(out), &len) == 0);
	result = transfer_stage_take(&d.stage);
	CHECK(result.outcome == TRANSFER_FAILED);
	CHECK(strstr(result.detail, "nobody waits") != NULL);
	end_download(&d);
}

static void a_transfer_closes_with_a_paused_request(void)
{
	struct download d;

	begin_download(&d);
	wait_until_full(&d);
	end_download(&d);
}

static void
a_sink_that_outlives_a_transfer_writes_to_none_of_its_descriptors(void)
{
	struct download d;
	uint64_t count;
	int fds[32];

	begin_download(&d);
	wait_until_full(&d);
	transfer_close(take_ptr(d.stage.transfer));
	/* Among these are the numbers that have become free. */
	for (size_t i = 0; i < 32; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	conduit_abandon(d.sink);
	for (size_t i = 0; i < 32; i++) {
		CHECK(read(fds[i], &count, sizeof(count)) < 0);
		(void)close(fds[i]);
	}
	end_download(&d);
}

static void an_abandoned_sink_ends_a_request_that_has_no_answer_yet(void)
{
	static const struct http_reply reply = { .answer = "" };

	for (unsigned when = 0; when < 2; when++) {
		cleanup_conduit struct conduit *sink = make_sink();
		struct transfer_stage stage;
		struct transfer_request request;
		struct transfer_result result;

		transfer_stage_set_up(&stage, &reply, 1);
		request = transfer_stage_request(&stage, "GET", "/a");
		request.sink = sink;
		if (when == 0)
			conduit_abandon(sink);
		CHECK(transfer_submit(stage.transfer, &request) == 0);
		CHECK(transfer_wait(stage.transfer, NULL, 0, 50) == 0);
		conduit_abandon(sink);
		result = transfer_stage_take(&stage);
		CHECK(result.outcome == TRANSFER_FAILED);
		CHECK(strstr(result.detail, "nobody waits") != NULL);
		transfer_stage_tear_down(&stage);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "a full sink pauses only its own request",
		  a_full_sink_pauses_only_its_own_request },
		{ "small reads lose and repeat nothing",
		  small_reads_lose_and_repeat_nothing },
		{ "a paused request does not stall",
		  a_paused_request_does_not_stall },
		{ "an abandoned sink ends a paused request",
		  an_abandoned_sink_ends_a_paused_request },
		{ "a request that cannot go on is ended",
		  a_request_that_cannot_go_on_is_ended },
		{ "a transfer closes with a paused request",
		  a_transfer_closes_with_a_paused_request },
		{ "a sink that outlives a transfer writes to none of its "
		  "descriptors",
		  a_sink_that_outlives_a_transfer_writes_to_none_of_its_descriptors },
		{ "an abandoned sink ends a request that has no answer yet",
		  an_abandoned_sink_ends_a_request_that_has_no_answer_yet },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
