/* The calls of Sign and Presign, from the client to the agent. */
#include "tests/lib/test.h"

#include "protocol/s3/object_key.h"
#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"

#include <json-c/json.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE_A "00000000000000000000000000000000-a"
#define BASE_B "11111111111111111111111111111111-b"
#define BASE_C "22222222222222222222222222222222-c-1.0"

/* The message without its NUL. */
static struct bytes frame_of(const struct buffer *b)
{
	CHECK(b->len > 0 && b->data[b->len - 1] == '\0');
	return (struct bytes){ b->data, b->len - 1 };
}

static int decode_text(const char *text, struct varlink_call *ret_call)
{
	return call_decode(bytes_of_text(text), ret_call);
}

static void fill_path(struct path_info *info, const char *base, uint8_t byte,
                      uint64_t size)
{
	*info = (struct path_info){ .nar_size = size };
	memcpy(info->base, base, strlen(base) + 1);
	memset(info->nar_hash.sha256, byte, NIX_HASH_LEN);
}

/* Two paths; the second refers to itself and to another. */
static void encode_sign(struct buffer *out)
{
	struct path_info a, b;
	const struct path_info *paths[] = { &a, &b };

	fill_path(&a, BASE_A, 0x01, 1);
	fill_path(&b, BASE_B, 0xff, 999999999999999999);
	CHECK(strings_add(&b.references, BASE_B, strlen(BASE_B)) == 0);
	CHECK(strings_add(&b.references, BASE_C, strlen(BASE_C)) == 0);
	CHECK(sign_call_encode("dev", "/nix/store", paths, 2, out) == 0);
	path_info_clear(&b);
}

static void encode_presign(struct buffer *out)
{
	const struct agent_pressure pressure = { .slow_downs = 3,
		                                 .successes = AGENT_ANSWERS_MAX,
		                                 .pause_ms = AGENT_PAUSE_MAX };
	struct s3_object_request requests[2] = {
		{ .operation = S3_HEAD_OBJECT,
		  .key = bytes_of_text("nix-cache-info") },
		{
			.operation = S3_DELETE_OBJECT,
			.key = bytes_of_text("nar/x.nar"),
			.expires = S3_EXPIRES_MAX,
			.has_content_length = true,
			.content_length = S3_CONTENT_MAX,
			.has_content_md5 = true,
			.content_md5 = "0123456789abcde",
			.if_none_match = true,
			.upload_id = bytes_of_text("u\"\\\xc3\xa9"),
			.part_number = S3_PART_MAX,
			.prefix = bytes_of_text("nar/"),
			.start_after = bytes_of_text("s"),
			.continuation_token = bytes_of_text("1/+="),
			.key_marker = bytes_of_text("k"),
			.upload_id_marker = bytes_of_text("m"),
			.max_keys = S3_MAX_KEYS_MAX,
			.part_number_marker = 7,
		},
	};

	CHECK(presign_call_encode("dev", requests, 2, &pressure, out) == 0);
}

static void a_sign_call_arrives_whole(void)
{
	cleanup_sign_call struct sign_call sign = { .paths = NULL };
	cleanup_call struct varlink_call call = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct error_reply error;

	buffer_init(&out, VARLINK_FRAME_MAX);
	encode_sign(&out);
	CHECK(call_decode(frame_of(&out), &call) == 0);
	CHECK(strcmp(call.method, "io.nixcache.Agent.Sign") == 0);
	CHECK(sign_call_decode(&call, &sign, &error) == CALL_OK);
	call_clear(&call);

	CHECK(strcmp(sign.cache, "dev") == 0 && sign.count == 2);
	CHECK(strcmp(sign.paths[0].store_path, "/nix/store/" BASE_A) == 0);
	CHECK(sign.paths[0].nar_hash.sha256[31] == 0x01);
	CHECK(sign.paths[0].nar_size == 1);
	CHECK(sign.paths[0].references.count == 0);
	CHECK(sign.paths[1].nar_hash.sha256[0] == 0xff);
	CHECK(sign.paths[1].nar_size == 999999999999999999);
	CHECK(sign.paths[1].references.count == 2);
	CHECK(strcmp(sign.paths[1].references.items[1], "/nix/store/" BASE_C) ==
	      0);
}

