#include "agent/door/submit.h"
#include "protocol/base/cursor.h"
#include "tests/lib/door_rig.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_A "0a000000000000000000000000000000"
#define HASH_B "0b000000000000000000000000000000"
#define PATH_A STORE_DIR_DEFAULT "/" HASH_A "-a"
#define PATH_B STORE_DIR_DEFAULT "/" HASH_B "-b"
#define NAR    "nar/0000000000000000000000000000000000000000000000000001.nar"

enum {
	CACHE_MAIN,
	CACHE_FOLDER
};

/* A door without a process, and one call. */
struct desk {
	struct door_rig rig;
	struct door *door;
	struct work work;
	struct buffer reply;
};

static void desk_open(struct desk *desk, enum agent_method method)
{
	door_rig_init(&desk->rig);
	desk->door = calloc(1, sizeof(*desk->door));
	if (!desk->door)
		abort();
	desk->door->config = &desk->rig.config;
	desk->door->references =
		calloc(WIRE_REFERENCES_MAX, sizeof(*desk->door->references));
	vault_link_init(&desk->door->vault);
	buffer_init(&desk->reply, VARLINK_FRAME_MAX);
	desk->work = (struct work){ .method = method, .id = 0x1234 };
}

static void desk_close(struct desk *desk)
{
	struct sign_call *sign = &desk->work.sign;

	/* Those of a call that was decoded are borrowed. */
	for (size_t i = 0; i < sign->count; i++) {
		free(sign->paths[i].store_path);
		strings_clear(&sign->paths[i].references);
	}
	work_clear(&desk->work);
	buffer_clear(&desk->reply);
	vault_link_detach(&desk->door->vault);
	free(desk->door->references);
	free(desk->door);
}

/* The path is copied; NULL references: none. */
static void add_path(struct desk *desk, const char *path, const char *reference)
{
	struct sign_call *sign = &desk->work.sign;

	sign->paths = reallocarray(sign->paths, sign->count + 1,
	                           sizeof(*sign->paths));
	if (!sign->paths)
		abort();
	sign->paths[sign->count] = (struct sign_path){
		.nar_hash = { { (uint8_t)(sign->count + 1) } },
		.nar_size = 100 + sign->count,
	};
	sign->paths[sign->count].store_path = strdup(path);
	if (reference) {
		CHECK(strings_add(&sign->paths[sign->count].references,
		                  reference, strlen(reference)) == 0);
	}
	sign->count++;
}

static void add_request(struct desk *desk,
                        const struct s3_object_request *request)
{
	struct presign_call *presign = &desk->work.presign;

	presign->requests = reallocarray(presign->requests, presign->count + 1,
	                                 sizeof(*presign->requests));
	if (!presign->requests)
		abort();
	presign->requests[presign->count++] = *request;
}

static void good_paths_are_let_through(void)
{
	static struct desk desk;
	struct error_reply error;

	desk_open(&desk, AGENT_METHOD_SIGN);
	add_path(&desk, PATH_A, NULL);
	add_path(&desk, PATH_B, PATH_A);
	CHECK(submit_check_sign(desk.door, &desk.work, &error) == CALL_OK);
	desk_close(&desk);
}

/* A call of two paths, the second of which is wrong in that parameter. */
static void check_refused(const char *path, const char *reference,
                          const char *parameter)
{
	static struct desk desk;
	struct error_reply error;

	desk_open(&desk, AGENT_METHOD_SIGN);
	add_path(&desk, PATH_B, PATH_A);
	add_path(&desk, path, reference);
	if (submit_check_sign(desk.door, &desk.work, &error) !=
	            CALL_E_REFUSED ||
	    error.error != ERROR_INVALID_PARAMETER ||
	    strcmp(error.text, parameter) != 0)
		test_fail(reference ? reference : path, 0, "let through");
	desk_close(&desk);
}

static void paths_that_are_none_are_refused(void)
{
	static const char *const paths[] = {
		"",
		HASH_A "-a",
		STORE_DIR_DEFAULT,
		STORE_DIR_DEFAULT "/",
		STORE_DIR_DEFAULT "/" HASH_A,
		STORE_DIR_DEFAULT "/" HASH_A "-",
		STORE_DIR_DEFAULT "/" HASH_A "-a/b",
		STORE_DIR_DEFAULT "/" HASH_A "-a ",
		STORE_DIR_DEFAULT "/" HASH_A "-a;b",
		STORE_DIR_DEFAULT "/" HASH_A "-a,/nix",
		STORE_DIR_DEFAULT "//" HASH_A "-a",
		STORE_DIR_DEFAULT "/../" HASH_A "-a",
		"/gnu/store/" HASH_A "-a",
		"/nix/storf/" HASH_A "-a",
		STORE_DIR_DEFAULT "/0e000000000000000000000000000000-a",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		check_refused(paths[i], NULL, "storePath");
		check_refused(PATH_A, paths[i], "references");
	}
}

