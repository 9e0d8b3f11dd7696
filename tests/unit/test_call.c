#include "tests/lib/test.h"

#include "protocol/varlink/agent_method.h"
#include "protocol/varlink/json_read.h"
#include "protocol/varlink/service.h"

#include <errno.h>
#include <string.h>

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

static void a_call_is_read(void)
{
	cleanup_call struct varlink_call call = { .parameters = NULL };

	CHECK(decode_text("{\"method\":\"a.b.C\",\"more\":true}", &call) == 0);
	CHECK(strcmp(call.method, "a.b.C") == 0);
	CHECK(call.wants_more && !call.is_oneway && !call.wants_upgrade);
	CHECK(call.parameters == NULL);
	call_clear(&call);
	CHECK(decode_text("{\"oneway\":true,\"upgrade\":true,\"more\":false,"
	                  "\"parameters\":{\"x\":1},\"method\":\"D\"}",
	                  &call) == 0);
	CHECK(!call.wants_more && call.is_oneway && call.wants_upgrade);
	CHECK(call.parameters->count == 1);
}

static void null_is_not_given(void)
{
	cleanup_call struct varlink_call call = { .parameters = NULL };
	struct error_reply error;

	CHECK(decode_text("{\"method\":\"a.b.C\",\"parameters\":null,"
	                  "\"more\":null,\"oneway\":null}",
	                  &call) == 0);
	CHECK(call.parameters == NULL && !call.wants_more);
	CHECK(agent_method_check_empty(&call, &error) == CALL_OK);
}

static void what_is_no_call_is_refused(void)
{
	static const char *const cases[] = {
		"",
		"{}",
		"[]",
		"{\"method\":null}",
		"{\"method\":1}",
		"{\"method\":\"a.b.C\",\"extra\":1}",
		"{\"method\":\"a.b.C\",\"extra\":null}",
		"{\"method\":\"a.b.C\",\"parameters\":[]}",
		"{\"method\":\"a.b.C\",\"parameters\":\"x\"}",
		"{\"method\":\"a.b.C\",\"more\":1}",
		"{\"method\":\"a.b.C\",\"oneway\":\"true\"}",
		"{\"method\":\"a.b.C\",\"oneway\":true,\"more\":true}",
		"{\"method\":\"a.b.C\",\"upgrade\":{}}",
		"{\"method\":\"a.b.C\",\"method\":\"a.b.D\"}",
		"{\"method\":\"a.b.C\"}{}",
		"{\"method\":\"a.b.C\"} x",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct varlink_call call;

		CHECK(decode_text(cases[i], &call) == -EBADMSG);
	}
}

static void the_name_of_a_method_has_a_limit(void)
{
	for (size_t len = VARLINK_NAME_MAX - 1; len <= VARLINK_NAME_MAX + 1;
	     len++) {
		cleanup_call struct varlink_call call = { .parameters = NULL };
		char name[VARLINK_NAME_MAX + 2] = "", text[512];

		memset(name, 'x', len);
		(void)snprintf(text, sizeof(text), "{\"method\":\"%s\"}", name);
		CHECK(decode_text(text, &call) ==
		      (len <= VARLINK_NAME_MAX ? 0 : -EBADMSG));
	}
}

static void methods_are_found_by_their_full_name(void)
{
	static const struct {
		const char *name;
		enum varlink_error error;
		const char *text;
	} cases[] = {
		{ "io.nixcache.Agent.Sing", ERROR_METHOD_NOT_FOUND,
		  "io.nixcache.Agent.Sing" },
		{ "io.nixcache.Agent.", ERROR_METHOD_NOT_FOUND,
		  "io.nixcache.Agent." },
		{ "io.nixcache.agent.Sign", ERROR_INTERFACE_NOT_FOUND,
		  "io.nixcache.agent" },
		{ "org.varlink.service.Sign", ERROR_METHOD_NOT_FOUND,
		  "org.varlink.service.Sign" },
		{ "Sign", ERROR_INTERFACE_NOT_FOUND, "Sign" },
		{ "", ERROR_INTERFACE_NOT_FOUND, "" },
		{ ".", ERROR_INTERFACE_NOT_FOUND, "" },
	};
	struct error_reply error;
	enum agent_method method;

	for (size_t i = 0; i < AGENT_METHOD_COUNT; i++) {
		CHECK(agent_method_find(agent_method_name((enum agent_method)i),
		                        &method, &error) == CALL_OK);
		CHECK(method == (enum agent_method)i);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(agent_method_find(cases[i].name, &method, &error) ==
		      CALL_E_REFUSED);
		CHECK(error.error == cases[i].error);
		CHECK(strcmp(error.text, cases[i].text) == 0);
	}
}