static bool text_is(struct bytes text, const char *want)
{
	return bytes_equal(text, bytes_of_text(want));
}

static void check_full_request(const struct s3_object_request *r)
{
	CHECK(r->operation == S3_DELETE_OBJECT);
	CHECK(text_is(r->key, "nar/x.nar") && r->expires == S3_EXPIRES_MAX);
	CHECK(r->has_content_length && r->content_length == S3_CONTENT_MAX);
	CHECK(r->has_content_md5 &&
	      memcmp(r->content_md5, "0123456789abcde", S3_MD5_LEN) == 0);
	CHECK(r->if_none_match && r->part_number == S3_PART_MAX);
	CHECK(text_is(r->upload_id, "u\"\\\xc3\xa9"));
	CHECK(text_is(r->prefix, "nar/") && text_is(r->start_after, "s"));
	CHECK(text_is(r->continuation_token, "1/+="));
	CHECK(text_is(r->key_marker, "k") && text_is(r->upload_id_marker, "m"));
	CHECK(r->max_keys == S3_MAX_KEYS_MAX && r->part_number_marker == 7);
}

static void a_presign_call_arrives_whole(void)
{
	cleanup_presign_call struct presign_call presign = { .texts = NULL };
	cleanup_call struct varlink_call call = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct error_reply error;

	buffer_init(&out, VARLINK_FRAME_MAX);
	encode_presign(&out);
	CHECK(call_decode(frame_of(&out), &call) == 0);
	CHECK(presign_call_decode(&call, &presign, &error) == CALL_OK);
	call_clear(&call);

	CHECK(strcmp(presign.cache, "dev") == 0 && presign.count == 2);
	CHECK(presign.requests[0].operation == S3_HEAD_OBJECT);
	CHECK(text_is(presign.requests[0].key, "nix-cache-info"));
	CHECK(presign.requests[0].expires == 0);
	CHECK(!presign.requests[0].has_content_length);
	CHECK(!presign.requests[0].has_content_md5);
	CHECK(presign.requests[0].upload_id.data == NULL);
	check_full_request(&presign.requests[1]);
	CHECK(presign.pressure.slow_downs == 3 &&
	      presign.pressure.successes == AGENT_ANSWERS_MAX &&
	      presign.pressure.pause_ms == AGENT_PAUSE_MAX);
}

static void without_pressure_nothing_is_said_of_it(void)
{
	const struct s3_object_request request = { .operation = S3_GET_OBJECT };
	const struct agent_pressure none = { .slow_downs = 0 };
	cleanup_presign_call struct presign_call presign = { .texts = NULL };
	cleanup_call struct varlink_call call = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct error_reply error;

	buffer_init(&out, VARLINK_FRAME_MAX);
	CHECK(presign_call_encode("dev", &request, 1, &none, &out) == 0);
	CHECK(!strstr((const char *)out.data, "pressure"));
	CHECK(call_decode(frame_of(&out), &call) == 0);
	CHECK(presign_call_decode(&call, &presign, &error) == CALL_OK);
	CHECK(presign.pressure.slow_downs == 0 &&
	      presign.pressure.successes == 0 &&
	      presign.pressure.pause_ms == 0);
}

static void every_truncation_is_refused(void)
{
	void (*const encoders[])(struct buffer *) = { encode_sign,
		                                      encode_presign };

	for (size_t i = 0; i < 2; i++) {
		cleanup_buffer struct buffer out;

		buffer_init(&out, VARLINK_FRAME_MAX);
		encoders[i](&out);
		for (size_t len = 0; len + 1 < out.len; len++) {
			struct varlink_call call;

			CHECK(call_decode((struct bytes){ out.data, len },
			                  &call) == -EBADMSG);
		}
	}
}

/* Decodes a call as the method that it names says: the name of the refused
 * field, or "" if all is well. */