static void too_many_references_are_refused(void)
{
	for (int over = 0; over < 2; over++) {
		static struct desk desk;
		struct error_reply error;
		size_t count = WIRE_REFERENCES_MAX + (size_t)over;

		desk_open(&desk, AGENT_METHOD_SIGN);
		add_path(&desk, PATH_A, NULL);
		for (size_t i = 0; i < count; i++) {
			CHECK(strings_add(&desk.work.sign.paths[0].references,
			                  PATH_B, strlen(PATH_B)) == 0);
		}
		CHECK(submit_check_sign(desk.door, &desk.work, &error) ==
		      (over ? CALL_E_REFUSED : CALL_OK));
		CHECK(!over || strcmp(error.text, "references") == 0);
		desk_close(&desk);
	}
}

static void a_cache_without_a_key_signs_nothing(void)
{
	static struct desk desk;
	struct error_reply error;

	desk_open(&desk, AGENT_METHOD_SIGN);
	desk.work.cache = CACHE_FOLDER;
	add_path(&desk, PATH_A, NULL);
	CHECK(submit_check_sign(desk.door, &desk.work, &error) ==
	      CALL_E_REFUSED);
	CHECK(error.error == ERROR_NOT_SUPPORTED);
	CHECK(strcmp(error.cache, "folder") == 0);
	CHECK(strstr(error.text, "signing-key") != NULL);
	desk_close(&desk);
}

static void a_folder_has_no_urls(void)
{
	const struct s3_object_request get = { .operation = S3_GET_OBJECT,
		                               .key = bytes_of_text(NAR) };
	static struct desk desk;
	struct error_reply error;

	desk_open(&desk, AGENT_METHOD_PRESIGN);
	desk.work.cache = CACHE_FOLDER;
	add_request(&desk, &get);
	CHECK(submit_check_presign(desk.door, &desk.work, &error) ==
	      CALL_E_REFUSED);
	CHECK(error.error == ERROR_NOT_SUPPORTED);
	CHECK(strcmp(error.cache, "folder") == 0);
	desk_close(&desk);
}

