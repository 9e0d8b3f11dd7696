/* What a signature costs through the agent, beside signing here and beside
 * ssh-agent.
 *
 *   sign_bench AGENT-SOCKET CACHE PUBLIC-KEY SSH-SOCKET
 *
 * The echo is a round trip between two processes with messages as long as
 * those of one path; the relay is an agent of two processes that does nothing,
 * which says what the wake-ups alone cost.
 *
 * Every way signs the same bytes: the fingerprint of a path with six
 * references.  Ed25519 takes the same time with every key, so the signature
 * made here is made with a key of its own. */
#include "client/agent_call.h"
#include "protocol/base/cleanup.h"
#include "protocol/nix/fingerprint.h"
#include "protocol/nix/key.h"
#include "protocol/varlink/agent_sign.h"
#include "tests/bench/connect.h"
#include "tests/bench/echo.h"
#include "tests/bench/race.h"
#include "tests/bench/ssh_client.h"

#include <sodium.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STORE_DIR      "/nix/store"
#define REFERENCES     6
#define FINGERPRINT    4096
#define MESSAGE_MAX    ((size_t)2 * 1024 * 1024)
#define BAR_BATCH      0.85 /* of the rate of signing here, at least */
#define BAR_SINGLE     1.5  /* times signing here and an echo, at most */
#define BAR_SSH        5.0  /* times the rate of ssh-agent, at least */
#define SMALL_BATCH    64
#define WARM_UP_ROUNDS 1

enum {
	ARG_SOCKET = 1,
	ARG_CACHE,
	ARG_KEY,
	ARG_SSH,
	ARG_COUNT
};

enum way_index {
	WAY_HERE,
	WAY_ECHO,
	WAY_RELAY,
	WAY_ONE,
	WAY_CLIENT,
	WAY_SMALL_BATCH,
	WAY_LARGE_BATCH,
	WAY_SSH,
	WAY_COUNT,
};

struct bench {
	struct agent_cache cache;
	struct path_info paths[AGENT_BATCH_MAX];
	const struct path_info *pointers[AGENT_BATCH_MAX];
	uint8_t text[FINGERPRINT];
	struct bytes fingerprint;
	uint8_t pair[crypto_sign_SECRETKEYBYTES];
	int fd;
	struct buffer calls[WAY_COUNT];
	struct buffer answer;
	struct agent *agent;
	struct ssh_client ssh;
	struct echo echo;
	struct echo relay;
};

static void make_base(unsigned number, char out[STORE_PATH_BASE_SIZE])
{
	(void)snprintf(out, STORE_PATH_BASE_SIZE, "%032u-some-package-1.2.%u",
	               number, number);
}

static int make_path(struct path_info *path, unsigned number)
{
	int rc = 0;

	*path = (struct path_info){ .nar_size = 1234567 + number };
	memset(path->nar_hash.sha256, (int)number, NIX_HASH_LEN);
	make_base(number, path->base);
	for (unsigned i = 0; i < REFERENCES && rc == 0; i++) {
		char base[STORE_PATH_BASE_SIZE];

		make_base(number + i, base);
		rc = strings_add(&path->references, base, strlen(base));
	}
	return rc;
}

static int make_fingerprint(struct bench *b)
{
	const struct path_info *path = &b->paths[0];
	struct bytes references[REFERENCES];
	struct fingerprint fingerprint = {
		.store_dir = STORE_DIR,
		.base = bytes_of_text(path->base),
		.nar_hash = &path->nar_hash,
		.nar_size = path->nar_size,
		.reference_count = REFERENCES,
	};
	struct buffer out;
	int rc;

	for (size_t i = 0; i < REFERENCES; i++)
		references[i] = bytes_of_text(path->references.items[i]);
	fingerprint.references = references;
	buffer_wrap(&out, b->text, sizeof(b->text));
	rc = fingerprint_write(&fingerprint, &out);
	b->fingerprint = buffer_bytes(&out);
	return rc;
}