static const char *refused_field(const char *text, struct error_reply *error)
{
	cleanup_call struct varlink_call call = { .parameters = NULL };
	cleanup_sign_call struct sign_call sign = { .paths = NULL };
	cleanup_presign_call struct presign_call presign = { .texts = NULL };
	int rc;

	error->text[0] = '\0';
	CHECK(decode_text(text, &call) == 0);
	if (strstr(call.method, ".Sign")) {
		rc = sign_call_decode(&call, &sign, error);
	} else {
		rc = presign_call_decode(&call, &presign, error);
	}
	CHECK((rc == CALL_OK) == (error->text[0] == '\0'));
	CHECK(rc == CALL_OK || error->error == ERROR_INVALID_PARAMETER);
	return error->text;
}

/* The value in another type; NULL for null, which a required field may not be
 * and an optional one may. */
static struct json_object *wrong_value(struct json_object *value, int which)
{
	struct json_object *const all[] = {
		json_object_new_string("x\\"), json_object_new_int(-1),
		json_object_new_boolean(true), json_object_new_array(),
		json_object_new_object(),
	};
	struct json_object *wrong = NULL;

	for (int i = 0; i < 5; i++) {
		if (i == which &&
		    json_object_get_type(all[i]) != json_object_get_type(value))
			wrong = json_object_get(all[i]);
		(void)json_object_put(all[i]);
	}
	return wrong;
}

/* Spoils each member of object in turn; whole is what it is part of. */
static void spoil_members(struct json_object *whole, struct json_object *object)
{
	struct json_object_iterator at = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);
	struct error_reply error;

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		const char *name = json_object_iter_peek_name(&at);
		struct json_object *kept =
			json_object_get(json_object_iter_peek_value(&at));

		for (int which = 0; which < 5; which++) {
			struct json_object *wrong = wrong_value(kept, which);

			if (!wrong)
				continue;
			(void)json_object_object_add(object, name, wrong);
			CHECK(strcmp(refused_field(
					     json_object_to_json_string(whole),
					     &error),
			             name) == 0);
		}
		(void)json_object_object_add(object, name, kept);
	}

	(void)json_object_object_add(object, "zzz", NULL);
	CHECK(strcmp(refused_field(json_object_to_json_string(whole), &error),
	             "zzz") == 0);
	json_object_object_del(object, "zzz");
}

static void wrong_types_and_unknown_fields_are_named(void)
{
	void (*const encoders[])(struct buffer *) = { encode_sign,
		                                      encode_presign };
	static const char *const items[] = { "paths", "requests" };

	for (size_t i = 0; i < 2; i++) {
		cleanup_buffer struct buffer out;
		struct json_object *whole, *parameters;
		struct error_reply error;

		buffer_init(&out, VARLINK_FRAME_MAX);
		encoders[i](&out);
		whole = json_tokener_parse((const char *)out.data);
		parameters = json_object_object_get(whole, "parameters");
		CHECK(strcmp(refused_field((const char *)out.data, &error),
		             "") == 0);
		spoil_members(whole, parameters);
		spoil_members(whole, json_object_array_get_idx(
					     json_object_object_get(parameters,
		                                                    items[i]),
					     1));
		if (json_object_object_get(parameters, "pressure")) {
			spoil_members(whole, json_object_object_get(
						     parameters, "pressure"));
		}
		(void)json_object_put(whole);
	}
}

#define SIGN(items) \
	"{\"method\":\"io.nixcache.Agent.Sign\",\"parameters\":" items "}"
#define PRESIGN(items) \
	"{\"method\":\"io.nixcache.Agent.Presign\",\"parameters\":" items "}"
#define HASH "sha256:0000000000000000000000000000000000000000000000000000"
#define ONE_PATH(hash, size, references)                            \
	SIGN("{\"cache\":\"c\",\"paths\":[{\"storePath\":\"/s/x\"," \
	     "\"narHash\":\"" hash "\",\"narSize\":" size           \
	     ",\"references\":[" references "]}]}")
#define ONE_REQUEST(members)                                     \
	PRESIGN("{\"cache\":\"c\",\"requests\":[{\"operation\":" \
	        "\"GetObject\"" members "}]}")