static void requests_that_break_their_grammar_are_refused(void)
{
	const struct s3_object_request good = { .operation = S3_GET_OBJECT,
		                                .key = bytes_of_text(NAR) };
	const struct {
		struct s3_object_request request;
		const char *field;
	} cases[] = {
		{ good, NULL },
		{ { .operation = S3_GET_OBJECT }, "key" },
		{ { .operation = S3_GET_OBJECT,
		    .key = bytes_of_text("../secret") },
		  "key" },
		{ { .operation = S3_PUT_OBJECT, .key = bytes_of_text(NAR) },
		  "contentLength" },
		{ { .operation = S3_GET_OBJECT,
		    .key = bytes_of_text(NAR),
		    .expires = S3_EXPIRES_MAX + 1 },
		  "expires" },
		{ { .operation = S3_GET_OBJECT,
		    .key = bytes_of_text(NAR),
		    .part_number = 1 },
		  "partNumber" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct desk desk;
		struct error_reply error = { .text = "" };
		int rc;

		desk_open(&desk, AGENT_METHOD_PRESIGN);
		add_request(&desk, &good);
		add_request(&desk, &cases[i].request);
		rc = submit_check_presign(desk.door, &desk.work, &error);
		CHECK(rc == (cases[i].field ? CALL_E_REFUSED : CALL_OK));
		if (cases[i].field && strcmp(error.text, cases[i].field) != 0)
			test_fail(cases[i].field, (int)i, error.text);
		desk_close(&desk);
	}
}

static void every_path_becomes_a_frame_with_its_tag(void)
{
	static struct bytes references[WIRE_REFERENCES_MAX];
	static struct desk desk;
	struct wire_frame frame;
	struct vault_sign sign;

	desk_open(&desk, AGENT_METHOD_SIGN);
	add_path(&desk, PATH_A, NULL);
	add_path(&desk, PATH_B, PATH_A);
	CHECK(submit_work(desk.door, &desk.work, SIZE_MAX) == 0);
	for (size_t i = 0; i < 2; i++) {
		struct buffer *out = &desk.door->vault.out;

		CHECK(wire_next(buffer_bytes(out), &frame) == 1);
		CHECK(frame.type == VAULT_SIGN);
		CHECK(frame.tag == (0x1234ULL << SUBMIT_ITEM_BITS | i));
		CHECK(submit_work_id(frame.tag) == 0x1234);
		CHECK(wire_get_sign(frame.body, references, &sign) == 0);
		CHECK(bytes_equal(sign.base, bytes_of_text(i ? HASH_B "-b"
		                                             : HASH_A "-a")));
		CHECK(sign.nar_size == 100 + i && sign.cache == CACHE_MAIN);
		CHECK(sign.nar_hash.sha256[0] == i + 1);
		CHECK(sign.reference_count == i);
		CHECK(!i ||
		      bytes_equal(references[0], bytes_of_text(HASH_A "-a")));
		buffer_consume(out, frame.size);
	}
	CHECK(desk.door->vault.out.len == 0);
	desk_close(&desk);
}

static struct wire_frame frame_of(enum vault_type type, const struct work *work,
                                  size_t item, struct bytes body)
{
	return (struct wire_frame){
		.type = type,
		.tag = work->id << SUBMIT_ITEM_BITS | item,
		.body = body,
	};
}

static void put_url(struct buffer *out, const char *url)
{
	buffer_rewind(out);
	buffer_put_u64(out, 99);
	buffer_put_bytes(out, bytes_of_text(url));
}

static bool has_replied(struct desk *desk, const char *text)
{
	const struct agent_pace none = { .in_flight = 0 };

	return submit_end_reply(&desk->work, &none, &desk->reply) == 0 &&
	       strcmp((const char *)desk->reply.data, text) == 0;
}

static void signed_requests_name_the_headers_that_were_signed(void)
{
	const struct s3_object_request get = { .operation = S3_GET_OBJECT,
		                               .key = bytes_of_text(NAR) };
	const struct s3_object_request put = {
		.operation = S3_PUT_OBJECT,
		.key = bytes_of_text(NAR),
		.has_content_length = true,
		.content_length = S3_CONTENT_MAX,
		.has_content_md5 = true,
		.content_md5 = "0123456789abcde",
		.if_none_match = true,
	};
	static struct desk desk;
	struct error_reply error;
	struct wire_frame frame;
	struct buffer body;

	desk_open(&desk, AGENT_METHOD_PRESIGN);
	buffer_init(&body, WIRE_FRAME_MAX);
	add_request(&desk, &put);
	add_request(&desk, &get);
	CHECK(submit_check_presign(desk.door, &desk.work, &error) == CALL_OK);

	put_url(&body, "https://x/0");
	frame = frame_of(VAULT_URL, &desk.work, 0, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == 0);
	put_url(&body, "https://x/1");
	frame = frame_of(VAULT_URL, &desk.work, 1, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == 0);
	CHECK(has_replied(
		&desk,
		"{\"parameters\":{\"responses\":["
		"{\"method\":\"PUT\",\"url\":\"https://x/0\",\"headers\":{"
		"\"content-length\":\"5368709120\","
		"\"content-md5\":\"MDEyMzQ1Njc4OWFiY2RlAA==\","
		"\"if-none-match\":\"*\"},\"expiresAt\":99},"
		"{\"method\":\"GET\",\"url\":\"https://x/1\",\"headers\":{},"
		"\"expiresAt\":99}]}}"));
	buffer_clear(&body);
	desk_close(&desk);
}

static void an_empty_object_has_a_length_too(void)
{
	const struct s3_object_request put = { .operation = S3_PUT_OBJECT,
		                               .key = bytes_of_text(NAR),
		                               .has_content_length = true };
	static struct desk desk;
	struct error_reply error;
	struct wire_frame frame;
	struct buffer body;

	desk_open(&desk, AGENT_METHOD_PRESIGN);
	buffer_init(&body, WIRE_FRAME_MAX);
	add_request(&desk, &put);
	CHECK(submit_check_presign(desk.door, &desk.work, &error) == CALL_OK);
	put_url(&body, "https://x/");
	frame = frame_of(VAULT_URL, &desk.work, 0, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == 0);
	CHECK(has_replied(&desk,
	                  "{\"parameters\":{\"responses\":[{\"method\":\"PUT\","
	                  "\"url\":\"https://x/\",\"headers\":{"
	                  "\"content-length\":\"0\"},\"expiresAt\":99}]}}"));
	buffer_clear(&body);
	desk_close(&desk);
}

static void signatures_go_to_their_path(void)
{
	static struct desk desk;
	struct error_reply error;
	struct wire_frame frame;
	struct buffer body;

	desk_open(&desk, AGENT_METHOD_SIGN);
	buffer_init(&body, WIRE_FRAME_MAX);
	add_path(&desk, PATH_A, NULL);
	add_path(&desk, PATH_B, NULL);
	CHECK(submit_check_sign(desk.door, &desk.work, &error) == CALL_OK);
	buffer_put_u8(&body, 0);
	frame = frame_of(VAULT_SIGNED, &desk.work, 0, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == 0);
	buffer_rewind(&body);
	buffer_put_u8(&body, 2);
	buffer_put_bytes(&body, bytes_of_text("k:1"));
	buffer_put_bytes(&body, bytes_of_text("l:2"));
	frame = frame_of(VAULT_SIGNED, &desk.work, 1, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == 0);
	CHECK(has_replied(
		&desk,
		"{\"parameters\":{\"signatures\":[{\"storePath\":\"" PATH_A
		"\",\"signatures\":[]},{\"storePath\":\"" PATH_B
		"\",\"signatures\":[\"k:1\",\"l:2\"]}]}}"));
	buffer_clear(&body);
	desk_close(&desk);
}

static void answers_that_are_none_are_refused(void)
{
	static struct desk desk;
	struct wire_frame frame;
	struct buffer body;

	desk_open(&desk, AGENT_METHOD_SIGN);
	buffer_init(&body, WIRE_FRAME_MAX);
	add_path(&desk, PATH_A, NULL);
	buffer_put_u8(&body, 2);
	buffer_put_bytes(&body, bytes_of_text("k:1"));
	buffer_put_bytes(&body, bytes_of_text("l:2"));
	for (size_t len = 0; len < body.len; len++) {
		frame = frame_of(VAULT_SIGNED, &desk.work, 0,
		                 (struct bytes){ body.data, len });
		CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) ==
		      -EBADMSG);
	}
	buffer_put_u8(&body, 0);
	frame = frame_of(VAULT_SIGNED, &desk.work, 0, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == -EBADMSG);
	buffer_clear(&body);
	desk_close(&desk);
}

