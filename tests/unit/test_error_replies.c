/* Error replies, from the agent to the client. */
#include "tests/lib/test.h"

#include "protocol/varlink/error_reply.h"

#include <errno.h>
#include <string.h>

static struct bytes frame_of(const struct buffer *b)
{
	CHECK(b->len > 0 && b->data[b->len - 1] == '\0');
	return (struct bytes){ b->data, b->len - 1 };
}

static void check_error(const struct error_reply *error)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct error_reply got;

	buffer_init(&out, VARLINK_FRAME_MAX);
	CHECK(error_reply_encode(error, &out) == 0);
	CHECK(reply_decode(frame_of(&out), &reply) == 0);
	CHECK(strcmp(reply.error, error_reply_name(error->error)) == 0);
	CHECK(error_reply_decode(&reply, &got) == 0);
	CHECK(got.error == error->error);
	CHECK(strcmp(got.text, error->text) == 0);
	CHECK(strcmp(got.cache, error->cache) == 0);
	CHECK(got.failure == error->failure);
	CHECK(got.retry_after == error->retry_after);
	CHECK(strcmp(got.store_path, error->store_path) == 0);
}

static void every_error_arrives_whole(void)
{
	for (size_t i = 0; i < ERROR_COUNT; i++) {
		bool has_text = i != ERROR_PERMISSION_DENIED &&
		                i != ERROR_EXPECTED_MORE;
		struct error_reply error = error_reply_make(
			(enum varlink_error)i, has_text ? "w\"hy" : NULL);

		if (i == ERROR_NOT_SUPPORTED)
			memcpy(error.cache, "dev", sizeof("dev"));
		if (i == ERROR_NOT_IN_STORE)
			memcpy(error.store_path, "/nix", sizeof("/nix"));
		if (i == ERROR_RATE_LIMITED)
			error.retry_after = 7;
		check_error(&error);
	}
	for (int i = SOURCE_NOT_SIGNED_IN; i <= SOURCE_FAILED; i++) {
		struct error_reply error =
			error_reply_make(ERROR_SOURCE_FAILED, "x");

		error.failure = (enum source_failure)i;
		error.retry_after = (uint32_t)i;
		check_error(&error);
	}
}

static int decode_error_text(const char *text, struct error_reply *ret_error)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };

	CHECK(reply_decode(bytes_of_text(text), &reply) == 0);
	return error_reply_decode(&reply, ret_error);
}

#define SOURCE_FAILED_REPLY(parameters)                  \
	"{\"error\":\"io.nixcache.Agent.SourceFailed\"," \
	"\"parameters\":" parameters "}"

static void errors_of_a_later_agent_are_borne(void)
{
	struct error_reply error;

	CHECK(decode_error_text("{\"error\":\"io.nixcache.Agent.New\"}",
	                        &error) == -ENOENT);
	CHECK(decode_error_text(SOURCE_FAILED_REPLY("{\"kind\":\"eclipse\","
	                                            "\"detail\":\"d\"}"),
	                        &error) == 0);
	CHECK(error.failure == SOURCE_FAILED && strcmp(error.text, "d") == 0);
	CHECK(decode_error_text(SOURCE_FAILED_REPLY("{\"kind\":1,"
	                                            "\"detail\":\"d\"}"),
	                        &error) == -EBADMSG);
	CHECK(decode_error_text(SOURCE_FAILED_REPLY("{}"), &error) == -EBADMSG);
	CHECK(decode_error_text(SOURCE_FAILED_REPLY(
					"{\"kind\":\"failed\","
					"\"detail\":\"d\","
					"\"retryAfterSeconds\":-1}"),
	                        &error) == -EBADMSG);
}

static void bytes_that_are_no_text_do_not_stop_an_error(void)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	char noise[ERROR_TEXT_MAX * 2];
	struct error_reply error, got;

	memset(noise, 0xff, sizeof(noise));
	noise[sizeof(noise) - 1] = '\0';
	error = error_reply_make(ERROR_VAULT_FAILED, noise);
	CHECK(strlen(error.text) == ERROR_TEXT_MAX - 1);
	buffer_init(&out, VARLINK_FRAME_MAX);
	CHECK(error_reply_encode(&error, &out) == 0);
	CHECK(reply_decode(frame_of(&out), &reply) == 0);
	CHECK(error_reply_decode(&reply, &got) == 0);
	CHECK(strlen(got.text) == ERROR_TEXT_MAX - 1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "every error arrives whole", every_error_arrives_whole },
		{ "errors of a later agent are borne",
		  errors_of_a_later_agent_are_borne },
		{ "bytes that are no text do not stop an error",
		  bytes_that_are_no_text_do_not_stop_an_error },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
