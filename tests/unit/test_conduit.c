#include "tests/lib/test.h"

#include "client/pipe/conduit.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LIMIT CONDUIT_PIECE_MAX

static struct conduit *make(void)
{
	struct conduit *c = NULL;

	if (conduit_new(LIMIT, &c) < 0)
		abort();
	return c;
}

static int put_text(struct conduit *c, const char *text)
{
	return conduit_put(c, bytes_of_text(text));
}

/* Bytes that tell where they belong. */
static uint8_t byte_at(uint64_t position)
{
	return (uint8_t)((position * 2654435761U) >> 13);
}

static int put_pattern(struct conduit *c, uint64_t position, size_t len)
{
	static uint8_t piece[CONDUIT_PIECE_MAX];

	for (size_t i = 0; i < len; i++)
		piece[i] = byte_at(position + i);
	return conduit_put(c, (struct bytes){ piece, len });
}

static bool is_pattern(const uint8_t *data, uint64_t position, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != byte_at(position + i))
			return false;
	}
	return true;
}

static void bytes_come_out_in_order_and_then_the_end(void)
{
	cleanup_conduit struct conduit *c = make();
	char out[64] = "";
	size_t len = 99;

	CHECK(conduit_try_read(c, out, sizeof(out), &len) == -EAGAIN);
	CHECK(len == 99);
	CHECK(put_text(c, "hello ") == 0 && put_text(c, "") == 0);
	CHECK(put_text(c, "world") == 0);
	CHECK(conduit_total(c) == 11);
	CHECK(conduit_read(c, out, 3, &len) == 0 && len == 3);
	CHECK(memcmp(out, "hel", 3) == 0);
	CHECK(conduit_read(c, out, sizeof(out), &len) == 0 && len == 8);
	CHECK(memcmp(out, "lo world", 8) == 0);
	conduit_end(c, 0, NULL);
	for (int i = 0; i < 2; i++) {
		len = 99;
		CHECK(conduit_read(c, out, sizeof(out), &len) == 0 && len == 0);
		len = 99;
		CHECK(conduit_try_read(c, out, sizeof(out), &len) == 0 &&
		      len == 0);
	}
	CHECK(put_text(c, "late") == -EPIPE);
	CHECK(conduit_total(c) == 11);
}

static void a_failure_comes_after_the_bytes_before_it(void)
{
	cleanup_conduit struct conduit *c = make();
	char out[8], why[CONDUIT_WHY_MAX];
	size_t len = 0;

	conduit_why(c, why);
	CHECK(why[0] == '\0');
	CHECK(put_text(c, "abc") == 0);
	conduit_end(c, -EIO, "it broke\n");
	conduit_end(c, 0, "only the first counts");
	conduit_why(c, why);
	CHECK(strcmp(why, "it broke?") == 0);
	CHECK(conduit_read(c, out, sizeof(out), &len) == 0 && len == 3);
	len = 99;
	CHECK(conduit_read(c, out, sizeof(out), &len) == -EIO);
	CHECK(conduit_try_read(c, out, sizeof(out), &len) == -EIO);
	CHECK(len == 99);
}

static void a_reason_that_is_too_long_is_cut(void)
{
	cleanup_conduit struct conduit *c = make();
	char text[2 * CONDUIT_WHY_MAX], why[CONDUIT_WHY_MAX];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	conduit_end(c, -EIO, text);
	conduit_why(c, why);
	CHECK(strlen(why) == CONDUIT_WHY_MAX - 1);
}

static void what_is_held_is_never_more_than_the_limit(void)
{
	static const size_t sizes[] = { 1,     16384,     65535, 65536,
		                        65537, LIMIT - 1, LIMIT };
	static uint8_t out[(size_t)2 * LIMIT];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cleanup_conduit struct conduit *c = make();
		size_t len = 0, got = 0;
		uint64_t in = 0;

		while (put_pattern(c, in, sizes[i]) == 0)
			in += sizes[i];
		CHECK(in == LIMIT / sizes[i] * sizes[i]);
		CHECK(put_pattern(c, in, LIMIT - (size_t)in) == 0);
		CHECK(put_pattern(c, LIMIT, 1) == -EAGAIN);
		CHECK(conduit_total(c) == LIMIT);
		/* One byte out, one byte in. */
		CHECK(conduit_read(c, out, 1, &got) == 0 && got == 1);
		CHECK(put_pattern(c, LIMIT, 1) == 0);
		CHECK(put_pattern(c, LIMIT + 1, 1) == -EAGAIN);
		CHECK(conduit_read(c, out + 1, sizeof(out) - 1, &len) == 0);
		CHECK(len == LIMIT && is_pattern(out, 0, LIMIT + 1));
	}
}

