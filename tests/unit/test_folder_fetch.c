#include "tests/lib/folder_stage.h"
#include "tests/lib/test.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAR     "nar/x.nar"
#define LIMIT   CONDUIT_PIECE_MAX
#define BIG_LEN ((size_t)1000 * 1000 * 3 + 7) /* many pieces, and a bit */

/* What was read, how it ended, and what the cache said of it. */
struct fetched {
	uint8_t *data;
	size_t len;
	int rc;
	char why[CONDUIT_WHY_MAX];
	struct cache_result result;
};

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

static uint8_t *make_body(size_t len)
{
	uint8_t *body = malloc(len > 0 ? len : 1);

	if (!body)
		exit(1);
	for (size_t i = 0; i < len; i++)
		body[i] = byte_at(i);
	return body;
}

static void store(struct folder_stage *s, const char *key, size_t len)
{
	cleanup_free uint8_t *body = make_body(len);
	struct cache_step step = {
		.type = CACHE_PUT, .key = key, .body = body, .body_len = len
	};

	CHECK(folder_stage_run(s, &step).outcome == CACHE_OK);
}

/* Takes what is there; true once the end has come. */
static bool drain(struct conduit *conduit, struct fetched *f)
{
	size_t len = 0;

	while ((f->rc = conduit_try_read(conduit, f->data + f->len,
	                                 BIG_LEN + 1 - f->len, &len)) == 0) {
		if (len == 0)
			return true;
		f->len += len;
	}
	return f->rc != -EAGAIN;
}

/* Reads before it waits: nobody else would. */
static void finish(struct folder_stage *s, struct conduit *conduit,
                   struct fetched *f)
{
	bool has_ended = drain(conduit, f);
	int rc = cache_next(s->cache, &f->result);

	while (rc == 0) {
		/* First: what is full already would keep the wait waiting. */
		has_ended = drain(conduit, f);
		CHECK(cache_wait(s->cache, NULL, 0, 60000) == 0);
		rc = cache_next(s->cache, &f->result);
	}
	CHECK(rc == 1 && (has_ended || drain(conduit, f)));
	conduit_why(conduit, f->why);
}

static struct fetched fetch(struct folder_stage *s, const char *key,
                            uint64_t offset, uint64_t length)
{
	struct fetched f = { .data = make_body(BIG_LEN + 1) };
	struct cache_step step = { .type = CACHE_FETCH,
		                   .tag = 9,
		                   .key = key,
		                   .offset = offset,
		                   .length = length };
	cleanup_conduit struct conduit *conduit = NULL;

	CHECK(conduit_new(LIMIT, &conduit) == 0);
	memset(f.data, 0, BIG_LEN + 1);
	step.sink = conduit;
	CHECK(cache_submit(s->cache, &step) == 0);
	finish(s, conduit, &f);
	CHECK(f.result.tag == 9 && f.result.type == CACHE_FETCH);
	return f;
}

/* Whether that range of a stored body was fetched, whole. */
static bool gives(struct folder_stage *s, uint64_t offset, uint64_t length,
                  size_t expected_len)
{
	struct fetched f = fetch(s, NAR, offset, length);
	bool same = f.result.outcome == CACHE_OK && f.rc == 0 &&
	            f.len == expected_len;

	for (size_t i = 0; same && i < f.len; i++)
		same = f.data[i] == byte_at((size_t)offset + i);
	free(f.data);
	return same;
}

/* Whether it fails with that sentence, in the result and in the conduit. */
static bool fails(struct folder_stage *s, const char *key, uint64_t offset,
                  const char *sentence)
{
	struct fetched f = fetch(s, key, offset, 0);
	bool fails = f.result.outcome == CACHE_FAILED && f.rc == -EIO &&
	             f.result.exit_status == 1 &&
	             strstr(f.result.error, sentence) &&
	             strstr(f.why, sentence);

	free(f.data);
	return fails;
}

static void an_object_larger_than_the_conduit_comes_whole(void)
{
	struct folder_stage s;
	struct fetched f;

	folder_stage_set_up(&s);
	store(&s, NAR, BIG_LEN);
	CHECK(gives(&s, 0, 0, BIG_LEN));
	f = fetch(&s, NAR, 0, 10);
	CHECK(f.result.size == BIG_LEN && f.len == 10);
	free(f.data);
	folder_stage_tear_down(&s);
}

static void ranges_have_their_limits(void)
{
	struct folder_stage s;

	folder_stage_set_up(&s);
	store(&s, NAR, 1000);
	CHECK(gives(&s, 0, 1, 1));
	CHECK(gives(&s, 0, 999, 999));
	CHECK(gives(&s, 0, 1000, 1000));
	CHECK(gives(&s, 0, 1001, 1000));
	CHECK(gives(&s, 0, UINT64_MAX, 1000));
	CHECK(gives(&s, 1, UINT64_MAX, 999));
	CHECK(gives(&s, 999, 0, 1));
	CHECK(gives(&s, 998, 1, 1));
	CHECK(fails(&s, NAR, 1000, "range"));
	CHECK(fails(&s, NAR, UINT64_MAX, "range"));
	store(&s, NAR, 0);
	CHECK(gives(&s, 0, 0, 0));
	CHECK(gives(&s, 0, 5, 0));
	CHECK(fails(&s, NAR, 1, "range"));
	folder_stage_tear_down(&s);
}

