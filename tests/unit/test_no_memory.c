/* Every allocation of the pure rooms fails once, and then all after it too:
 * -ENOMEM comes back, and the sanitizers see that nothing is left behind. */
#include "client/cache/s3_xml.h"
#include "client/cache/select.h"
#include "client/push/plan.h"
#include "protocol/nix/narinfo.h"
#include "protocol/nix/worker.h"
#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"
#include "protocol/varlink/agent_status.h"
#include "tests/lib/short_memory.h"
#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STORE_DIR "/nix/store"
#define RUNS_MAX  2000 /* far more than any room allocates here */

static void try_until_enough(int (*run)(void), bool for_good)
{
	for (unsigned n = 1; n < RUNS_MAX; n++) {
		int rc;

		short_memory_begin(n, for_good);
		rc = run();
		if (!short_memory_end()) {
			CHECK(rc == 0);
			CHECK(n > 1); /* it does allocate */
			return;
		}
		CHECK(rc == -ENOMEM);
	}
	FAIL("it comes to an end");
}

static void try_all(int (*run)(void))
{
	try_until_enough(run, false);
	try_until_enough(run, true);
}

static int make_strings(void)
{
	cleanup_strings struct strings a = { .items = NULL };
	cleanup_strings struct strings b = { .items = NULL };
	int rc = 0;

	for (unsigned i = 0; i < 20 && rc == 0; i++)
		rc = strings_add(&a, "text", i % 5);
	if (rc == 0)
		rc = strings_add_all(&b, &a);
	strings_sort(&a);
	strings_sort(&b);
	return rc;
}

static int fill_buffer(void)
{
	cleanup_buffer struct buffer b;

	buffer_init(&b, 65536);
	for (unsigned i = 0; i < 1000; i++) {
		buffer_append_format(&b, "%u", i);
		buffer_append_text(&b, ", ");
		buffer_append_u64(&b, i);
	}
	(void)buffer_text(&b);
	return buffer_end(&b);
}

#define NARINFO_TEXT                                                        \
	STORE_PATH URL COMPRESSION FILE_HASH FILE_SIZE NAR_HASH NAR_SIZE    \
		REFERENCES DERIVER SIG_1 SIG_2 "CA: text:sha256:" HELLO_NAR \
					       "\n"

static int copy_narinfo(void)
{
	cleanup_buffer struct buffer out;
	struct narinfo info;
	size_t line;
	int rc;

	buffer_init(&out, 65536);
	rc = narinfo_parse(bytes_of_text(NARINFO_TEXT), STORE_DIR, &info,
	                   &line);
	if (rc < 0)
		return rc;
	rc = narinfo_format(&info, STORE_DIR, &out);
	narinfo_clear(&info);
	return rc;
}

static void fill_path(struct path_info *path)
{
	*path = (struct path_info){ .base = GAMMA, .nar_size = 272 };
	CHECK(strings_add(&path->references, ALPHA, strlen(ALPHA)) == 0);
	CHECK(strings_add(&path->references, BETA, strlen(BETA)) == 0);
}

/* Encoded here, since memory is short only for what is looked at. */
static struct bytes frame_of(const struct buffer *out)
{
	return (struct bytes){ out->data, out->len > 0 ? out->len - 1 : 0 };
}

/* NOLINTBEGIN(*-non-const-global-variables): what a run works on */
static struct buffer sample;
static struct varlink_call sample_call;
static struct varlink_reply sample_reply;
static struct path_info sample_path;
static struct closure sample_closure;
/* NOLINTEND(*-non-const-global-variables) */

static int encode_sign_call(void)
{
	const struct path_info *paths[] = { &sample_path };
	cleanup_buffer struct buffer out;

	buffer_init(&out, VARLINK_FRAME_MAX);
	return sign_call_encode("dev", STORE_DIR, paths, 1, &out);
}

static int answer_sign_call(void)
{
	static struct strings none[1];
	cleanup_buffer struct buffer out;
	struct error_reply error;
	struct sign_call sign;
	int rc;

	buffer_init(&out, VARLINK_FRAME_MAX);
	rc = sign_call_decode(&sample_call, &sign, &error);
	if (rc != CALL_OK)
		return rc;
	rc = sign_reply_encode(&sign, none, &out);
	sign_call_clear(&sign);
	return rc;
}

static void the_calls_of_sign(void)
{
	const struct path_info *paths[] = { &sample_path };

	fill_path(&sample_path);
	buffer_init(&sample, VARLINK_FRAME_MAX);
	CHECK(sign_call_encode("dev", STORE_DIR, paths, 1, &sample) == 0);
	CHECK(call_decode(frame_of(&sample), &sample_call) == 0);
	try_all(encode_sign_call);
	try_all(answer_sign_call);
	call_clear(&sample_call);
	buffer_clear(&sample);
	path_info_clear(&sample_path);
}

static int decode_sign_reply(void)
{
	const struct path_info *paths[] = { &sample_path };
	struct strings signatures;
	int rc = sign_reply_decode(&sample_reply, STORE_DIR, paths, 1,
	                           &signatures);

	if (rc == 0)
		strings_clear(&signatures);
	return rc;
}

