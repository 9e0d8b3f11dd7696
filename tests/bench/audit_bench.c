/* What the audit log costs a signature: the same calls to an agent that keeps
 * none and to one that does.
 *
 *   audit_bench SOCKET-WITHOUT SOCKET-WITH CACHE */
#include "protocol/base/cleanup.h"
#include "protocol/nix/store_path.h"
#include "protocol/varlink/agent_sign.h"
#include "tests/bench/connect.h"
#include "tests/bench/race.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX ((size_t)2 * 1024 * 1024)
#define BATCH       64

enum {
	ARG_WITHOUT = 1,
	ARG_WITH,
	ARG_CACHE,
	ARG_COUNT
};

enum way_index {
	WAY_ONE_WITHOUT,
	WAY_ONE_WITH,
	WAY_BATCH_WITHOUT,
	WAY_BATCH_WITH,
	WAY_COUNT,
};

struct bench {
	struct path_info paths[BATCH];
	const struct path_info *pointers[BATCH];
	struct buffer one;
	struct buffer batch;
	struct buffer answer;
	int without;
	int with;
};

static int make_calls(struct bench *b, const char *cache)
{
	int rc;

	for (unsigned i = 0; i < BATCH; i++) {
		b->pointers[i] = &b->paths[i];
		b->paths[i].nar_size = i + 1;
		(void)snprintf(b->paths[i].base, STORE_PATH_BASE_SIZE,
		               "%032u-some-package-1.2.%u", i, i);
	}
	buffer_init(&b->one, MESSAGE_MAX);
	buffer_init(&b->batch, MESSAGE_MAX);
	buffer_init(&b->answer, MESSAGE_MAX);
	rc = sign_call_encode(cache, STORE_DIR_DEFAULT, b->pointers, 1,
	                      &b->one);
	return rc < 0 ? rc
	              : sign_call_encode(cache, STORE_DIR_DEFAULT, b->pointers,
	                                 BATCH, &b->batch);
}

static int step(void *bench, size_t way)
{
	struct bench *b = bench;
	bool is_batch = way == WAY_BATCH_WITHOUT || way == WAY_BATCH_WITH;
	bool is_with = way == WAY_ONE_WITH || way == WAY_BATCH_WITH;

	return connect_ask(is_with ? b->with : b->without,
	                   buffer_bytes(is_batch ? &b->batch : &b->one),
	                   &b->answer);
}

static int run(struct bench *b, char **argv, struct way ways[WAY_COUNT])
{
	int rc = make_calls(b, argv[ARG_CACHE]);

	if (rc == 0)
		rc = connect_unix(argv[ARG_WITHOUT], &b->without);
	if (rc == 0)
		rc = connect_unix(argv[ARG_WITH], &b->with);
	return rc < 0 ? rc : race_run(ways, WAY_COUNT, 1, step, b);
}

static void close_all(struct bench *b)
{
	buffer_clear(&b->one);
	buffer_clear(&b->batch);
	buffer_clear(&b->answer);
	close_at(&b->without);
	close_at(&b->with);
	free(b);
}

static void say(const char *what, const struct way *with,
                const struct way *without)
{
	struct spread ratio = way_ratio(with, without);

	(void)printf("%s: %+.1f %% (%+.1f to %+.1f)\n", what,
	             (ratio.median - 1) * 100, (ratio.low - 1) * 100,
	             (ratio.high - 1) * 100);
}

int main(int argc, char **argv)
{
	struct way ways[WAY_COUNT] = {
		[WAY_ONE_WITHOUT] = { "1 path, no log", 1, 1000, { 0 }, { 0 } },
		[WAY_ONE_WITH] = { "1 path, logged", 1, 1000, { 0 }, { 0 } },
		[WAY_BATCH_WITHOUT] = { "64 paths, no log",
		                        BATCH,
		                        30,
		                        { 0 },
		                        { 0 } },
		[WAY_BATCH_WITH] = { "64 paths, logged",
		                     BATCH,
		                     30,
		                     { 0 },
		                     { 0 } },
	};
	struct bench *b;
	int rc;

	if (argc != ARG_COUNT)
		return 2;
	b = calloc(1, sizeof(*b));
	if (!b)
		return 1;
	b->without = b->with = -1;
	rc = run(b, argv, ways);
	close_all(b);
	if (rc < 0) {
		(void)fprintf(stderr, "audit_bench: %s\n", strerror(-rc));
		return 1;
	}
	race_print(ways, WAY_COUNT, "signatures");
	say("the log adds, 1 path a call", &ways[WAY_ONE_WITH],
	    &ways[WAY_ONE_WITHOUT]);
	say("the log adds, 64 paths a call", &ways[WAY_BATCH_WITH],
	    &ways[WAY_BATCH_WITHOUT]);
	return 0;
}
