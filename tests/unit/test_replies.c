/* Replies, from the agent to the client. */
#include "tests/lib/test.h"

#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"
#include "protocol/varlink/agent_status.h"

#include <json-c/json.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE_A    "00000000000000000000000000000000-a"
#define BASE_B    "11111111111111111111111111111111-b"
#define ZEROS     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SIGNATURE "key-1:" ZEROS ZEROS "=="

static struct bytes frame_of(const struct buffer *b)
{
	CHECK(b->len > 0 && b->data[b->len - 1] == '\0');
	return (struct bytes){ b->data, b->len - 1 };
}

/* Two paths as the client has them. */
static const struct path_info path_a = { .base = BASE_A };
static const struct path_info path_b = { .base = BASE_B };
static const struct path_info *const both[] = { &path_a, &path_b };

static int decode_sign_text(const char *text, const char *store_dir,
                            size_t count)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	struct strings signatures[2] = { { .items = NULL } };
	int rc;

	CHECK(reply_decode(bytes_of_text(text), &reply) == 0);
	rc = sign_reply_decode(&reply, store_dir, both, count, signatures);
	for (size_t i = 0; i < 2; i++) {
		CHECK(rc == 0 || signatures[i].count == 0);
		strings_clear(&signatures[i]);
	}
	return rc;
}

static void encode_signatures(struct buffer *out)
{
	char store_a[] = "/nix/store/" BASE_A, store_b[] = "/nix/store/" BASE_B;
	char text[] = SIGNATURE;
	char *items[] = { text, text };
	struct sign_path paths[] = { { .store_path = store_a },
		                     { .store_path = store_b } };
	const struct sign_call sign = { .paths = paths, .count = 2 };
	const struct strings signatures[] = { { items, 1, 1 },
		                              { items, 2, 2 } };

	CHECK(sign_reply_encode(&sign, signatures, out) == 0);
}

static void signatures_arrive_whole(void)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct strings got[2];

	buffer_init(&out, VARLINK_FRAME_MAX);
	encode_signatures(&out);
	CHECK(reply_decode(frame_of(&out), &reply) == 0);
	CHECK(sign_reply_decode(&reply, "/nix/store", both, 2, got) == 0);
	CHECK(got[0].count == 1 && got[1].count == 2);
	CHECK(strcmp(got[1].items[1], SIGNATURE) == 0);
	strings_clear(&got[0]);
	strings_clear(&got[1]);
}

#define SIGNED(path, list) \
	"{\"storePath\":\"" path "\",\"signatures\":[" list "]}"
#define SIGN_REPLY(list) "{\"parameters\":{\"signatures\":[" list "]}}"
#define GOOD_A           SIGNED("/s/" BASE_A, "\"" SIGNATURE "\"")
#define GOOD_B           SIGNED("/s/" BASE_B, "\"" SIGNATURE "\"")

static void signatures_of_something_else_are_refused(void)
{
	static const char *const bad[] = {
		"{}",
		"{\"parameters\":{\"signatures\":null}}",
		SIGN_REPLY(""),
		SIGN_REPLY(GOOD_A),
		SIGN_REPLY(GOOD_A "," GOOD_B "," GOOD_B),
		SIGN_REPLY(GOOD_B "," GOOD_A),
		SIGN_REPLY(GOOD_A "," GOOD_A),
		SIGN_REPLY(GOOD_A ",1"),
		SIGN_REPLY(GOOD_A "," SIGNED("/s/" BASE_B, "")),
		SIGN_REPLY(GOOD_A "," SIGNED("/s/" BASE_B, "1")),
		SIGN_REPLY(GOOD_A "," SIGNED("/s/" BASE_B, "\"key-1:AAAA\"")),
		SIGN_REPLY(GOOD_A
		           "," SIGNED("/s//" BASE_B, "\"" SIGNATURE "\"")),
		SIGN_REPLY(GOOD_A "," SIGNED(BASE_B, "\"" SIGNATURE "\"")),
		SIGN_REPLY(GOOD_A "," SIGNED("", "\"" SIGNATURE "\"")),
	};

	CHECK(decode_sign_text(SIGN_REPLY(GOOD_A "," GOOD_B), "/s", 2) == 0);
	CHECK(decode_sign_text(SIGN_REPLY(GOOD_A "," GOOD_B), "/t", 2) ==
	      -EBADMSG);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(decode_sign_text(bad[i], "/s", 2) == -EBADMSG);
}