#define GET "{\"operation\":\"GetObject\"}"
#define PRESSED(slow_downs, successes, pause)                            \
	PRESIGN("{\"cache\":\"c\",\"requests\":[" GET "],\"pressure\":"  \
	        "{\"slowDowns\":" slow_downs ",\"successes\":" successes \
	        ",\"pauseMs\":" pause "}}")

static void values_out_of_range_are_named(void)
{
	static const struct {
		const char *field;
		const char *text;
	} cases[] = {
		{ "cache", SIGN("{}") },
		{ "paths", SIGN("{\"cache\":\"c\"}") },
		{ "paths", SIGN("{\"cache\":\"c\",\"paths\":[]}") },
		{ "paths", SIGN("{\"cache\":\"c\",\"paths\":[null]}") },
		{ "paths", SIGN("{\"cache\":\"c\",\"paths\":[[]]}") },
		{ "storePath", SIGN("{\"cache\":\"c\",\"paths\":[{}]}") },
		{ "", ONE_PATH(HASH, "1", "") },
		{ "narHash", ONE_PATH("sha256:00", "1", "") },
		{ "narHash", ONE_PATH("md5:0", "1", "") },
		{ "narHash",
		  ONE_PATH("sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		           "1", "") },
		{ "narSize", ONE_PATH(HASH, "0", "") },
		{ "narSize", ONE_PATH(HASH, "-1", "") },
		{ "references", ONE_PATH(HASH, "1", "\"/s/a\",1") },
		{ "references", ONE_PATH(HASH, "1", "null") },
		{ "references", ONE_PATH(HASH, "1", "\"\"") },
		{ "", ONE_REQUEST("") },
		{ "", ONE_REQUEST(",\"key\":\"\",\"prefix\":null") },
		{ "requests", PRESIGN("{\"cache\":\"c\",\"requests\":[1]}") },
		{ "operation",
		  PRESIGN("{\"cache\":\"c\",\"requests\":[{\"operation\":"
		          "\"getobject\"}]}") },
		{ "expires", ONE_REQUEST(",\"expires\":0") },
		{ "expires", ONE_REQUEST(",\"expires\":3601") },
		{ "contentLength", ONE_REQUEST(",\"contentLength\":-1") },
		{ "contentLength",
		  ONE_REQUEST(",\"contentLength\":5368709121") },
		{ "contentMd5", ONE_REQUEST(",\"contentMd5\":\"\"") },
		{ "contentMd5",
		  ONE_REQUEST(",\"contentMd5\":\"MDEyMzQ1Njc4OWFiY2Rl\"") },
		{ "partNumber", ONE_REQUEST(",\"partNumber\":0") },
		{ "partNumber", ONE_REQUEST(",\"partNumber\":10001") },
		{ "partNumber", ONE_REQUEST(",\"partNumber\":4294967297") },
		{ "maxKeys", ONE_REQUEST(",\"maxKeys\":0") },
		{ "maxKeys", ONE_REQUEST(",\"maxKeys\":1001") },
		{ "partNumberMarker", ONE_REQUEST(",\"partNumberMarker\":-1") },
		{ "", PRESSED("0", "0", "0") },
		{ "", PRESSED("1000000", "1000000", "60000") },
		{ "slowDowns", PRESSED("1000001", "0", "0") },
		{ "slowDowns", PRESSED("-1", "0", "0") },
		{ "successes", PRESSED("0", "1000001", "0") },
		{ "pauseMs", PRESSED("0", "0", "60001") },
		{ "pressure", PRESIGN("{\"cache\":\"c\",\"requests\":[" GET
		                      "],\"pressure\":1}") },
		{ "slowDowns", PRESIGN("{\"cache\":\"c\",\"requests\":[" GET
		                       "],\"pressure\":{}}") },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error_reply error;

		CHECK(strcmp(refused_field(cases[i].text, &error),
		             cases[i].field) == 0);
	}
}

static void refused_text_of_len(size_t len, const char *field, bool is_refused)
{
	cleanup_buffer struct buffer b;
	struct error_reply error;

	buffer_init(&b, VARLINK_FRAME_MAX);
	buffer_append_text(&b, "{\"method\":\"io.nixcache.Agent.Presign\","
	                       "\"parameters\":{\"cache\":\"c\",\"requests\":"
	                       "[{\"operation\":\"GetObject\",\"");
	buffer_append_text(&b, field);
	buffer_append_text(&b, "\":\"");
	for (size_t i = 0; i < len; i++)
		buffer_append_char(&b, 'x');
	buffer_append_text(&b, "\"}]}}");
	CHECK(strcmp(refused_field(buffer_text(&b), &error),
	             is_refused ? field : "") == 0);
}

static void every_text_has_a_limit(void)
{
	static const struct {
		const char *field;
		size_t max;
	} cases[] = {
		{ "key", OBJECT_KEY_MAX },
		{ "prefix", OBJECT_KEY_MAX },
		{ "startAfter", OBJECT_KEY_MAX },
		{ "keyMarker", OBJECT_KEY_MAX },
		{ "uploadId", S3_UPLOAD_ID_MAX },
		{ "uploadIdMarker", S3_UPLOAD_ID_MAX },
		{ "continuationToken", S3_TOKEN_MAX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		refused_text_of_len(cases[i].max, cases[i].field, false);
		refused_text_of_len(cases[i].max + 1, cases[i].field, true);
	}
}

static void a_batch_has_a_limit(void)
{
	for (size_t count = AGENT_BATCH_MAX; count <= AGENT_BATCH_MAX + 1;
	     count++) {
		static const struct s3_object_request
			requests[AGENT_BATCH_MAX + 1] = {
				{ .operation = S3_GET_OBJECT },
			};
		const struct agent_pressure none = { .slow_downs = 0 };
		struct path_info info;
		const struct path_info *paths[AGENT_BATCH_MAX + 1];
		cleanup_buffer struct buffer out;
		struct error_reply error;

		fill_path(&info, BASE_A, 0, 1);
		for (size_t i = 0; i < count; i++)
			paths[i] = &info;
		buffer_init(&out, VARLINK_FRAME_MAX);
		CHECK(presign_call_encode("c", requests, count, &none, &out) ==
		      0);
		CHECK(strcmp(refused_field((const char *)out.data, &error),
		             count > AGENT_BATCH_MAX ? "requests" : "") == 0);
		buffer_rewind(&out);
		CHECK(sign_call_encode("c", "/s", paths, count, &out) == 0);
		CHECK(strcmp(refused_field((const char *)out.data, &error),
		             count > AGENT_BATCH_MAX ? "paths" : "") == 0);
	}
}

static void references_come_sorted_and_once(void)
{
	cleanup_call struct varlink_call call = { .parameters = NULL };
	cleanup_sign_call struct sign_call sign = { .paths = NULL };
	struct error_reply error;

	CHECK(decode_text(ONE_PATH(HASH, "1",
	                           "\"/s/b\",\"/s/a\",\"/s/b\",\"/s/c\""),
	                  &call) == 0);
	CHECK(sign_call_decode(&call, &sign, &error) == CALL_OK);
	CHECK(sign.paths[0].references.count == 3);
	CHECK(strcmp(sign.paths[0].references.items[0], "/s/a") == 0);
	CHECK(strcmp(sign.paths[0].references.items[2], "/s/c") == 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a Sign call arrives whole", a_sign_call_arrives_whole },
		{ "a Presign call arrives whole",
		  a_presign_call_arrives_whole },
		{ "without pressure nothing is said of it",
		  without_pressure_nothing_is_said_of_it },
		{ "every truncation is refused", every_truncation_is_refused },
		{ "wrong types and unknown fields are named",
		  wrong_types_and_unknown_fields_are_named },
		{ "values out of range are named",
		  values_out_of_range_are_named },
		{ "every text has a limit", every_text_has_a_limit },
		{ "a batch has a limit", a_batch_has_a_limit },
		{ "references come sorted, and once",
		  references_come_sorted_and_once },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
