#include "tests/lib/test.h"

#include "client/cache/s3_error.h"
#include "client/cache/s3_xml.h"

#include <errno.h>
#include <string.h>

#define STORE "s3://bucket/nix?endpoint=s3.example.org&region=here-1"

static const char full[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<Error>\n<Code>PermanentRedirect</Code>"
	"<Message>Use &quot;that&quot; &amp; not this.</Message>"
	"<Region>us-west-004</Region><Endpoint>b.s3.example.org</Endpoint>"
	"<HostId/></Error>";

static struct transfer_result answered(long status, const char *body)
{
	struct transfer_result result = { .outcome = TRANSFER_DONE,
		                          .http_status = status };

	buffer_init(&result.response, TRANSFER_RESPONSE_MAX);
	buffer_append_text(&result.response, body);
	return result;
}

static void explain(struct transfer_result *result, char *out, size_t size)
{
	char name[] = "mine", store[] = STORE;
	struct agent_cache cache = { .name = name, .store = store };

	s3_error_explain(result, &cache, "nar/x.nar", out, size);
	buffer_clear(&result->response);
}

static void an_error_document_is_read(void)
{
	struct s3_error error;

	s3_error_parse(bytes_of_text(full), &error);
	CHECK(strcmp(error.code, "PermanentRedirect") == 0);
	CHECK(strcmp(error.message, "Use \"that\" & not this.") == 0);
	CHECK(strcmp(error.region, "us-west-004") == 0);
}

static void an_endpoint_stands_in_for_a_region(void)
{
	struct s3_error error;

	s3_error_parse(bytes_of_text("<Error><Code>PermanentRedirect</Code>"
	                             "<Endpoint>s3.eu.example.org</Endpoint>"
	                             "</Error>"),
	               &error);
	CHECK(strcmp(error.region, "s3.eu.example.org") == 0);
}

static void every_truncation_gives_empty_fields(void)
{
	struct s3_error error;

	for (size_t len = 0; len < sizeof(full) - 1; len++) {
		struct bytes body = { (const uint8_t *)full, len };

		s3_error_parse(body, &error);
		CHECK(!error.code[0] && !error.message[0] && !error.region[0]);
	}
}

static void what_is_no_error_document_gives_empty_fields(void)
{
	static const char *const bodies[] = {
		"",
		"not xml",
		"<html><Error><Code>X</Code></Error></html>",
		"<Errors><Code>X</Code></Errors>",
		"<Error><Code>X</Code></Error><Error/>",
		"<Error><Code>X</Code></Error>trailing",
		"<!DOCTYPE E [<!ENTITY a \"X\">]><Error><Code>&a;</Code></Error>",
		"<!DOCTYPE E SYSTEM \"x\"><Error><Code>X</Code></Error>",
		"<Error><Code>&undefined;</Code></Error>",
		"<Error><Code>X</Wrong></Error>",
		"<Error><Code>\xff\xfe</Code></Error>",
	};
	struct s3_error error;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		s3_error_parse(bytes_of_text(bodies[i]), &error);
		if (error.code[0] || error.message[0] || error.region[0])
			test_fail(__FILE__, __LINE__, bodies[i]);
	}
}

static void hostile_text_is_cut_and_made_printable(void)
{
	struct s3_error error;
	struct buffer body;

	buffer_init(&body, 8192);
	buffer_append_text(&body, "<Error><Message>a&#10;b");
	for (unsigned i = 0; i < 1000; i++)
		buffer_append_text(&body, "cde");
	buffer_append_text(&body, "</Message><Code>");
	for (unsigned i = 0; i < 1000; i++)
		buffer_append_text(&body, "XYZ");
	buffer_append_text(&body, "</Code></Error>");
	s3_error_parse(buffer_bytes(&body), &error);
	buffer_clear(&body);
	CHECK(strncmp(error.message, "a?bcde", 6) == 0);
	CHECK(strlen(error.message) == sizeof(error.message) - 1);
	CHECK(strlen(error.code) == sizeof(error.code) - 1);
}

static void a_url_quoted_by_the_server_is_dropped(void)
{
	struct s3_error error;

	s3_error_parse(bytes_of_text("<Error><Code>X</Code><Message>bad "
	                             "http://h/k?X-Amz-Signature=abc"
	                             "</Message></Error>"),
	               &error);
	CHECK(strcmp(error.code, "X") == 0);
	CHECK(error.message[0] == '\0');

	s3_error_parse(bytes_of_text("<Error><Code>k?X-Amz-Expires=1</Code>"
	                             "<Region>?x-amz-signature=a</Region>"
	                             "</Error>"),
	               &error);
	CHECK(error.code[0] == '\0' && error.region[0] == '\0');
}

