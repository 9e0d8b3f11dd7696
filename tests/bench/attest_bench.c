/* What it costs that the store is asked, and the log written, before something
 * is signed; beside signing here.
 *
 *   attest_bench CACHE FREE-SOCKET STORE-SOCKET WHOLE-SOCKET <FACTS
 *
 * Three agents with one key: one that signs anything and keeps no log, one
 * that asks the store, one that does both.  FACTS are those of nix_facts in
 * tests/lib/nix.sh, for 64 paths of the store. */
#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"
#include "protocol/nix/fingerprint.h"
#include "protocol/varlink/agent_sign.h"
#include "tests/bench/connect.h"
#include "tests/bench/race.h"

#include <sodium.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STORE_DIR      STORE_DIR_DEFAULT
#define BATCH          64
#define LINE_MAX_SIZE  65536
#define FINGERPRINT    65536
#define MESSAGE_MAX    ((size_t)2 * 1024 * 1024)
#define BAR_RATE       0.5 /* of the rate of signing here, at least */
#define BAR_PATH_US    100.0
#define NS_PER_US      1e3
#define WARM_UP_ROUNDS 1

enum {
	ARG_CACHE = 1,
	ARG_FREE,
	ARG_STORE,
	ARG_WHOLE,
	ARG_COUNT,
};

enum way_index {
	WAY_HERE,
	WAY_FREE,
	WAY_STORE_WARM,
	WAY_STORE_COLD,
	WAY_WHOLE,
	WAY_COUNT,
};

struct bench {
	char **argv;
	struct path_info paths[BATCH];
	const struct path_info *pointers[BATCH];
	struct buffer fingerprints[BATCH];
	uint8_t pair[crypto_sign_SECRETKEYBYTES];
	int fds[ARG_COUNT];
	struct buffer call;
	struct buffer answer;
};

static int add_references(struct path_info *path, char *words)
{
	char *rest = NULL;

	for (char *word = strtok_r(words, " \n", &rest); word;
	     word = strtok_r(NULL, " \n", &rest)) {
		char base[STORE_PATH_BASE_SIZE];
		int rc = store_path_parse(STORE_DIR, word, strlen(word), base);

		if (rc == 0)
			rc = strings_add(&path->references, base, strlen(base));
		if (rc < 0)
			return rc;
	}
	strings_sort(&path->references);
	return 0;
}

static int read_path(char *line, struct path_info *path)
{
	char *rest = NULL;
	const char *name = strtok_r(line, "\t", &rest);
	const char *hash = strtok_r(NULL, "\t", &rest);
	const char *size = strtok_r(NULL, "\t", &rest);
	int rc = name && hash && size ? 0 : -EINVAL;

	if (rc == 0) {
		rc = store_path_parse(STORE_DIR, name, strlen(name),
		                      path->base);
	}
	if (rc == 0)
		rc = nix_hash_parse(hash, strlen(hash), &path->nar_hash);
	if (rc == 0)
		rc = number_parse(size, UINT64_MAX, &path->nar_size);
	return rc == 0 && rest ? add_references(path, rest) : rc;
}

static int make_fingerprint(const struct path_info *path, struct buffer *out)
{
	struct bytes *references =
		calloc(path->references.count + 1, sizeof(*references));
	struct fingerprint fingerprint = {
		.store_dir = STORE_DIR,
		.base = bytes_of_text(path->base),
		.nar_hash = &path->nar_hash,
		.nar_size = path->nar_size,
		.references = references,
		.reference_count = path->references.count,
	};
	int rc;

	if (!references)
		return -ENOMEM;
	for (size_t i = 0; i < path->references.count; i++)
		references[i] = bytes_of_text(path->references.items[i]);
	buffer_init(out, FINGERPRINT);
	rc = fingerprint_write(&fingerprint, out);
	free(references);
	return rc;
}

