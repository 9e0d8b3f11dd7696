/* What a presigned URL costs through the agent, beside presigning here.
 *
 *   presign_bench AGENT-SOCKET CACHE HOST BUCKET [BOTOCORE-RATE]
 *
 * BOTOCORE-RATE: URLs that botocore makes in a second, measured just before.
 * The same PUT of the same key; the credentials made up here are as long as
 * those of the agent. */
#include "client/agent_call.h"
#include "protocol/base/cleanup.h"
#include "protocol/varlink/agent_presign.h"
#include "tests/bench/connect.h"
#include "tests/bench/race.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAR_KEY \
	"nar/1b4sb93wp679q4zx9k1ignby1yna3z7c4c2ri3wphylbc2dwsys0.nar.zst"
#define MESSAGE_MAX    ((size_t)2 * 1024 * 1024)
#define URL_ROOM       16384
#define REGION         "us-east-1"
#define WARM_UP_ROUNDS 1
#define BAR_RATE       300e3 /* URLs a second, at least; */
#define BAR_SHARE      0.4   /* or of the rate of making them here */
#define BAR_BOTOCORE   50.0  /* times its rate, at least */
#define NS_PER_S       1e9

enum {
	ARG_SOCKET = 1,
	ARG_CACHE,
	ARG_HOST,
	ARG_BUCKET,
	ARG_COUNT,
	ARG_BOTOCORE = ARG_COUNT, /* may lack */
};

enum way_index {
	WAY_HERE,
	WAY_ONE,
	WAY_BATCH,
	WAY_CLIENT_BATCH,
	WAY_COUNT,
};

struct bench {
	const char *cache;
	struct s3_place place;
	struct s3_object_request requests[AGENT_BATCH_MAX];
	struct agent_signed_request urls[AGENT_BATCH_MAX];
	struct sigv4_key key;
	uint8_t url[URL_ROOM];
	int fd;
	struct buffer calls[WAY_COUNT];
	struct buffer answer;
	struct agent *agent;
};

static int make_call(struct bench *b, enum way_index way, size_t count)
{
	const struct agent_pressure none = { .slow_downs = 0 };

	buffer_init(&b->calls[way], MESSAGE_MAX);
	return presign_call_encode(b->cache, b->requests, count, &none,
	                           &b->calls[way]);
}

static int make_all(struct bench *b)
{
	char date[SIGV4_DATE_LEN + 1];
	int rc;

	for (size_t i = 0; i < AGENT_BATCH_MAX; i++) {
		b->requests[i] = (struct s3_object_request){
			.operation = S3_PUT_OBJECT,
			.key = bytes_of_text(NAR_KEY),
			.has_content_length = true,
			.content_length = 123456 + i,
			.has_content_md5 = true,
		};
	}
	sigv4_format_date((int64_t)time(NULL), date);
	date[SIGV4_DAY_LEN] = '\0';
	sigv4_key_derive(&b->key, bytes_of_text("of no account"), date, REGION,
	                 "s3");
	buffer_init(&b->answer, MESSAGE_MAX);
	rc = make_call(b, WAY_ONE, 1);
	return rc == 0 ? make_call(b, WAY_BATCH, AGENT_BATCH_MAX) : rc;
}

static int presign_here(struct bench *b)
{
	struct sigv4_scope scope = {
		.access_key_id = bytes_of_text("K0123456789abcdef01234567"),
		.region = REGION,
		.service = "s3",
		.expires = S3_EXPIRES_USUAL,
	};
	struct sigv4_request request;
	struct s3_scratch scratch;
	struct buffer out;
	int rc;

	buffer_wrap(&out, b->url, sizeof(b->url));
	sigv4_format_date((int64_t)time(NULL), scope.amz_date);
	rc = s3_object_request_build(&b->place, &b->requests[0], &scratch,
	                             &request);
	return rc == 0 ? sigv4_presign(&b->key, &request, &scope, &out) : rc;
}

static int ask_client(struct bench *b)
{
	const struct presign_order order = { .cache = b->cache,
		                             .requests = b->requests,
		                             .count = AGENT_BATCH_MAX };
	struct agent_error error;
	struct agent_pace pace;

	if (agent_presign(b->agent, &order, b->urls, &pace, &error) != AGENT_OK)
		return -EACCES;
	for (size_t i = 0; i < AGENT_BATCH_MAX; i++)
		agent_signed_request_clear(&b->urls[i]);
	return 0;
}