static void encode_urls(struct buffer *out)
{
	char url[] = "https://h/b/k?X-Amz-Signature=00";
	const struct agent_signed_request responses[] = {
		{ .method = "GET", .url = url, .expires_at = 1 },
		{ .method = "PUT",
		  .url = url,
		  .headers = { { "content-md5", "MDEyMw==" },
		               { "if-none-match", "*" } },
		  .header_count = 2,
		  .expires_at = 4102444800 },
	};
	const struct agent_pace pace = { .in_flight = AGENT_IN_FLIGHT_MAX,
		                         .pause_ms = AGENT_PAUSE_MAX };

	CHECK(presign_reply_encode(responses, 2, &pace, out) == 0);
}

static void urls_arrive_whole(void)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct agent_signed_request got[2];
	struct agent_pace pace;

	buffer_init(&out, VARLINK_FRAME_MAX);
	encode_urls(&out);
	CHECK(reply_decode(frame_of(&out), &reply) == 0);
	CHECK(presign_reply_decode(&reply, 2, got, &pace) == 0);
	CHECK(pace.in_flight == AGENT_IN_FLIGHT_MAX &&
	      pace.pause_ms == AGENT_PAUSE_MAX);
	CHECK(strcmp(got[0].method, "GET") == 0 && got[0].header_count == 0);
	CHECK(strcmp(got[1].url, "https://h/b/k?X-Amz-Signature=00") == 0);
	CHECK(got[1].header_count == 2 && got[1].expires_at == 4102444800);
	CHECK(strcmp(got[1].headers[0].name, "content-md5") == 0);
	CHECK(strcmp(got[1].headers[1].value, "*") == 0);
	agent_signed_request_clear(&got[0]);
	agent_signed_request_clear(&got[1]);
	CHECK(presign_reply_decode(&reply, 1, got, &pace) == -EBADMSG);
	CHECK(got[0].url == NULL);
}

#define URL_REPLY(method, url, headers, expires)                              \
	"{\"parameters\":{\"responses\":[{\"method\":" method ",\"url\":" url \
	",\"headers\":" headers ",\"expiresAt\":" expires "}]}}"

#define PACED(pace)                                                          \
	"{\"parameters\":{\"responses\":[{\"method\":\"GET\",\"url\":\"u\"," \
	"\"headers\":{},\"expiresAt\":1}],\"pace\":" pace "}}"