static int read_paths(struct bench *b)
{
	static char line[LINE_MAX_SIZE];

	for (size_t i = 0; i < BATCH; i++) {
		int rc = fgets(line, sizeof(line), stdin) ? 0 : -ENODATA;

		b->pointers[i] = &b->paths[i];
		if (rc == 0)
			rc = read_path(line, &b->paths[i]);
		if (rc == 0) {
			rc = make_fingerprint(&b->paths[i],
			                      &b->fingerprints[i]);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int sign_here(struct bench *b)
{
	uint8_t signature[crypto_sign_BYTES];

	for (size_t i = 0; i < BATCH; i++) {
		if (crypto_sign_detached(signature, NULL,
		                         b->fingerprints[i].data,
		                         b->fingerprints[i].len, b->pair) < 0)
			return -EIO;
	}
	return 0;
}

static int ask(struct bench *b, int fd)
{
	return connect_ask(fd, buffer_bytes(&b->call), &b->answer);
}

/* An agent knows nothing of a connection that is new. */
static int ask_cold(struct bench *b)
{
	cleanup_close int fd = -1;
	int rc = connect_unix(b->argv[ARG_STORE], &fd);

	return rc < 0 ? rc : ask(b, fd);
}

static int step(void *bench, size_t way)
{
	struct bench *b = bench;

	switch ((enum way_index)way) {
	case WAY_HERE:
		return sign_here(b);
	case WAY_FREE:
		return ask(b, b->fds[ARG_FREE]);
	case WAY_STORE_WARM:
		return ask(b, b->fds[ARG_STORE]);
	case WAY_STORE_COLD:
		return ask_cold(b);
	case WAY_WHOLE:
		return ask(b, b->fds[ARG_WHOLE]);
	case WAY_COUNT:
		break;
	}
	return -EINVAL;
}

/* Of one path, the median of what a way takes more than another. */
static double more_us(const struct way *way, const struct way *than)
{
	double here = than->p50_ns[RACE_ROUNDS / 2];

	return (way_ratio(way, than).median - 1) * here / NS_PER_US;
}

static void say_bars(const struct way ways[WAY_COUNT])
{
	double rate = way_ratio(&ways[WAY_HERE], &ways[WAY_WHOLE]).median;
	double warm = more_us(&ways[WAY_STORE_WARM], &ways[WAY_FREE]);
	double cold = more_us(&ways[WAY_STORE_COLD], &ways[WAY_FREE]);

	(void)printf("bar: with the store asked and the log written %d paths a "
	             "call reach %.0f %% of the rate of signing here (at least "
	             "%.0f %%): %s\n",
	             BATCH, rate * 100, BAR_RATE * 100,
	             rate >= BAR_RATE ? "held" : "not held");
	(void)printf("bar: the store's word costs %.1f us a path when it is "
	             "remembered (below %.0f us): %s\n",
	             warm, BAR_PATH_US,
	             warm < BAR_PATH_US ? "held" : "not held");
	(void)printf("asked anew, over a new connection, it costs %.1f us a "
	             "path\n",
	             cold);
}

static int open_all(struct bench *b)
{
	uint8_t half[crypto_sign_PUBLICKEYBYTES];
	int rc = read_paths(b);

	buffer_init(&b->answer, MESSAGE_MAX);
	buffer_init(&b->call, MESSAGE_MAX);
	if (rc == 0) {
		rc = sign_call_encode(b->argv[ARG_CACHE], STORE_DIR,
		                      b->pointers, BATCH, &b->call);
	}
	for (int i = ARG_FREE; i < ARG_COUNT && rc == 0; i++)
		rc = connect_unix(b->argv[i], &b->fds[i]);
	if (sodium_init() < 0 || crypto_sign_keypair(half, b->pair) < 0)
		return -EIO;
	return rc;
}

static void close_all(struct bench *b)
{
	for (size_t i = 0; i < BATCH; i++) {
		path_info_clear(&b->paths[i]);
		buffer_clear(&b->fingerprints[i]);
	}
	buffer_clear(&b->call);
	buffer_clear(&b->answer);
	for (int i = ARG_FREE; i < ARG_COUNT; i++)
		close_at(&b->fds[i]);
	free(b);
}

int main(int argc, char **argv)
{
	struct way ways[WAY_COUNT] = {
		[WAY_HERE] = { .name = "libsodium, in this process" },
		[WAY_FREE] = { .name = "agent, any, no log" },
		[WAY_STORE_WARM] = { .name = "agent, in-store, remembered" },
		[WAY_STORE_COLD] = { .name = "agent, in-store, asked anew" },
		[WAY_WHOLE] = { .name = "agent, in-store, with the log" },
	};
	struct bench *b;
	int rc;

	if (argc != ARG_COUNT)
		return 2;
	b = calloc(1, sizeof(*b));
	if (!b)
		return 1;
	b->argv = argv;
	for (size_t i = 0; i < WAY_COUNT; i++) {
		ways[i].items = BATCH;
		ways[i].steps = 30;
	}
	for (int i = 0; i < ARG_COUNT; i++)
		b->fds[i] = -1;

	rc = open_all(b);
	if (rc == 0)
		rc = race_run(ways, WAY_COUNT, WARM_UP_ROUNDS, step, b);
	close_all(b);
	if (rc < 0) {
		(void)fprintf(stderr, "attest_bench: %s\n", strerror(-rc));
		return 1;
	}
	race_print(ways, WAY_COUNT, "signatures");
	say_bars(ways);
	return 0;
}
