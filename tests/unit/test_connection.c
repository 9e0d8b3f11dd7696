#include "agent/door/clients.h"
#include "agent/door/share.h"
#include "protocol/base/fd.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKEN "X-Amz-Signature=5ec5e7"
#define LARGE ((size_t)1024 * 1024) /* more than a socket takes */

/* The linker sends every free(3) here (see meson.build), by these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
/* NOLINTBEGIN(readability-identifier-naming): the linker's words */
void __real_free(void *memory);
void __wrap_free(void *memory);

/* NOLINTNEXTLINE(*-non-const-global-variables): free() knows no test */
static size_t unwiped;

void __wrap_free(void *memory)
{
	if (memory &&
	    memmem(memory, malloc_usable_size(memory), TOKEN, strlen(TOKEN)))
		unwiped++;
	__real_free(memory);
}
/* NOLINTEND(readability-identifier-naming) */
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

struct line {
	struct config config; /* of no cache */
	struct door *door;
	struct connection *c;
	int client; /* the other end */
};

static void line_open(struct line *line)
{
	const struct peer peer = { .pid = getpid(), .uid = geteuid() };
	int pair[2];

	line->config = (struct config){ .cache_count = 0 };
	line->door = calloc(1, sizeof(*line->door));
	if (!line->door ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	               pair) < 0)
		abort();
	CHECK(witness_new("auto", &line->door->witness) == 0);
	CHECK(approvals_new(&line->config, &line->door->approvals) == 0);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		line->door->connections[i].fd = -1;
	line->c = &line->door->connections[0];
	line->client = pair[0];
	connection_open(line->c, pair[1], &peer);
}

static void line_close(struct line *line)
{
	if (line->c->fd >= 0)
		connection_close(line->c);
	(void)close(line->client);
	witness_free(line->door->witness);
	approvals_free(line->door->approvals);
	free(line->door);
}

static void say(const struct line *line, const char *text, size_t len)
{
	CHECK(write(line->client, text, len) == (ssize_t)len);
}

/* What the door does after each poll(2). */
static void turn(const struct line *line, short events, long long now_ms)
{
	clients_step(line->door, line->c, events, now_ms, share_clock_ns());
	while (clients_is_waiting(line->c))
		clients_step(line->door, line->c, 0, now_ms, share_clock_ns());
}

static void a_silent_client_has_thirty_seconds(void)
{
	long long before_ms = clock_boot_ms();
	struct line line;

	line_open(&line);
	CHECK(line.c->deadline_ms >= before_ms + 30000);
	CHECK(line.c->deadline_ms <= clock_boot_ms() + 30000);
	CHECK(!connection_is_late(line.c, line.c->deadline_ms - 1));
	CHECK(connection_is_late(line.c, line.c->deadline_ms));
	turn(&line, 0, line.c->deadline_ms - 1);
	CHECK(line.c->fd >= 0);
	turn(&line, 0, line.c->deadline_ms);
	CHECK(line.c->fd == -1);
	line_close(&line);
}

/* A message, which is answered, and the beginning of another. */
static void half_a_message_has_ten_seconds(void)
{
	static const char text[] = "{\"method\":\"a.b\"}\0{\"met";
	struct line line;
	long long before_ms;

	line_open(&line);
	before_ms = clock_boot_ms();
	say(&line, text, sizeof(text) - 1);
	turn(&line, POLLIN, before_ms);
	CHECK(line.c->has_spoken);
	CHECK(line.c->deadline_ms >= before_ms + 10000);
	CHECK(line.c->deadline_ms <= clock_boot_ms() + 10000);

	/* More of it does not begin the time anew. */
	before_ms = line.c->deadline_ms;
	say(&line, "hod\"", 4);
	turn(&line, POLLIN, before_ms - 1);
	CHECK(line.c->fd >= 0 && line.c->deadline_ms == before_ms);
	turn(&line, POLLIN, before_ms);
	CHECK(line.c->fd == -1);
	line_close(&line);
}

/* The thirty seconds are for the first byte; a drop a minute is no message. */
static void the_first_message_is_no_exception(void)
{
	struct line line;
	long long end_ms;

	line_open(&line);
	end_ms = line.c->deadline_ms;
	say(&line, "{", 1);
	turn(&line, POLLIN, clock_boot_ms());
	CHECK(line.c->deadline_ms > 0 && line.c->deadline_ms <= end_ms);
	turn(&line, 0, line.c->deadline_ms);
	CHECK(line.c->fd == -1);
	line_close(&line);
}

static void between_messages_a_client_may_be_silent(void)
{
	static const char text[] = "{\"method\":\"a.b\"}";
	struct line line;

	line_open(&line);
	say(&line, text, sizeof(text));
	turn(&line, POLLIN, clock_boot_ms());
	CHECK(line.c->deadline_ms == 0);
	CHECK(!connection_is_late(line.c, INT64_MAX));
	CHECK(line.c->fd >= 0);
	line_close(&line);
}

static size_t drain(const struct line *line)
{
	static char gulp[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = read(line->client, gulp, sizeof(gulp))) > 0)
		total += (size_t)n;
	return total;
}