static void what_is_not_there_is_missing(void)
{
	struct folder_stage s;
	struct fetched f;

	folder_stage_set_up(&s);
	f = fetch(&s, NAR, 0, 0);
	CHECK(f.result.outcome == CACHE_MISSING && f.rc == -ENOENT);
	CHECK(f.why[0] != '\0' && f.len == 0);
	free(f.data);
	folder_stage_tear_down(&s);
}

static void only_plain_files_are_objects(void)
{
	struct cache_step step = { .type = CACHE_CHECK, .key = NAR };
	struct folder_stage s;

	folder_stage_set_up(&s);
	store(&s, "nar/y.nar", 5);
	CHECK(symlink("y.nar", folder_stage_path(&s, NAR)) == 0);
	CHECK(fails(&s, NAR, 0, "symbolic link"));
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	step.type = CACHE_GET;
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	CHECK(unlink(folder_stage_path(&s, NAR)) == 0);
	CHECK(mkfifo(folder_stage_path(&s, NAR), 0600) == 0);
	CHECK(fails(&s, NAR, 0, "plain file"));
	CHECK(unlink(folder_stage_path(&s, NAR)) == 0);
	CHECK(mkdir(folder_stage_path(&s, NAR), 0700) == 0);
	CHECK(fails(&s, NAR, 0, "plain file"));
	CHECK(fails(&s, "../x", 0, "cannot read"));
	CHECK(fails(&s, "/etc/passwd", 0, "cannot read"));
	CHECK(fails(&s, "", 0, "cannot read"));
	folder_stage_tear_down(&s);
}

static void submit(struct folder_stage *s, struct conduit *sink, uint64_t tag)
{
	struct cache_step step = {
		.type = CACHE_FETCH, .tag = tag, .key = NAR, .sink = sink
	};

	CHECK(cache_submit(s->cache, &step) == 0);
}

/* Until the conduit is full. */
static void fill(struct folder_stage *s, struct conduit *conduit)
{
	uint64_t before;

	do {
		before = conduit_total(conduit);
		CHECK(cache_wait(s->cache, NULL, 0, 0) == 0);
	} while (conduit_total(conduit) > before);
}

static void a_file_that_becomes_shorter_fails(void)
{
	struct fetched f = { .data = make_body(BIG_LEN + 1) };
	cleanup_conduit struct conduit *conduit = NULL;
	struct folder_stage s;

	folder_stage_set_up(&s);
	store(&s, NAR, BIG_LEN);
	CHECK(conduit_new(LIMIT, &conduit) == 0);
	submit(&s, conduit, 1);
	fill(&s, conduit);
	CHECK(truncate(folder_stage_path(&s, NAR), BIG_LEN / 2) == 0);
	finish(&s, conduit, &f);
	CHECK(f.result.outcome == CACHE_FAILED && f.rc == -EIO);
	CHECK(strstr(f.why, "shorter") && strstr(f.result.error, "shorter"));
	CHECK(f.len == BIG_LEN / 2);
	free(f.data);
	folder_stage_tear_down(&s);
}

static void an_object_deleted_meanwhile_is_read_as_it_was(void)
{
	struct fetched f = { .data = make_body(BIG_LEN + 1) };
	cleanup_conduit struct conduit *conduit = NULL;
	struct folder_stage s;

	folder_stage_set_up(&s);
	store(&s, NAR, BIG_LEN);
	CHECK(conduit_new(LIMIT, &conduit) == 0);
	submit(&s, conduit, 1);
	CHECK(unlink(folder_stage_path(&s, NAR)) == 0);
	finish(&s, conduit, &f);
	CHECK(f.result.outcome == CACHE_OK && f.len == BIG_LEN);
	free(f.data);
	folder_stage_tear_down(&s);
}

static void a_slow_reader_does_not_hold_up_another(void)
{
	struct fetched f = { .data = make_body(BIG_LEN + 1) };
	cleanup_conduit struct conduit *slow = NULL, *fast = NULL;
	struct folder_stage s;

	folder_stage_set_up(&s);
	store(&s, NAR, BIG_LEN);
	CHECK(conduit_new(LIMIT, &slow) == 0 && conduit_new(LIMIT, &fast) == 0);
	submit(&s, slow, 1);
	submit(&s, fast, 2);
	finish(&s, fast, &f);
	CHECK(f.result.tag == 2 && f.result.outcome == CACHE_OK);
	CHECK(f.len == BIG_LEN);
	CHECK(conduit_total(slow) <= LIMIT);
	CHECK(cache_pending(s.cache) == 1);
	f.len = 0;
	finish(&s, slow, &f);
	CHECK(f.result.tag == 1 && f.len == BIG_LEN);
	free(f.data);
	folder_stage_tear_down(&s);
}