static int step(void *bench, size_t way)
{
	struct bench *b = bench;

	switch ((enum way_index)way) {
	case WAY_HERE:
		return presign_here(b);
	case WAY_ONE:
	case WAY_BATCH:
		return connect_ask(b->fd, buffer_bytes(&b->calls[way]),
		                   &b->answer);
	case WAY_CLIENT_BATCH:
		return ask_client(b);
	case WAY_COUNT:
		break;
	}
	return -EINVAL;
}

static int open_all(struct bench *b, char **argv)
{
	struct agent_error error;
	int rc = make_all(b);

	if (rc == 0)
		rc = connect_unix(argv[ARG_SOCKET], &b->fd);
	if (rc == 0 && agent_open(argv[ARG_SOCKET], &b->agent, &error) != 0)
		rc = -EPIPE;
	return rc;
}

static void close_all(struct bench *b)
{
	for (size_t i = 0; i < WAY_COUNT; i++)
		buffer_clear(&b->calls[i]);
	buffer_clear(&b->answer);
	agent_close(b->agent);
	close_at(&b->fd);
	free(b);
}

/* Per second, of the agent's batches: the fastest for the least time. */
static struct spread rate_of(const struct way *way, double unit)
{
	struct way second = { .name = way->name };
	struct spread times;

	for (size_t i = 0; i < RACE_ROUNDS; i++)
		second.p50_ns[i] = NS_PER_S / unit;
	times = way_ratio(&second, way);
	return times;
}

static int say_bars(const struct way ways[WAY_COUNT], const char *botocore)
{
	const struct way *batch = &ways[WAY_BATCH];
	const double other = botocore ? strtod(botocore, NULL) : 0;
	struct bar bars[] = {
		{ "256 URLs a call, a second", BAR_RATE, true,
		  rate_of(batch, 1), "URLs" },
		{ "256 URLs a call, beside botocore", BAR_BOTOCORE, true,
		  rate_of(batch, other > 0 ? other : 1), "times" },
	};
	const struct bar share = {
		"256 URLs a call, of the rate of making them here", BAR_SHARE,
		true, way_ratio(&ways[WAY_HERE], batch), "of it"
	};
	const size_t count = other > 0 ? 2 : 1;

	/* Either is enough. */
	if (bars[0].found.median < BAR_RATE && share.found.median >= BAR_SHARE)
		bars[0] = share;
	race_say_bars(bars, count);
	(void)printf("note: %.0f %% of the rate of making them here\n",
	             share.found.median * 100);
	if (other <= 0)
		(void)printf("bar: botocore: skipped, it is not installed\n");
	return race_write("presign", ways, WAY_COUNT, bars, count);
}

int main(int argc, char **argv)
{
	struct way ways[WAY_COUNT] = {
		[WAY_HERE] = { .name = "in this process",
		               .items = 1,
		               .steps = 2000 },
		[WAY_ONE] = { .name = "agent, 1 URL a call",
		              .items = 1,
		              .steps = 1000 },
		[WAY_BATCH] = { .name = "agent, 256 URLs a call",
		                .items = AGENT_BATCH_MAX,
		                .steps = 20 },
		[WAY_CLIENT_BATCH] = { .name = "agent, 256 URLs, client's library",
		                       .items = AGENT_BATCH_MAX,
		                       .steps = 20 },
	};
	struct bench *b;
	int rc;

	if (argc != ARG_COUNT && argc != ARG_BOTOCORE + 1)
		return 2;
	b = aligned_alloc(_Alignof(struct bench), sizeof(*b));
	if (!b)
		return 1;
	*b = (struct bench){
		.cache = argv[ARG_CACHE],
		.place = { .is_plain_http = true,
		           .endpoint = argv[ARG_HOST],
		           .bucket = argv[ARG_BUCKET],
		           .prefix = "nix/cache",
		           .region = REGION },
		.fd = -1,
	};

	rc = open_all(b, argv);
	if (rc == 0)
		rc = race_run(ways, WAY_COUNT, WARM_UP_ROUNDS, step, b);
	close_all(b);
	if (rc < 0) {
		(void)fprintf(stderr, "presign_bench: %s\n", strerror(-rc));
		return 1;
	}
	race_print(ways, WAY_COUNT, "URLs");
	return say_bars(ways, argv[ARG_BOTOCORE]) == 0 ? 0 : 1;
}