static void calls_without_parameters_have_none(void)
{
	cleanup_call struct varlink_call now = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct error_reply error;

	buffer_init(&out, VARLINK_FRAME_MAX);
	for (int more = 0; more <= 1; more++) {
		cleanup_call struct varlink_call call = { .parameters = NULL };

		buffer_rewind(&out);
		CHECK(agent_method_encode(AGENT_METHOD_UNLOCK, more, &out) ==
		      0);
		CHECK(call_decode(frame_of(&out), &call) == 0);
		CHECK(call.wants_more == (more == 1));
		CHECK(agent_method_check_empty(&call, &error) == CALL_OK);
	}
	CHECK(decode_text("{\"method\":\"io.nixcache.Agent.Unlock\","
	                  "\"parameters\":{\"now\":null}}",
	                  &now) == 0);
	CHECK(agent_method_check_empty(&now, &error) == CALL_E_REFUSED);
	CHECK(strcmp(error.text, "now") == 0);
}

static void the_service_describes_itself(void)
{
	static const char call_text[] =
		"{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		"\"parameters\":{\"interface\":\"io.nixcache.Agent\"}}";
	cleanup_call struct varlink_call call = { .parameters = NULL };
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct error_reply error;
	const struct json_value *text;

	buffer_init(&out, VARLINK_FRAME_MAX);
	CHECK(decode_text(call_text, &call) == 0);
	CHECK(service_describe(&call, &out, &error) == CALL_OK);
	CHECK(reply_decode(frame_of(&out), &reply) == 0);
	text = json_first(reply.parameters);
	CHECK(strcmp(text->name, "description") == 0);
	CHECK(strcmp(text->text,
	             service_find_description("io.nixcache.Agent")) == 0);
}

static void a_wrong_question_about_interfaces_is_refused(void)
{
	static const struct {
		const char *parameters;
		enum varlink_error error;
		const char *text;
	} cases[] = {
		{ "{}", ERROR_INVALID_PARAMETER, "interface" },
		{ "{\"interface\":1}", ERROR_INVALID_PARAMETER, "interface" },
		{ "{\"interface\":\"a.b\",\"x\":1}", ERROR_INVALID_PARAMETER,
		  "x" },
		{ "{\"interface\":\"a.b\"}", ERROR_INTERFACE_NOT_FOUND, "a.b" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_call struct varlink_call call = { .parameters = NULL };
		cleanup_buffer struct buffer out;
		struct error_reply error;
		char text[256];

		buffer_init(&out, VARLINK_FRAME_MAX);
		(void)snprintf(text, sizeof(text),
		               "{\"method\":\"x\",\"parameters\":%s}",
		               cases[i].parameters);
		CHECK(decode_text(text, &call) == 0);
		CHECK(service_describe(&call, &out, &error) == CALL_E_REFUSED);
		CHECK(error.error == cases[i].error && out.len == 0);
		CHECK(strcmp(error.text, cases[i].text) == 0);
	}
}

static void the_service_says_who_it_is(void)
{
	static const struct service_info info = { "v", "p", "1.0", "u" };
	static const char want[] =
		"{\"parameters\":{\"vendor\":\"v\",\"product\":\"p\","
		"\"version\":\"1.0\",\"url\":\"u\",\"interfaces\":["
		"\"io.nixcache.Agent\",\"org.varlink.service\"]}}";
	cleanup_buffer struct buffer out;

	buffer_init(&out, VARLINK_FRAME_MAX);
	CHECK(service_info_encode(&info, &out) == 0);
	CHECK(bytes_equal(frame_of(&out), bytes_of_text(want)));
}

static void a_reply_is_read(void)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"error\":1}",
		"{\"continues\":\"x\"}",
		"{\"parameters\":[]}",
		"{\"parameters\":{}",
		"{}{}",
	};
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };

	CHECK(reply_decode(bytes_of_text("{\"parameters\":{\"x\":1},"
	                                 "\"continues\":true,\"later\":[]}"),
	                   &reply) == 0);
	CHECK(reply.continues && reply.error[0] == '\0');
	CHECK(reply.parameters->count == 1);
	reply_clear(&reply);
	CHECK(reply_decode(bytes_of_text("{\"error\":\"a.b.C\"}"), &reply) ==
	      0);
	CHECK(strcmp(reply.error, "a.b.C") == 0 && !reply.parameters);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(reply_decode(bytes_of_text(bad[i]), &reply) == -EBADMSG);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a call is read", a_call_is_read },
		{ "null is not given", null_is_not_given },
		{ "what is no call is refused", what_is_no_call_is_refused },
		{ "the name of a method has a limit",
		  the_name_of_a_method_has_a_limit },
		{ "methods are found by their full name",
		  methods_are_found_by_their_full_name },
		{ "calls without parameters have none",
		  calls_without_parameters_have_none },
		{ "the service describes itself",
		  the_service_describes_itself },
		{ "a wrong question about interfaces is refused",
		  a_wrong_question_about_interfaces_is_refused },
		{ "the service says who it is", the_service_says_who_it_is },
		{ "a reply is read", a_reply_is_read },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