static void a_pace_may_lack_or_say_more(void)
{
	static const struct {
		const char *text;
		uint32_t in_flight, pause_ms;
	} cases[] = {
		{ URL_REPLY("\"GET\"", "\"u\"", "{}", "1"), 0, 0 },
		{ PACED("null"), 0, 0 },
		{ PACED("{\"inFlight\":1,\"pauseMs\":2}"), 1, 2 },
		{ PACED("{\"inFlight\":1,\"pauseMs\":0,\"new\":[]}"), 1, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_reply struct varlink_reply reply = { .error = "" };
		struct agent_pace pace = { .in_flight = 9, .pause_ms = 9 };
		struct agent_signed_request got;

		CHECK(reply_decode(bytes_of_text(cases[i].text), &reply) == 0);
		CHECK(presign_reply_decode(&reply, 1, &got, &pace) == 0);
		CHECK(pace.in_flight == cases[i].in_flight);
		CHECK(pace.pause_ms == cases[i].pause_ms);
		agent_signed_request_clear(&got);
	}
}

static void urls_that_could_break_a_request_are_refused(void)
{
	static const char *const bad[] = {
		URL_REPLY("\"\"", "\"u\"", "{}", "1"),
		URL_REPLY("\"GET \"", "\"u\"", "{}", "1"),
		URL_REPLY("\"LONGMETHOD\"", "\"u\"", "{}", "1"),
		URL_REPLY("\"GET\"", "\"\"", "{}", "1"),
		URL_REPLY("\"GET\"", "\"u u\"", "{}", "1"),
		URL_REPLY("\"GET\"", "\"u\\nu\"", "{}", "1"),
		URL_REPLY("\"GET\"", "\"u\xc3\xa9\"", "{}", "1"),
		URL_REPLY("\"GET\"", "\"u\"", "[]", "1"),
		URL_REPLY("\"GET\"", "\"u\"", "null", "1"),
		URL_REPLY("\"GET\"", "\"u\"", "{\"a\":1}", "1"),
		URL_REPLY("\"GET\"", "\"u\"", "{\"\":\"x\"}", "1"),
		URL_REPLY("\"GET\"", "\"u\"", "{\"a b\":\"x\"}", "1"),
		URL_REPLY("\"GET\"", "\"u\"", "{\"a:\":\"x\"}", "1"),
		URL_REPLY("\"GET\"", "\"u\"", "{\"a\":\"x\\r\\nb: y\"}", "1"),
		URL_REPLY("\"GET\"", "\"u\"",
		          "{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\","
		          "\"e\":\"\"}",
		          "1"),
		URL_REPLY("\"GET\"", "\"u\"", "{}", "-1"),
		URL_REPLY("\"GET\"", "\"u\"", "{}", "null"),
		"{\"parameters\":{\"responses\":[null]}}",
		PACED("1"),
		PACED("{}"),
		PACED("{\"inFlight\":0,\"pauseMs\":0}"),
		PACED("{\"inFlight\":65,\"pauseMs\":0}"),
		PACED("{\"inFlight\":1,\"pauseMs\":-1}"),
		PACED("{\"inFlight\":1,\"pauseMs\":60001}"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_reply struct varlink_reply reply = { .error = "" };
		struct agent_signed_request got;
		struct agent_pace pace;

		CHECK(reply_decode(bytes_of_text(bad[i]), &reply) == 0);
		CHECK(presign_reply_decode(&reply, 1, &got, &pace) == -EBADMSG);
		CHECK(got.url == NULL);
	}
}

/* As many URLs as fit are sent; one more is an error and leaves no trace. */
static void urls_that_do_not_fit_into_a_message_are_not_sent(void)
{
	static struct agent_signed_request responses[AGENT_BATCH_MAX];
	const struct agent_pace none = { .in_flight = 0 };
	char url[AGENT_URL_MAX + 1];
	cleanup_buffer struct buffer out;

	memset(url, 'u', sizeof(url) - 1);
	url[AGENT_URL_MAX] = '\0';
	for (size_t i = 0; i < AGENT_BATCH_MAX; i++) {
		responses[i] = (struct agent_signed_request){ .method = "GET",
			                                      .url = url };
	}
	buffer_init(&out, VARLINK_FRAME_MAX);
	CHECK(presign_reply_encode(responses, 100, &none, &out) == 0);
	buffer_rewind(&out);
	CHECK(presign_reply_encode(responses, AGENT_BATCH_MAX, &none, &out) ==
	      -EMSGSIZE);
	CHECK(out.len == 0 && buffer_end(&out) == 0);
}

static void encode_status(struct buffer *out)
{
	char text[] = "t\"\xc3\xa9", key[] = "k:AA==";
	char *keys[] = { key, key };
	struct agent_cache caches[] = {
		{
			.name = text,
			.store = text,
			.store_dir = text,
			.compression = text,
			.compression_level = 19,
			.in_flight = 12,
			.public_keys = { keys, 2, 2 },
			.sign_policy = SIGN_BUILT_HERE,
			.confirm = 1U << CONFIRM_UNLOCK | 1U << CONFIRM_SIGN,
		},
		{
			.name = text,
			.store = text,
			.store_dir = text,
			.compression = text,
			.compression_level = -1,
			.priority = -1,
			.public_keys = { keys, 1, 1 },
			.upstream_keys = { keys, 1, 1 },
			.sign_policy = SIGN_ANY,
		},
	};
	struct agent_measure measures[] = {
		{ "memfd_secret", "vault", MEASURE_WEAKER, "locked pages" },
	};
	const struct agent_status status = {
		.version = text,
		.pid = 4242,
		.state = AGENT_UNLOCKING,
		.caches = caches,
		.cache_count = 2,
		.lifetime_left = -1,
		.idle_left = 0,
		.signature_count = UINT64_MAX,
		.url_count = 2,
		.source_runs = 3,
		.measures = measures,
		.measure_count = 1,
		.scope = key,
		.audit = { .path = text,
		           .sequence = 12,
		           .head = "00ff",
		           .failure = key },
	};

	CHECK(status_reply_encode(&status, out) == 0);
}

static void check_status(const struct agent_status *got)
{
	CHECK(strcmp(got->version, "t\"\xc3\xa9") == 0 && got->pid == 4242);
	CHECK(got->state == AGENT_UNLOCKING && got->cache_count == 2);
	CHECK(got->caches[0].compression_level == 19);
	CHECK(got->caches[0].priority == 0);
	CHECK(got->caches[0].public_keys.count == 2);
	CHECK(got->caches[0].upstream_keys.count == 0);
	CHECK(got->caches[1].compression_level == -1);
	CHECK(got->caches[1].priority == -1);
	CHECK(strcmp(got->caches[1].upstream_keys.items[0], "k:AA==") == 0);
	CHECK(got->caches[0].sign_policy == SIGN_BUILT_HERE);
	CHECK(got->caches[0].confirm ==
	      (1U << CONFIRM_UNLOCK | 1U << CONFIRM_SIGN));
	CHECK(got->caches[1].sign_policy == SIGN_ANY);
	CHECK(got->caches[1].confirm == 0);
	CHECK(got->caches[0].in_flight == 12 && got->caches[1].in_flight == 0);
	CHECK(strcmp(got->scope, "k:AA==") == 0);
	CHECK(got->audit.sequence == 12 &&
	      strcmp(got->audit.path, "t\"\xc3\xa9") == 0 &&
	      strcmp(got->audit.head, "00ff") == 0 &&
	      strcmp(got->audit.failure, "k:AA==") == 0);
	CHECK(got->lifetime_left == -1 && got->idle_left == 0);
	CHECK(got->signature_count == 999999999999999999);
	CHECK(got->url_count == 2 && got->source_runs == 3);
	CHECK(got->measure_count == 1);
	CHECK(got->measures[0].state == MEASURE_WEAKER);
	CHECK(strcmp(got->measures[0].process, "vault") == 0);
	CHECK(strcmp(got->measures[0].detail, "locked pages") == 0);
}

static void a_status_arrives_whole(void)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct agent_status got;

	buffer_init(&out, VARLINK_FRAME_MAX);
	encode_status(&out);
	CHECK(reply_decode(frame_of(&out), &reply) == 0);
	CHECK(status_reply_decode(&reply, &got) == 0);
	check_status(&got);
	agent_status_clear(&got);
}

static bool status_is_refused(const char *text)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	struct agent_status got;
	int rc;

	CHECK(reply_decode(bytes_of_text(text), &reply) == 0);
	rc = status_reply_decode(&reply, &got);
	if (rc == 0)
		agent_status_clear(&got);
	return rc == -EBADMSG;
}