static int parse_nested(unsigned depth)
{
	struct s3_xml xml = { .count = 0 };
	struct buffer body;
	int rc;

	buffer_init(&body, 4096);
	for (unsigned i = 0; i < depth; i++)
		buffer_append_text(&body, "<a>");
	for (unsigned i = 0; i < depth; i++)
		buffer_append_text(&body, "</a>");
	rc = s3_xml_parse(buffer_bytes(&body), &xml);
	buffer_clear(&body);
	s3_xml_clear(&xml);
	return rc;
}

static int parse_many(unsigned children)
{
	struct s3_xml xml = { .count = 0 };
	struct buffer body;
	int rc;

	buffer_init(&body, S3_XML_BODY_MAX);
	buffer_append_text(&body, "<a>");
	for (unsigned i = 0; i < children; i++)
		buffer_append_text(&body, "<b/>");
	buffer_append_text(&body, "</a>");
	rc = s3_xml_parse(buffer_bytes(&body), &xml);
	buffer_clear(&body);
	s3_xml_clear(&xml);
	return rc;
}

static int parse_padded(size_t len)
{
	struct s3_xml xml = { .count = 0 };
	struct buffer body;
	int rc;

	buffer_init(&body, len);
	buffer_append_text(&body, "<a/>");
	while (body.len < len)
		buffer_append_char(&body, ' ');
	rc = s3_xml_parse(buffer_bytes(&body), &xml);
	buffer_clear(&body);
	s3_xml_clear(&xml);
	return rc;
}

static void xml_has_limits_of_depth_count_and_size(void)
{
	CHECK(parse_nested(S3_XML_DEPTH_MAX) == 0);
	CHECK(parse_nested(S3_XML_DEPTH_MAX + 1) == -EBADMSG);
	CHECK(parse_many(S3_XML_ELEMENTS_MAX - 1) == 0);
	CHECK(parse_many(S3_XML_ELEMENTS_MAX) == -EBADMSG);
	CHECK(parse_padded(S3_XML_BODY_MAX) == 0);
	CHECK(parse_padded(S3_XML_BODY_MAX + 1) == -EBADMSG);
}

static void elements_are_found_in_their_parent_only(void)
{
	struct s3_xml xml;

	CHECK(s3_xml_parse(bytes_of_text("<L><U><K> 1 </K><O><K>9</K></O></U>"
	                                 "<U><K>2</K><T/></U><K>3</K></L>"),
	                   &xml) == 0);
	CHECK(xml.count == 9);
	CHECK(strcmp(s3_xml_name(&xml, 0), "L") == 0);
	CHECK(strcmp(s3_xml_find(&xml, 0, "K"), "3") == 0);
	CHECK(strcmp(s3_xml_find(&xml, 1, "K"), "1") == 0);
	CHECK(strcmp(s3_xml_find(&xml, 5, "K"), "2") == 0);
	CHECK(strcmp(s3_xml_find(&xml, 5, "T"), "") == 0);
	CHECK(s3_xml_find(&xml, 1, "T") == NULL);
	s3_xml_clear(&xml);
}

static void an_object_is_missing_but_not_with_its_bucket(void)
{
	static const struct {
		long status;
		const char *body;
		bool missing;
	} cases[] = {
		{ 404, "", true },
		{ 404, "<Error><Code>NoSuchKey</Code></Error>", true },
		{ 404, "<Error><Code>NoSuchUpload</Code></Error>", true },
		{ 404, "<Error><Code>NoSuchBucket</Code></Error>", false },
		{ 403, "<Error><Code>NoSuchKey</Code></Error>", false },
		{ 200, "", false },
	};
	struct transfer_result broken = { .outcome = TRANSFER_BROKEN,
		                          .http_status = 404 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct transfer_result result =
			answered(cases[i].status, cases[i].body);

		CHECK(s3_error_is_missing(&result) == cases[i].missing);
		buffer_clear(&result.response);
	}
	CHECK(!s3_error_is_missing(&broken));
}

#define ERROR(code) "<Error><Code>" code "</Code></Error>"