static void the_replies_of_sign(void)
{
	fill_path(&sample_path);
	CHECK(reply_decode(bytes_of_text("{\"parameters\":{\"signatures\":[{"
	                                 "\"storePath\":\"/nix/store/" GAMMA
	                                 "\","
	                                 "\"signatures\":[\"" SIGNATURE_1
	                                 "\",\"" SIGNATURE_2 "\"]}]}}"),
	                   &sample_reply) == 0);
	try_all(decode_sign_reply);
	reply_clear(&sample_reply);
	path_info_clear(&sample_path);
}

static int copy_presign_call(void)
{
	cleanup_buffer struct buffer out;
	struct presign_call presign;
	struct error_reply error;
	int rc;

	buffer_init(&out, VARLINK_FRAME_MAX);
	rc = presign_call_decode(&sample_call, &presign, &error);
	if (rc != CALL_OK)
		return rc;
	rc = presign_call_encode(presign.cache, presign.requests, presign.count,
	                         &presign.pressure, &out);
	presign_call_clear(&presign);
	return rc;
}

static void the_calls_of_presign(void)
{
	CHECK(call_decode(bytes_of_text(
				  "{\"method\":\"io.nixcache.Agent.Presign\","
				  "\"parameters\":{\"cache\":\"dev\","
				  "\"requests\":[{\"operation\":\"GetObject\","
				  "\"key\":\"nix-cache-info\"},{\"operation\":"
				  "\"ListObjectsV2\",\"prefix\":\"nar/\"}],"
				  "\"pressure\":{\"slowDowns\":1,"
				  "\"successes\":2,\"pauseMs\":3}}}"),
	                  &sample_call) == 0);
	try_all(copy_presign_call);
	call_clear(&sample_call);
}

static int copy_presign_reply(void)
{
	cleanup_buffer struct buffer out;
	struct agent_signed_request response;
	struct agent_pace pace;
	int rc;

	buffer_init(&out, VARLINK_FRAME_MAX);
	rc = presign_reply_decode(&sample_reply, 1, &response, &pace);
	if (rc < 0)
		return rc;
	rc = presign_reply_encode(&response, 1, &pace, &out);
	agent_signed_request_clear(&response);
	return rc;
}

static void the_replies_of_presign(void)
{
	CHECK(reply_decode(bytes_of_text(
				   "{\"parameters\":{\"responses\":[{"
				   "\"method\":\"PUT\",\"url\":\"https://h/k\","
				   "\"headers\":{\"content-length\":\"1\"},"
				   "\"expiresAt\":1700000000}]}}"),
	                   &sample_reply) == 0);
	try_all(copy_presign_reply);
	reply_clear(&sample_reply);
}

static int copy_status(void)
{
	cleanup_buffer struct buffer out;
	struct agent_status status;
	int rc;

	buffer_init(&out, VARLINK_FRAME_MAX);
	rc = status_reply_decode(&sample_reply, &status);
	if (rc < 0)
		return rc;
	rc = status_reply_encode(&status, &out);
	agent_status_clear(&status);
	return rc;
}

#define STATUS_TEXT                                                                                              \
	"{\"parameters\":{\"version\":\"1\",\"pid\":2,\"state\":\"locked\","                                     \
	"\"caches\":[{\"name\":\"dev\",\"store\":\"s3://bucket\",\"storeDir\":"                                  \
	"\"/nix/store\",\"publicKeys\":[\"" KEY_1 "\"],\"upstreamKeys\":["                                       \
	"\"" KEY_2                                                                                               \
	"\"],\"compression\":\"zstd\",\"signPolicy\":\"any\",\"confirm\":[]},{\"name\":\"f\",\"store\""          \
	":\"file:///f\",\"storeDir\":\"/nix/store\",\"publicKeys\":[],"                                          \
	"\"upstreamKeys\":[],\"compression\":\"none\",\"signPolicy\":\"any\",\"confirm\":[]}],\"signatures\":0," \
	"\"urls\":0,\"sourceRuns\":0,\"hardening\":[{\"name\":\"seccomp\","                                      \
	"\"process\":\"vault\",\"state\":\"held\",\"detail\":\"\"}],\"scope\":\"owner\",\"audit\":{\"path\":\"/a\",\"sequence\":1,\"head\":\"00\",\"failure\":\"full\"}}}"

static void the_replies_of_status(void)
{
	CHECK(reply_decode(bytes_of_text(STATUS_TEXT), &sample_reply) == 0);
	try_all(copy_status);
	reply_clear(&sample_reply);
}

static void choosing_a_cache_needs_no_memory(void)
{
	struct agent_status status;
	char why[200];

	CHECK(reply_decode(bytes_of_text(STATUS_TEXT), &sample_reply) == 0);
	CHECK(status_reply_decode(&sample_reply, &status) == 0);
	short_memory_begin(1, true);
	CHECK(select_cache(&status, "f", why, sizeof(why)));
	CHECK(select_cache(&status, "s3://bucket", why, sizeof(why)));
	CHECK(!select_cache(&status, NULL, why, sizeof(why)));
	CHECK(!short_memory_end());
	agent_status_clear(&status);
	reply_clear(&sample_reply);
}