/* Spoils each member of object, which is part of whole. */
static void spoil_status(struct json_object *whole, struct json_object *object)
{
	struct json_object_iterator at = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		const char *name = json_object_iter_peek_name(&at);
		struct json_object *kept =
			json_object_get(json_object_iter_peek_value(&at));

		(void)json_object_object_add(object, name,
		                             json_object_new_boolean(false));
		CHECK(status_is_refused(json_object_to_json_string(whole)));
		(void)json_object_object_add(object, name, kept);
	}
	(void)json_object_object_add(object, "later", json_object_new_int(1));
	CHECK(!status_is_refused(json_object_to_json_string(whole)));
}

static void a_status_of_other_types_is_refused(void)
{
	cleanup_buffer struct buffer out;
	struct json_object *whole, *parameters;
	static const char *const lists[] = { "caches", "hardening" };

	buffer_init(&out, VARLINK_FRAME_MAX);
	encode_status(&out);
	whole = json_tokener_parse((const char *)out.data);
	parameters = json_object_object_get(whole, "parameters");
	spoil_status(whole, parameters);
	for (size_t i = 0; i < 2; i++) {
		spoil_status(whole, json_object_array_get_idx(
					    json_object_object_get(parameters,
		                                                   lists[i]),
					    0));
	}
	(void)json_object_put(whole);
}

static void unlocking_is_told_step_by_step(void)
{
	cleanup_buffer struct buffer out;

	buffer_init(&out, VARLINK_FRAME_MAX);
	for (int i = AGENT_LOCKED; i <= AGENT_UNLOCKED; i++) {
		cleanup_reply struct varlink_reply reply = { .error = "" };
		enum agent_state state = AGENT_LOCKED;

		buffer_rewind(&out);
		CHECK(unlock_reply_encode((enum agent_state)i,
		                          i == AGENT_UNLOCKING, &out) == 0);
		CHECK(reply_decode(frame_of(&out), &reply) == 0);
		CHECK(reply.continues == (i == AGENT_UNLOCKING));
		CHECK(unlock_reply_decode(&reply, &state) == 0);
		CHECK(state == (enum agent_state)i);
	}
}

static void every_truncation_of_a_reply_is_refused(void)
{
	void (*const encoders[])(struct buffer *) = { encode_signatures,
		                                      encode_urls,
		                                      encode_status };

	for (size_t i = 0; i < 3; i++) {
		cleanup_buffer struct buffer out;

		buffer_init(&out, VARLINK_FRAME_MAX);
		encoders[i](&out);
		for (size_t len = 0; len + 1 < out.len; len++) {
			struct varlink_reply reply;

			CHECK(reply_decode((struct bytes){ out.data, len },
			                   &reply) == -EBADMSG);
		}
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "signatures arrive whole", signatures_arrive_whole },
		{ "signatures of something else are refused",
		  signatures_of_something_else_are_refused },
		{ "URLs arrive whole", urls_arrive_whole },
		{ "a pace may lack, or say more", a_pace_may_lack_or_say_more },
		{ "URLs that could break a request are refused",
		  urls_that_could_break_a_request_are_refused },
		{ "URLs that do not fit into a message are not sent",
		  urls_that_do_not_fit_into_a_message_are_not_sent },
		{ "a status arrives whole", a_status_arrives_whole },
		{ "a status of other types is refused",
		  a_status_of_other_types_is_refused },
		{ "unlocking is told step by step",
		  unlocking_is_told_step_by_step },
		{ "every truncation of a reply is refused",
		  every_truncation_of_a_reply_is_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