static void fill(struct line *line, size_t len)
{
	uint8_t *at = buffer_reserve(&line->c->out, len);

	if (!at)
		abort();
	memset(at, 'x', len);
	line->c->out.len += len;
}

static void what_is_not_taken_waits_and_has_ten_seconds(void)
{
	struct line line;
	long long before_ms = clock_boot_ms();
	size_t got;

	line_open(&line);
	line.c->deadline_ms = 0;
	fill(&line, LARGE);
	CHECK(connection_flush(line.c) == 0);
	CHECK(connection_has_output(line.c));
	CHECK(line.c->out_done > 0 && line.c->out_done < LARGE);
	CHECK(line.c->deadline_ms >= before_ms + 10000);

	/* Nothing was taken meanwhile: the same time. */
	before_ms = line.c->deadline_ms;
	CHECK(connection_flush(line.c) == 0);
	CHECK(line.c->deadline_ms == before_ms);
	got = drain(&line);
	while (connection_has_output(line.c)) {
		CHECK(connection_flush(line.c) == 0);
		got += drain(&line);
	}
	CHECK(got == LARGE && line.c->deadline_ms == 0);
	CHECK(line.c->out.len == 0 && line.c->out_done == 0);
	line_close(&line);
}

static void a_client_that_takes_nothing_is_closed(void)
{
	struct line line;

	line_open(&line);
	line.c->deadline_ms = 0;
	fill(&line, LARGE);
	turn(&line, POLLOUT, clock_boot_ms());
	CHECK(line.c->fd >= 0 && line.c->deadline_ms > 0);
	turn(&line, 0, line.c->deadline_ms);
	CHECK(line.c->fd == -1);
	line_close(&line);
}

static void an_ending_connection_ends_when_its_output_is_out(void)
{
	struct line line;

	line_open(&line);
	line.c->is_ending = true;
	fill(&line, LARGE);
	CHECK(connection_flush(line.c) == 0);
	while (drain(&line) > 0 && connection_has_output(line.c)) {
		int rc = connection_flush(line.c);

		CHECK(rc == (connection_has_output(line.c) ? 0 : -ECONNRESET));
	}
	CHECK(!connection_has_output(line.c));
	line_close(&line);
}

static void a_gone_client_is_told_as_such(void)
{
	struct line line;

	line_open(&line);
	CHECK(connection_receive(line.c) == 0);
	(void)close(line.client);
	CHECK(connection_receive(line.c) == -ECONNRESET);
	fill(&line, 1);
	CHECK(connection_flush(line.c) == -EPIPE);
	line_close(&line);
}

/* What the vault has answered of a call is no message yet. */
static void half_a_reply_waits_and_is_wiped(void)
{
	char text[8];
	struct line line;

	line_open(&line);
	unwiped = 0;
	buffer_append_text(&line.c->out, "whole");
	line.c->work.out_mark = line.c->out.len;
	line.c->work.method = AGENT_METHOD_PRESIGN;
	line.c->work.state = WORK_AT_VAULT;
	buffer_append_text(&line.c->out, "half " TOKEN);
	CHECK(connection_has_output(line.c));
	CHECK(connection_flush(line.c) == 0);
	CHECK(!connection_has_output(line.c));
	CHECK(read(line.client, text, sizeof(text)) == 5);
	connection_close(line.c);
	CHECK(unwiped == 0);
	CHECK(line.c->work.state == WORK_NONE);
	line_close(&line);
}

static void sent_and_unsent_output_is_wiped(void)
{
	struct line line;

	line_open(&line);
	unwiped = 0;
	buffer_append_text(&line.c->out, TOKEN);
	CHECK(connection_flush(line.c) == 0);
	CHECK(line.c->out.len == 0 &&
	      !memmem(line.c->out.data, line.c->out.capacity, TOKEN,
	              strlen(TOKEN)));
	fill(&line, LARGE);
	buffer_append_text(&line.c->out, TOKEN);
	CHECK(connection_flush(line.c) == 0);
	connection_close(line.c);
	CHECK(line.c->fd == -1);
	CHECK(unwiped == 0);

	/* The eye that watches sees. */
	free(strdup(TOKEN));
	CHECK(unwiped == 1);
	line_close(&line);
}

static const struct test tests[] = {
	{ "a silent client has thirty seconds",
	  a_silent_client_has_thirty_seconds },
	{ "half a message has ten seconds", half_a_message_has_ten_seconds },
	{ "the first message is no exception",
	  the_first_message_is_no_exception },
	{ "between messages a client may be silent",
	  between_messages_a_client_may_be_silent },
	{ "what is not taken waits, and has ten seconds",
	  what_is_not_taken_waits_and_has_ten_seconds },
	{ "a client that takes nothing is closed",
	  a_client_that_takes_nothing_is_closed },
	{ "an ending connection ends when its output is out",
	  an_ending_connection_ends_when_its_output_is_out },
	{ "a gone client is told as such", a_gone_client_is_told_as_such },
	{ "half a reply waits and is wiped", half_a_reply_waits_and_is_wiped },
	{ "sent and unsent output is wiped", sent_and_unsent_output_is_wiped },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