static void a_reader_that_goes_away_ends_it(void)
{
	cleanup_conduit struct conduit *conduit = NULL;
	struct cache_result result;
	struct folder_stage s;

	folder_stage_set_up(&s);
	store(&s, NAR, BIG_LEN);
	CHECK(conduit_new(LIMIT, &conduit) == 0);
	submit(&s, conduit, 1);
	fill(&s, conduit);
	CHECK(cache_next(s.cache, &result) == 0);
	conduit_abandon(conduit);
	/* The wait wakes by itself. */
	while (cache_next(s.cache, &result) == 0)
		CHECK(cache_wait(s.cache, NULL, 0, 60000) == 0);
	CHECK(result.outcome == CACHE_FAILED && result.error[0]);
	folder_stage_tear_down(&s);
}

static void *read_all(void *argument)
{
	struct conduit *conduit = argument;
	static const size_t sizes[] = { 1, 5000, 100000 };
	size_t len = 1, total = 0;
	uint8_t *out = make_body(100000);

	for (size_t i = 0; len > 0; i++) {
		CHECK(conduit_read(conduit, out, sizes[i % 3], &len) == 0);
		total += len;
	}
	CHECK(total == BIG_LEN);
	free(out);
	return NULL;
}

/* Without being woken a wait would take longer than a test may. */
static void a_reader_in_another_thread_wakes_the_wait(void)
{
	cleanup_conduit struct conduit *conduit = NULL;
	struct cache_result result;
	struct folder_stage s;
	pthread_t thread;

	folder_stage_set_up(&s);
	store(&s, NAR, BIG_LEN);
	CHECK(conduit_new(LIMIT, &conduit) == 0);
	submit(&s, conduit, 1);
	CHECK(pthread_create(&thread, NULL, read_all, conduit) == 0);
	while (cache_next(s.cache, &result) == 0)
		CHECK(cache_wait(s.cache, NULL, 0, 600000) == 0);
	CHECK(result.outcome == CACHE_OK);
	CHECK(pthread_join(thread, NULL) == 0);
	folder_stage_tear_down(&s);
}

static void a_wait_with_a_full_conduit_hears_the_callers_descriptors(void)
{
	struct pollfd extra[2] = { { .events = POLLIN }, { .fd = -1 } };
	cleanup_conduit struct conduit *conduit = NULL;
	struct folder_stage s;
	int ends[2];

	folder_stage_set_up(&s);
	CHECK(pipe(ends) == 0);
	extra[0].fd = ends[0];
	extra[1].revents = POLLIN;
	store(&s, NAR, BIG_LEN);
	CHECK(conduit_new(LIMIT, &conduit) == 0);
	submit(&s, conduit, 1);
	fill(&s, conduit);
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(cache_wait(s.cache, extra, 2, 60000) == 0);
	CHECK(extra[0].revents == POLLIN && extra[1].revents == 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
	folder_stage_tear_down(&s);
}

static void a_closed_cache_ends_its_fetches(void)
{
	cleanup_conduit struct conduit *conduit = NULL;
	struct folder_stage s;
	uint8_t byte[1];
	size_t len;
	int rc;

	folder_stage_set_up(&s);
	store(&s, NAR, BIG_LEN);
	CHECK(conduit_new(LIMIT, &conduit) == 0);
	submit(&s, conduit, 1);
	fill(&s, conduit);
	cache_close(s.cache);
	s.cache = NULL;
	do {
		rc = conduit_read(conduit, byte, 1, &len);
	} while (rc == 0 && len > 0);
	CHECK(rc == -ECANCELED);
	folder_stage_tear_down(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "an object larger than the conduit comes whole",
		  an_object_larger_than_the_conduit_comes_whole },
		{ "ranges have their limits", ranges_have_their_limits },
		{ "what is not there is missing",
		  what_is_not_there_is_missing },
		{ "only plain files are objects",
		  only_plain_files_are_objects },
		{ "a file that becomes shorter fails",
		  a_file_that_becomes_shorter_fails },
		{ "an object deleted meanwhile is read as it was",
		  an_object_deleted_meanwhile_is_read_as_it_was },
		{ "a slow reader does not hold up another",
		  a_slow_reader_does_not_hold_up_another },
		{ "a reader that goes away ends it",
		  a_reader_that_goes_away_ends_it },
		{ "a reader in another thread wakes the wait",
		  a_reader_in_another_thread_wakes_the_wait },
		{ "a wait with a full conduit hears the caller's descriptors",
		  a_wait_with_a_full_conduit_hears_the_callers_descriptors },
		{ "a closed cache ends its fetches",
		  a_closed_cache_ends_its_fetches },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