static void an_empty_conduit_takes_the_largest_piece(void)
{
	cleanup_conduit struct conduit *c = make();
	static uint8_t out[CONDUIT_PIECE_MAX];
	size_t len;

	for (unsigned i = 0; i < 4; i++) {
		CHECK(put_pattern(c, 0, CONDUIT_PIECE_MAX) == 0);
		CHECK(conduit_read(c, out, sizeof(out), &len) == 0);
		CHECK(len == sizeof(out) && is_pattern(out, 0, len));
	}
}

static uint64_t count_of(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void a_writer_that_was_told_to_wait_is_woken_once(void)
{
	cleanup_close int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	cleanup_conduit struct conduit *c = make();
	static uint8_t out[LIMIT];
	size_t len;

	conduit_wake_writer(c, fd);
	CHECK(put_pattern(c, 0, LIMIT) == 0);
	CHECK(conduit_read(c, out, LIMIT, &len) == 0);
	CHECK(count_of(fd) == 0);

	CHECK(put_pattern(c, 0, LIMIT) == 0);
	CHECK(put_pattern(c, 0, 1) == -EAGAIN);
	CHECK(conduit_read(c, out, LIMIT / 2 - 1, &len) == 0);
	CHECK(count_of(fd) == 0);
	CHECK(conduit_read(c, out, 1, &len) == 0);
	CHECK(count_of(fd) == 1);
	CHECK(conduit_read(c, out, 1, &len) == 0);
	CHECK(count_of(fd) == 0);
	CHECK(put_pattern(c, 0, LIMIT) == -EAGAIN);
	conduit_wake_writer(c, -1);
	CHECK(conduit_read(c, out, LIMIT, &len) == 0);
	CHECK(count_of(fd) == 0);
}

static void a_writer_is_told_that_nobody_reads(void)
{
	cleanup_close int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	cleanup_close int later = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	cleanup_conduit struct conduit *c = make();
	char out[8];
	size_t len;

	/* Also one that has nothing to put yet. */
	conduit_wake_writer(c, fd);
	CHECK(put_text(c, "abc") == 0);
	CHECK(!conduit_is_abandoned(c));
	conduit_abandon(c);
	CHECK(count_of(fd) == 1);
	CHECK(conduit_is_abandoned(c));
	conduit_wake_writer(c, later);
	CHECK(count_of(later) == 1);
	CHECK(put_text(c, "abc") == -EPIPE);
	CHECK(conduit_read(c, out, sizeof(out), &len) == -ECANCELED);
	conduit_end(c, 0, NULL);
	CHECK(conduit_try_read(c, out, sizeof(out), &len) == -ECANCELED);
}

static void a_reader_is_told_of_bytes_and_of_the_end(void)
{
	int fds[4];

	for (size_t i = 0; i < 4; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (unsigned how = 0; how < 3; how++) {
		cleanup_conduit struct conduit *c = make();

		conduit_wake_reader(c, fds[0]);
		CHECK(count_of(fds[0]) == 0);
		if (how == 0)
			CHECK(put_text(c, "x") == 0);
		if (how == 1)
			conduit_end(c, -EIO, "");
		if (how == 2)
			conduit_abandon(c);
		CHECK(count_of(fds[0]) == 1);
		/* It came before the descriptor did. */
		conduit_wake_reader(c, fds[how + 1]);
		CHECK(count_of(fds[how + 1]) == 1);
	}
	for (size_t i = 0; i < 4; i++)
		(void)close(fds[i]);
}

static void the_last_share_frees_in_any_order(void)
{
	for (unsigned order = 0; order < 2; order++) {
		struct conduit *c = make(), *share = conduit_share(c);
		char out[8];
		size_t len;

		CHECK(put_text(c, "abc") == 0);
		conduit_release(c);
		CHECK(conduit_read(share, out, sizeof(out), &len) == 0);
		if (order == 0)
			CHECK(put_text(share, "left behind") == 0);
		conduit_release(share);
	}
}

/* A thread that does one thing with a share of its own. */
struct party {
	pthread_t thread;
	struct conduit *conduit;
	uint64_t len;
	unsigned seed;
	int rc;
	bool is_right;
};

static void start(struct party *p, struct conduit *c, void *(*run)(void *))
{
	p->conduit = conduit_share(c);
	if (pthread_create(&p->thread, NULL, run, p) != 0)
		abort();
}

static void join(struct party *p)
{
	if (pthread_join(p->thread, NULL) != 0)
		abort();
}

static void *read_all(void *context)
{
	struct party *p = context;
	static _Thread_local uint8_t out[100000];
	uint64_t at = 0;
	size_t len = 1;

	p->is_right = true;
	for (;;) {
		p->seed = p->seed * 1103515245U + 12345U;
		p->rc = conduit_read(p->conduit, out, 1 + p->seed % sizeof(out),
		                     &len);
		if (p->rc < 0 || len == 0)
			break;
		p->is_right = p->is_right && is_pattern(out, at, len);
		at += len;
	}
	p->len = at;
	conduit_release(p->conduit);
	return NULL;
}

/* Waits at an eventfd whenever the conduit is full, as the transfer room does.
 */
static int write_all(struct conduit *c, uint64_t total, unsigned seed)
{
	cleanup_close int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t at = 0;
	int rc = 0;

	conduit_wake_writer(c, fd);
	while (at < total && rc == 0) {
		size_t len = 1 + seed % CONDUIT_PIECE_MAX;

		len = len < total - at ? len : (size_t)(total - at);
		rc = put_pattern(c, at, len);
		if (rc == 0)
			at += len;
		if (rc == -EAGAIN) {
			(void)count_of(fd);
			rc = 0;
		}
		seed = seed * 1103515245U + 12345U;
	}
	conduit_wake_writer(c, -1);
	return rc;
}

static void two_threads_pass_everything_in_order(void)
{
	const uint64_t total = (uint64_t)16 << 20;

	for (unsigned seed = 1; seed < 4; seed++) {
		struct party reader = { .seed = seed };
		struct conduit *c = make();

		start(&reader, c, read_all);
		CHECK(write_all(c, total, seed + 7) == 0);
		conduit_end(c, 0, NULL);
		conduit_release(c);
		join(&reader);
		CHECK(reader.rc == 0 && reader.is_right);
		CHECK(reader.len == total);
	}
}

static void a_waiting_reader_hears_of_the_failure(void)
{
	struct party reader = { .seed = 1 };
	struct conduit *c = make();

	start(&reader, c, read_all);
	conduit_end(c, -ENOENT, "not there");
	conduit_release(c);
	join(&reader);
	CHECK(reader.rc == -ENOENT && reader.len == 0);
}

static void another_thread_calls_a_waiting_reader_off(void)
{
	struct party reader = { .seed = 1 };
	struct conduit *c = make();

	start(&reader, c, read_all);
	conduit_abandon(c);
	join(&reader);
	CHECK(reader.rc == -ECANCELED && reader.len == 0);
	CHECK(put_text(c, "x") == -EPIPE);
	conduit_release(c);
}

/* Reads a part of it and goes away. */
static void *read_and_leave(void *context)
{
	struct party *p = context;
	uint8_t out[1000];
	size_t len;

	for (unsigned i = 0; i < 500 && p->rc == 0; i++)
		p->rc = conduit_read(p->conduit, out, sizeof(out), &len);
	conduit_abandon(p->conduit);
	conduit_release(p->conduit);
	return NULL;
}

static void a_writer_that_waits_for_room_is_let_go_by_a_reader_that_leaves(void)
{
	struct party reader = { .seed = 1 };
	struct conduit *c = make();

	start(&reader, c, read_and_leave);
	CHECK(write_all(c, (uint64_t)16 << 20, 3) == -EPIPE);
	conduit_release(c);
	join(&reader);
	CHECK(reader.rc == 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "bytes come out in order, and then the end",
		  bytes_come_out_in_order_and_then_the_end },
		{ "a failure comes after the bytes before it",
		  a_failure_comes_after_the_bytes_before_it },
		{ "a reason that is too long is cut",
		  a_reason_that_is_too_long_is_cut },
		{ "what is held is never more than the limit",
		  what_is_held_is_never_more_than_the_limit },
		{ "an empty conduit takes the largest piece",
		  an_empty_conduit_takes_the_largest_piece },
		{ "a writer that was told to wait is woken once",
		  a_writer_that_was_told_to_wait_is_woken_once },
		{ "a writer is told that nobody reads",
		  a_writer_is_told_that_nobody_reads },
		{ "a reader is told of bytes and of the end",
		  a_reader_is_told_of_bytes_and_of_the_end },
		{ "the last share frees, in any order",
		  the_last_share_frees_in_any_order },
		{ "two threads pass everything in order",
		  two_threads_pass_everything_in_order },
		{ "a waiting reader hears of the failure",
		  a_waiting_reader_hears_of_the_failure },
		{ "another thread calls a waiting reader off",
		  another_thread_calls_a_waiting_reader_off },
		{ "a writer that waits for room is let go by a reader that "
		  "leaves",
		  a_writer_that_waits_for_room_is_let_go_by_a_reader_that_leaves },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
