/* What an S3 server answers: any XML, and its errors in words. */
#include "tests/fuzz/fuzz.h"

#include "client/cache/s3_error.h"
#include "client/cache/s3_listing.h"
#include "client/cache/s3_xml.h"

static void check_tree(const struct s3_xml *xml)
{
	const struct s3_xml_element *elements =
		(const void *)xml->elements.data;

	MUST(xml->count > 0 && xml->count <= S3_XML_ELEMENTS_MAX);
	MUST(xml->elements.len == xml->count * sizeof(*elements));
	MUST(elements[0].depth == 0);
	for (size_t i = 0; i < xml->count; i++) {
		const struct s3_xml_element *e = &elements[i];

		MUST(e->name_at < xml->text.len && e->text_at < xml->text.len);
		MUST(i == 0 || (e->depth > 0 && e->depth <= e[-1].depth + 1));
		MUST(s3_xml_name(xml, i)[0] != '\0');
		(void)s3_xml_text(xml, i);
		(void)s3_xml_find(xml, i, "Key");
		(void)s3_xml_time(s3_xml_text(xml, i));
	}
}

static void explain(struct bytes body, long status)
{
	static char store[] = "s3://bucket?endpoint=s3.example.org";
	static char name[] = "mine";
	const struct agent_cache cache = { .name = name, .store = store };
	struct transfer_result result = { .outcome = TRANSFER_DONE,
		                          .http_status = status };
	char text[768];

	buffer_init(&result.response, (size_t)S3_XML_BODY_MAX);
	buffer_append_bytes(&result.response, body);
	(void)s3_error_is_missing(&result);
	s3_error_explain(&result, &cache, "nar/x.nar", text, sizeof(text));
	fuzz_check_printable(text, sizeof(text));
	MUST(!strcasestr(text, "x-amz-signature"));
	buffer_clear(&result.response);
}

static void list(struct bytes body, const char *prefix)
{
	const struct s3_listing_request request = { .prefix = prefix,
		                                    .key = "n",
		                                    .token = "t" };
	struct cache_listing *listing = NULL;

	if (s3_listing_parse(body, &request, &listing) < 0)
		return;
	MUST(listing->count <= S3_MAX_KEYS_MAX);
	for (size_t i = 0; i < listing->count; i++) {
		MUST(listing->objects[i].key[0] == 'n');
		MUST(listing->objects[i].size <= INT64_MAX);
		MUST(i == 0 || strcmp(listing->objects[i - 1].key,
		                      listing->objects[i].key) <= 0);
	}
	MUST(!listing->token ||
	     (listing->token[0] != '\0' && strcmp(listing->token, "t") != 0));
	cache_listing_free(listing);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct bytes body = { bytes, len };
	struct s3_error error;
	struct s3_xml xml;

	if (s3_xml_parse(body, &xml) == 0) {
		check_tree(&xml);
		s3_xml_clear(&xml);
	}
	s3_error_parse(body, &error);
	fuzz_check_printable(error.code, sizeof(error.code));
	fuzz_check_printable(error.message, sizeof(error.message));
	fuzz_check_printable(error.region, sizeof(error.region));
	explain(body, 403);
	explain(body, 404);
	list(body, "");
	list(body, "nix/cache");
	return 0;
}