static void an_answer_to_another_question_is_refused(void)
{
	static const enum vault_type types[] = { VAULT_SIGN,   VAULT_PRESIGN,
		                                 VAULT_COMMIT, VAULT_HELLO,
		                                 VAULT_URL,    VAULT_LOADED };
	static struct desk desk;
	struct error_reply error;
	struct wire_frame frame;
	struct buffer body;

	desk_open(&desk, AGENT_METHOD_SIGN);
	buffer_init(&body, WIRE_FRAME_MAX);
	add_path(&desk, PATH_A, NULL);
	add_path(&desk, PATH_B, NULL);
	CHECK(submit_check_sign(desk.door, &desk.work, &error) == CALL_OK);
	buffer_put_u8(&body, 0);
	frame = frame_of(VAULT_SIGNED, &desk.work, 1, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == -EBADMSG);
	frame = frame_of(VAULT_SIGNED, &desk.work, 0, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == 0);
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == -EBADMSG);
	frame = frame_of(VAULT_SIGNED, &desk.work, 2, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == -EBADMSG);
	frame = frame_of(VAULT_SIGNED, &desk.work, 65535, buffer_bytes(&body));
	CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) == -EBADMSG);
	put_url(&body, "https://x/");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		frame = frame_of(types[i], &desk.work, 1, buffer_bytes(&body));
		CHECK(submit_take_answer(&desk.work, &frame, &desk.reply) ==
		      -EBADMSG);
	}
	buffer_clear(&body);
	desk_close(&desk);
}

static const struct test tests[] = {
	{ "good paths are let through", good_paths_are_let_through },
	{ "paths that are none are refused", paths_that_are_none_are_refused },
	{ "too many references are refused", too_many_references_are_refused },
	{ "a cache without a key signs nothing",
	  a_cache_without_a_key_signs_nothing },
	{ "a folder has no URLs", a_folder_has_no_urls },
	{ "requests that break their grammar are refused",
	  requests_that_break_their_grammar_are_refused },
	{ "every path becomes a frame with its tag",
	  every_path_becomes_a_frame_with_its_tag },
	{ "signed requests name the headers that were signed",
	  signed_requests_name_the_headers_that_were_signed },
	{ "an empty object has a length too",
	  an_empty_object_has_a_length_too },
	{ "signatures go to their path", signatures_go_to_their_path },
	{ "answers that are none are refused",
	  answers_that_are_none_are_refused },
	{ "an answer to another question is refused",
	  an_answer_to_another_question_is_refused },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