/* A chain: each path refers to itself and to all before it. */
static void fill_closure(struct closure *closure, size_t count)
{
	closure->paths = calloc(count, sizeof(*closure->paths));
	closure->by_name = calloc(count, sizeof(*closure->by_name));
	if (!closure->paths || !closure->by_name)
		abort();
	closure->count = count;
	for (size_t i = 0; i < count; i++) {
		struct path_info *path = &closure->paths[i];

		(void)snprintf(path->base, sizeof(path->base), "%032zu-x", i);
		path->nar_size = 100 + i % 3;
		closure->by_name[i] = i;
		CHECK(strings_add(&path->references, ALPHA, strlen(ALPHA)) ==
		      0);
		for (size_t k = 0; k <= i; k++) {
			CHECK(strings_add(&path->references,
			                  closure->paths[k].base,
			                  STORE_PATH_BASE_MAX) == 0);
		}
	}
}

static int make_plan(void)
{
	cleanup_strings struct strings outside = { .items = NULL };
	struct plan plan;
	int rc;

	rc = plan_make(&sample_closure, &plan);
	if (rc < 0)
		return rc;
	rc = plan_finish(&plan);
	if (rc == 0)
		rc = plan_outside_references(&plan, &outside);
	if (rc == 0) {
		size_t *order = plan_order(&plan);

		rc = order ? 0 : -ENOMEM;
		free(order);
	}
	plan_clear(&plan);
	return rc;
}

static void the_plan_of_a_push(void)
{
	fill_closure(&sample_closure, 6);
	try_all(make_plan);
	closure_clear(&sample_closure);
}

static int parse_xml(void)
{
	struct s3_xml xml;
	int rc = s3_xml_parse(bytes_of_text("<a><b>text</b><c/><d/><d/><d/>"
	                                    "<d/><d/><d/><d/><d/><d/><d/><d/>"
	                                    "<d/><d/><d/><d>e</d></a>"),
	                      &xml);

	if (rc == 0)
		s3_xml_clear(&xml);
	return rc;
}

static int parse_one_element(void)
{
	struct s3_xml xml;
	int rc = s3_xml_parse(bytes_of_text("<a/>"), &xml);

	if (rc == 0)
		s3_xml_clear(&xml);
	return rc;
}

/* Little endian, padded to 8, as the worker protocol has it. */
static void put_text(struct buffer *out, const char *text)
{
	size_t len = strlen(text);

	for (unsigned i = 0; i < 8; i++)
		buffer_append_char(out, (char)(len >> (8 * i) & 0xff));
	buffer_append(out, text, len);
	buffer_append(out, "\0\0\0\0\0\0\0", (8 - len % 8) % 8);
}

static void put_number(struct buffer *out, uint8_t value)
{
	buffer_append_char(out, (char)value);
	buffer_append(out, "\0\0\0\0\0\0\0", 7);
}

static int read_path_info(void)
{
	struct path_info info;
	size_t used;
	int rc = worker_get_path_info(buffer_bytes(&sample), STORE_DIR, &used,
	                              &info);

	if (rc == 0)
		path_info_clear(&info);
	return rc;
}

static void the_answer_of_a_daemon(void)
{
	buffer_init(&sample, 4096);
	put_number(&sample, 1);
	put_text(&sample, "");
	put_text(&sample, "0000000000000000000000000000000000000000000000000000"
	                  "000000000000");
	put_number(&sample, 2);
	put_text(&sample, STORE_DIR "/" ALPHA);
	put_text(&sample, STORE_DIR "/" BETA);
	put_number(&sample, 0);
	put_number(&sample, 200);
	put_number(&sample, 1);
	put_number(&sample, 1);
	put_text(&sample, SIGNATURE_1);
	put_text(&sample, "text:x");
	CHECK(buffer_end(&sample) == 0);
	try_all(read_path_info);
	buffer_clear(&sample);
}

static void lists_of_strings(void)
{
	try_all(make_strings);
}

static void buffers(void)
{
	try_all(fill_buffer);
}

static void narinfos(void)
{
	try_all(copy_narinfo);
}

static void answers_of_s3(void)
{
	try_all(parse_xml);
	try_all(parse_one_element);
}

int main(void)
{
	static const struct test tests[] = {
		{ "lists of strings", lists_of_strings },
		{ "buffers", buffers },
		{ "narinfos", narinfos },
		{ "the calls of Sign", the_calls_of_sign },
		{ "the replies of Sign", the_replies_of_sign },
		{ "the calls of Presign", the_calls_of_presign },
		{ "the replies of Presign", the_replies_of_presign },
		{ "the replies of Status", the_replies_of_status },
		{ "choosing a cache needs no memory",
		  choosing_a_cache_needs_no_memory },
		{ "the plan of a push", the_plan_of_a_push },
		{ "answers of S3", answers_of_s3 },
		{ "the answer of a daemon", the_answer_of_a_daemon },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