static int make_call(struct bench *b, enum way_index way, size_t count)
{
	buffer_init(&b->calls[way], MESSAGE_MAX);
	return sign_call_encode(b->cache.name, STORE_DIR, b->pointers, count,
	                        &b->calls[way]);
}

static int make_all(struct bench *b)
{
	uint8_t half[crypto_sign_PUBLICKEYBYTES];
	int rc = 0;

	for (unsigned i = 0; i < AGENT_BATCH_MAX && rc == 0; i++) {
		b->pointers[i] = &b->paths[i];
		rc = make_path(&b->paths[i], i);
	}
	if (rc == 0)
		rc = make_fingerprint(b);
	if (rc == 0)
		rc = make_call(b, WAY_ONE, 1);
	if (rc == 0)
		rc = make_call(b, WAY_SMALL_BATCH, SMALL_BATCH);
	if (rc == 0)
		rc = make_call(b, WAY_LARGE_BATCH, AGENT_BATCH_MAX);
	buffer_init(&b->answer, MESSAGE_MAX);
	if (sodium_init() < 0 || crypto_sign_keypair(half, b->pair) < 0)
		return -EIO;
	return rc;
}

static int ask_client(struct bench *b, struct strings *signatures)
{
	struct agent_error error;

	return agent_sign(b->agent, &b->cache, b->pointers, 1, signatures,
	                  &error) == AGENT_OK
	               ? 0
	               : -EACCES;
}

/* What is timed is what is wanted: the key's signature of those bytes. */
static int check_signature(struct bench *b, const char *key_text)
{
	cleanup_strings struct strings signatures = { .items = NULL };
	struct signature signature;
	struct public_key key;
	int rc = ask_client(b, &signatures);

	if (rc == 0)
		rc = public_key_parse(key_text, strlen(key_text), &key);
	if (rc == 0) {
		rc = signature_parse(signatures.items[0],
		                     strlen(signatures.items[0]), &signature);
	}
	if (rc == 0 && !signature_verify(&signature, &key, b->fingerprint))
		rc = -EKEYREJECTED;
	return rc;
}

static int sign_here(struct bench *b)
{
	uint8_t signature[crypto_sign_BYTES];

	return crypto_sign_detached(signature, NULL, b->fingerprint.data,
	                            b->fingerprint.len, b->pair);
}

static int step(void *bench, size_t way)
{
	struct bench *b = bench;
	cleanup_strings struct strings signatures = { .items = NULL };

	switch ((enum way_index)way) {
	case WAY_HERE:
		return sign_here(b);
	case WAY_ECHO:
		return echo_ask(&b->echo);
	case WAY_RELAY:
		return echo_ask(&b->relay);
	case WAY_ONE:
	case WAY_SMALL_BATCH:
	case WAY_LARGE_BATCH:
		return connect_ask(b->fd, buffer_bytes(&b->calls[way]),
		                   &b->answer);
	case WAY_CLIENT:
		return ask_client(b, &signatures);
	case WAY_SSH:
		return ssh_client_sign(&b->ssh, b->fingerprint);
	case WAY_COUNT:
		break;
	}
	return -EINVAL;
}

static int say_bars(const struct way ways[WAY_COUNT])
{
	const struct bar bars[] = {
		{ "64 paths a call, of the rate of signing here", BAR_BATCH,
		  true, way_ratio(&ways[WAY_HERE], &ways[WAY_SMALL_BATCH]),
		  "of it" },
		{ "1 path a call, beside signing here and an echo", BAR_SINGLE,
		  false,
		  way_ratio_to_both(&ways[WAY_ONE], &ways[WAY_HERE],
		                    &ways[WAY_ECHO]),
		  "times" },
		{ "1 path a call, beside the rate of ssh-agent", BAR_SSH, true,
		  way_ratio(&ways[WAY_SSH], &ways[WAY_ONE]), "times" },
	};
	const struct spread floor = way_ratio_to_both(
		&ways[WAY_ONE], &ways[WAY_HERE], &ways[WAY_RELAY]);

	race_say_bars(bars, sizeof(bars) / sizeof(bars[0]));
	(void)printf("note: 1 path a call takes %.2f times (%.2f - %.2f) as "
	             "long as signing here and the wake-ups of an agent of two "
	             "processes\n",
	             floor.median, floor.low, floor.high);
	return race_write("sign", ways, WAY_COUNT, bars,
	                  sizeof(bars) / sizeof(bars[0]));
}