static const struct {
	long status;
	const char *body;
	const char *says[3];
} refusals[] = {
	{ 404,
	  ERROR("NoSuchBucket"),
	  { "no bucket bucket", "s3://bucket", "cache mine" } },
	{ 403,
	  ERROR("SignatureDoesNotMatch"),
	  { "credentials refused", "secret source", "cache mine" } },
	{ 403,
	  ERROR("InvalidAccessKeyId"),
	  { "credentials refused", "s3.example.org", "403" } },
	{ 403, ERROR("UserSuspended"), { "credentials refused" } },
	{ 403,
	  ERROR("AccessDenied"),
	  { "may not do this in bucket bucket", "check the clock" } },
	{ 403,
	  "<Error><Code>AccessDenied</Code><Message>Cannot upload "
	  "files, storage cap exceeded.</Message></Error>",
	  { "limit of the account", "storage cap exceeded" } },
	{ 403,
	  "<Error><Code>AccessDenied</Code><Message>Request has "
	  "expired</Message></Error>",
	  { "check the clock", "signed too long ago" } },
	{ 403, ERROR("QuotaExceeded"), { "limit of the account" } },
	{ 403, ERROR("RequestTimeTooSkewed"), { "check the clock" } },
	{ 400,
	  "<Error><Code>AuthorizationHeaderMalformed</Code><Region>"
	  "eu-central-1</Region></Error>",
	  { "expects region eu-central-1", "set region=eu-central-1",
	    "cache mine" } },
	{ 400,
	  ERROR("AuthorizationQueryParametersError"),
	  { "check region=here-1", "cache mine" } },
	{ 301,
	  "<Error><Code>PermanentRedirect</Code><Endpoint>"
	  "s3.eu.example.org</Endpoint></Error>",
	  { "expects endpoint s3.eu.example.org",
	    "set endpoint=s3.eu.example.org" } },
	{ 301, "", { "check region=" } },
	{ 503, ERROR("SlowDown"), { "busy", "503 SlowDown" } },
	{ 400, ERROR("EntityTooSmall"), { "push again" } },
	{ 501, ERROR("NotImplemented"), { "is an S3 server" } },
	{ 400, ERROR("Novel"), { "answered 400 Novel" } },
	{ 502, "<html>oops</html>", { "answered 502" } },
};

static void each_refusal_says_what_to_do(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct transfer_result result =
			answered(refusals[i].status, refusals[i].body);
		char text[768];

		explain(&result, text, sizeof(text));
		CHECK(strncmp(text, "nar/x.nar: ", 11) == 0);
		for (size_t j = 0; j < 3 && refusals[i].says[j]; j++) {
			if (!strstr(text, refusals[i].says[j]))
				test_fail(__FILE__, __LINE__, text);
		}
	}
}

static void each_broken_request_names_the_endpoint(void)
{
	static const struct {
		enum transfer_outcome outcome;
		const char *says;
	} cases[] = {
		{ TRANSFER_NO_CONNECTION, "cannot connect to s3.example.org" },
		{ TRANSFER_BROKEN, "connection to s3.example.org broke" },
		{ TRANSFER_TIMED_OUT, "no answer from s3.example.org" },
		{ TRANSFER_TLS, "NIX_SSL_CERT_FILE" },
		{ TRANSFER_TOO_LARGE, "larger than" },
		{ TRANSFER_FAILED, "request to s3.example.org failed" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct transfer_result result = { .outcome = cases[i].outcome,
			                          .detail = "because" };
		char text[768];

		explain(&result, text, sizeof(text));
		if (!strstr(text, cases[i].says))
			test_fail(__FILE__, __LINE__, text);
	}
}

static void a_short_place_for_the_sentence_is_kept(void)
{
	struct transfer_result result = answered(403, ERROR("AccessDenied"));
	char text[20];

	explain(&result, text, sizeof(text));
	CHECK(strlen(text) == sizeof(text) - 1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "an error document is read", an_error_document_is_read },
		{ "an endpoint stands in for a region",
		  an_endpoint_stands_in_for_a_region },
		{ "every truncation gives empty fields",
		  every_truncation_gives_empty_fields },
		{ "what is no error document gives empty fields",
		  what_is_no_error_document_gives_empty_fields },
		{ "hostile text is cut and made printable",
		  hostile_text_is_cut_and_made_printable },
		{ "a URL quoted by the server is dropped",
		  a_url_quoted_by_the_server_is_dropped },
		{ "XML has limits of depth, count and size",
		  xml_has_limits_of_depth_count_and_size },
		{ "elements are found in their parent only",
		  elements_are_found_in_their_parent_only },
		{ "an object is missing, but not with its bucket",
		  an_object_is_missing_but_not_with_its_bucket },
		{ "each refusal says what to do",
		  each_refusal_says_what_to_do },
		{ "each broken request names the endpoint",
		  each_broken_request_names_the_endpoint },
		{ "a short place for the sentence is kept",
		  a_short_place_for_the_sentence_is_kept },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