/* Messages as long as those of one path, whose answer is there. */
static int open_echoes(struct bench *b)
{
	const size_t call_len = b->calls[WAY_ONE].len;
	int rc = connect_ask(b->fd, buffer_bytes(&b->calls[WAY_ONE]),
	                     &b->answer);

	if (rc == 0)
		rc = echo_open(&b->echo, call_len, b->answer.len, 0);
	return rc < 0 ? rc : echo_open(&b->relay, call_len, b->answer.len, 1);
}

static int open_all(struct bench *b, char **argv)
{
	struct agent_error error;
	int rc = make_all(b);

	if (rc == 0)
		rc = connect_unix(argv[ARG_SOCKET], &b->fd);
	if (rc == 0)
		rc = ssh_client_open(&b->ssh, argv[ARG_SSH]);
	if (rc == 0 && agent_open(argv[ARG_SOCKET], &b->agent, &error) != 0)
		rc = -EPIPE;
	if (rc == 0)
		rc = check_signature(b, argv[ARG_KEY]);
	return rc == 0 ? open_echoes(b) : rc;
}

static void close_all(struct bench *b)
{
	for (size_t i = 0; i < AGENT_BATCH_MAX; i++)
		path_info_clear(&b->paths[i]);
	for (size_t i = 0; i < WAY_COUNT; i++)
		buffer_clear(&b->calls[i]);
	buffer_clear(&b->answer);
	ssh_client_close(&b->ssh);
	agent_close(b->agent);
	close_at(&b->fd);
	echo_close(&b->echo);
	echo_close(&b->relay);
	free(b);
}

int main(int argc, char **argv)
{
	struct way ways[WAY_COUNT] = {
		[WAY_HERE] = { .name = "libsodium, in this process",
		               .items = 1,
		               .steps = 1000 },
		[WAY_ECHO] = { .name = "echo of one path's messages",
		               .items = 1,
		               .steps = 1000 },
		[WAY_RELAY] = { .name = "the same through a relay",
		                .items = 1,
		                .steps = 1000 },
		[WAY_ONE] = { .name = "agent, 1 path a call",
		              .items = 1,
		              .steps = 1000 },
		[WAY_CLIENT] = { .name = "agent, 1 path, client's library",
		                 .items = 1,
		                 .steps = 1000 },
		[WAY_SMALL_BATCH] = { .name = "agent, 64 paths a call",
		                      .items = SMALL_BATCH,
		                      .steps = 30 },
		[WAY_LARGE_BATCH] = { .name = "agent, 256 paths a call",
		                      .items = AGENT_BATCH_MAX,
		                      .steps = 10 },
		[WAY_SSH] = { .name = "ssh-agent, 1 text a call",
		              .items = 1,
		              .steps = 300 },
	};
	struct bench *b;
	int rc;

	if (argc != ARG_COUNT)
		return 2;
	b = calloc(1, sizeof(*b));
	if (!b)
		return 1;
	b->fd = b->ssh.fd = b->echo.fd = b->relay.fd = -1;
	b->cache.name = argv[ARG_CACHE];
	b->cache.store_dir = (char[]){ STORE_DIR };

	rc = open_all(b, argv);
	if (rc == 0)
		rc = race_run(ways, WAY_COUNT, WARM_UP_ROUNDS, step, b);
	close_all(b);
	if (rc < 0) {
		(void)fprintf(stderr, "sign_bench: %s\n", strerror(-rc));
		return 1;
	}
	race_print(ways, WAY_COUNT, "signatures");
	return say_bars(ways) == 0 ? 0 : 1;
}
