#include "tests/lib/cache_stage.h"
#include "tests/lib/test.h"

#include "client/cache/s3_listing.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Waits between tries are a random part of a growing time: here none. */
ssize_t getrandom(void *out, size_t len, unsigned flags);
ssize_t getrandom(void *out, size_t len, unsigned flags)
{
	(void)flags;
	memset(out, 0, len);
	return (ssize_t)len;
}

#define LIST(inside) "<ListBucketResult>" inside "</ListBucketResult>"
#define OBJECT(key)  SIZED(key, "7")
#define SIZED(key, size) \
	"<Contents><Key>" key "</Key><Size>" size "</Size></Contents>"
#define MORE(token)                       \
	"<IsTruncated>true</IsTruncated>" \
	"<NextContinuationToken>" token "</NextContinuationToken>"

static void append_key(struct buffer *out, size_t number)
{
	buffer_append_format(out, "%032zu.narinfo", number);
}

/* An answer with the objects from first on. */
static void make_page(struct buffer *out, size_t first, size_t count,
                      const char *token)
{
	cleanup_buffer struct buffer body;

	buffer_init(&body, S3_MAX_KEYS_MAX * 512UL);
	buffer_append_text(&body, "<?xml version=\"1.0\"?><ListBucketResult "
	                          "xmlns=\"http://s3.amazonaws.com/doc/"
	                          "2006-03-01/\"><Name>bucket</Name>"
	                          "<Prefix>nix/cache/</Prefix>");
	for (size_t i = first; i < first + count; i++) {
		buffer_append_text(&body, "<Contents><Key>nix/cache/");
		append_key(&body, i);
		buffer_append_format(
			&body,
			"</Key><LastModified>2026-11-22T10:20:30.123Z"
			"</LastModified><ETag>&quot;x&quot;</ETag><Size>%zu"
			"</Size><StorageClass>STANDARD</StorageClass><Owner>"
			"<ID>me</ID></Owner><Type>Normal</Type></Contents>",
			i);
	}
	if (token)
		buffer_append_format(&body, MORE("%s"), token);
	buffer_append_text(&body, "</ListBucketResult>");
	buffer_init(out, body.len + 256);
	buffer_append_format(out,
	                     "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
	                     body.len);
	buffer_append_bytes(out, buffer_bytes(&body));
	if (!buffer_text(out))
		abort();
}

static size_t check_page(const struct cache_listing *listing, size_t first)
{
	for (size_t i = 0; i < listing->count; i++) {
		const struct cache_object *object = &listing->objects[i];
		char key[64];

		(void)snprintf(key, sizeof(key), "%032zu.narinfo", first + i);
		CHECK(strcmp(object->key, key) == 0);
		CHECK(object->size == first + i);
		CHECK(object->modified == 1795342830);
	}
	return listing->count;
}

static void a_listing_goes_on_from_page_to_page(void)
{
	enum {
		COUNT = 2500
	};
	static const char *const tokens[] = { "1/one+==", "two", NULL };
	struct cache_step step = { .type = CACHE_LIST, .key = "", .tag = 5 };
	struct http_reply replies[3];
	struct buffer pages[3];
	char token[64] = "";
	size_t seen = 0;
	struct stage s;

	for (size_t i = 0; i < 3; i++) {
		make_page(&pages[i], i * 1000, i < 2 ? 1000 : 500, tokens[i]);
		replies[i] = (struct http_reply){
			.answer = (const char *)pages[i].data
		};
	}
	stage_set_up(&s, replies, 3, 4);
	for (size_t i = 0; i < 3; i++) {
		struct cache_result result;

		CHECK(cache_run(s.cache, &step, &result) == 0);
		CHECK(result.outcome == CACHE_OK && result.tag == 5);
		seen += check_page(result.listing, seen);
		CHECK((result.listing->token == NULL) == (i == 2));
		(void)snprintf(token, sizeof(token), "%s",
		               result.listing->token ? result.listing->token
		                                     : "");
		step.token = token;
		cache_listing_free(result.listing);
	}
	CHECK(seen == COUNT);
	CHECK(s.fake->asked_count == 3);
	CHECK(s.fake->asked[0].token[0] == '\0');
	CHECK(strcmp(s.fake->asked[1].token, "1/one+==") == 0);
	CHECK(strcmp(s.fake->asked[2].token, "two") == 0);
	for (size_t i = 0; i < 3; i++) {
		CHECK(s.fake->asked[i].operation == S3_LIST_OBJECTS_V2);
		CHECK(s.fake->asked[i].max_keys == 1000);
		CHECK(s.fake->asked[i].key[0] == '\0');
	}
	stage_tear_down(&s);
	for (size_t i = 0; i < 3; i++)
		buffer_clear(&pages[i]);
}

static void prefix_and_size_of_the_page_are_passed_on(void)
{
	static const struct http_reply reply = {
		.answer = STAGE_BODY("200 OK", LIST(OBJECT("nix/cache/nar/a")))
	};
	static const struct {
		uint32_t page_size;
		uint32_t max_keys;
	} sizes[] = { { 10, 10 }, { 1000, 1000 }, { 1001, 1000 } };
	struct cache_step step = { .type = CACHE_LIST, .key = "nar/" };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct cache_result result;
		struct stage s;

		step.page_size = sizes[i].page_size;
		result = stage_run(&s, &reply, 1, &step);
		CHECK(result.outcome == CACHE_OK && result.listing->count == 1);
		CHECK(strcmp(s.fake->asked[0].prefix, "nar/") == 0);
		CHECK(s.fake->asked[0].max_keys == sizes[i].max_keys);
		cache_listing_free(result.listing);
		stage_tear_down(&s);
	}
}

/* A token says more than where the first page began. */
static void where_a_list_begins_is_passed_on(void)
{
	static const struct http_reply reply = {
		.answer = STAGE_BODY("200 OK", LIST(OBJECT("nix/cache/nar/a")))
	};
	struct cache_step step = { .type = CACHE_LIST,
		                   .key = "n",
		                   .after = "nar" };

	for (size_t i = 0; i < 2; i++) {
		struct cache_result result;
		struct stage s;

		result = stage_run(&s, &reply, 1, &step);
		CHECK(result.outcome == CACHE_OK && result.listing->count == 1);
		CHECK(result.listing->is_gapless);
		CHECK(strcmp(s.fake->asked[0].prefix, "n") == 0);
		CHECK(strcmp(s.fake->asked[0].start_after,
		             step.token ? "" : "nar") == 0);
		cache_listing_free(result.listing);
		stage_tear_down(&s);
		step.token = "t";
	}
}

static void only_a_list_in_order_of_what_was_asked_for_is_gapless(void)
{
	static const struct {
		const char *key;
		const char *after;
		const char *body;
		bool is_gapless;
	} cases[] = {
		{ "", NULL, LIST(""), true },
		{ "", NULL, LIST(OBJECT("c/") OBJECT("c/a") OBJECT("c/b")),
		  true },
		{ "", NULL, LIST(OBJECT("c/b") OBJECT("c/a")), false },
		{ "", NULL, LIST(OBJECT("c/a") OBJECT("c/a")), false },
		{ "", NULL, LIST(OBJECT("b/a") OBJECT("c/b")), false },
		{ "", "a", LIST(OBJECT("c/a0") OBJECT("c/b")), true },
		{ "", "a", LIST(OBJECT("c/a") OBJECT("c/b")), false },
		{ "", "b", LIST(OBJECT("c/a") OBJECT("c/c")), false },
		{ "n", NULL, LIST(OBJECT("c/n1") OBJECT("c/n2")), true },
		{ "n", NULL, LIST(OBJECT("c/n1") OBJECT("c/p")), false },
		{ "n", "n1", LIST(OBJECT("c/n1/") MORE("t")), true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct s3_listing_request request = {
			.prefix = "c",
			.key = cases[i].key,
			.after = cases[i].after,
		};
		struct cache_listing *listing = NULL;

		CHECK(s3_listing_parse(bytes_of_text(cases[i].body), &request,
		                       &listing) == 0);
		if (!listing || listing->is_gapless != cases[i].is_gapless)
			test_fail(__FILE__, __LINE__, cases[i].body);
		cache_listing_free(listing);
	}
}

/* The keys that are left, each ended by a space. */
static const struct {
	const char *what;
	const char *prefix;
	const char *key;
	const char *body;
	const char *keys;
} lists[] = {
	{ "nothing", "nix/cache", "", LIST(""), "" },
	{ "an empty answer", "nix/cache", "", "<ListBucketResult/>", "" },
	{ "sorted", "nix/cache", "",
	  LIST(OBJECT("nix/cache/b") OBJECT("nix/cache/a")), "a b " },
	{ "without a prefix", "", "", LIST(OBJECT("a") OBJECT("nix/b")),
	  "a nix/b " },
	{ "outside of the cache", "nix/cache", "",
	  LIST(OBJECT("other/a") OBJECT("nix/cache2/a") OBJECT("nix/cache")
	               OBJECT("nix/cache/") OBJECT("") OBJECT("/nix/cache/b")
	                       OBJECT("nix/cache/c")),
	  "c " },
	{ "not asked for", "nix/cache", "nar/",
	  LIST(OBJECT("nix/cache/log/a") OBJECT("nix/cache/nar/a")
	               OBJECT("nix/cache/nar")),
	  "nar/a " },
	{ "entities", "", "", LIST(OBJECT("a&amp;b&lt;&#x41;")), "a&b<A " },
	{ "not encoded", "", "", LIST(OBJECT("a%20b+c")), "a%20b+c " },
	{ "encoded", "nix/cache", "nar/",
	  LIST("<EncodingType>url</EncodingType>" OBJECT(
		  "nix%2Fcache%2Fnar%2Fa%2Bb") OBJECT("nix/cache/nar/c%3D")),
	  "nar/a+b nar/c= " },
	{ "encoded, the encoding said last", "", "",
	  LIST(OBJECT("a%2Bb") "<EncodingType>url</EncodingType>"), "a+b " },
	{ "folders and other things", "", "",
	  LIST("<CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes>"
	       "<Other>" OBJECT("hidden") "</Other>" OBJECT("a")),
	  "a " },
	{ "not truncated, with a token", "", "",
	  LIST("<IsTruncated>false</IsTruncated>"
	       "<NextContinuationToken>t</NextContinuationToken>" OBJECT("a")),
	  "a " },
	{ "the largest size", "", "", LIST(SIZED("a", "9223372036854775807")),
	  "a " },
};

static void what_was_not_asked_for_is_dropped(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct s3_listing_request request = {
			.prefix = lists[i].prefix, .key = lists[i].key
		};
		struct cache_listing *listing = NULL;
		char keys[256] = "";

		CHECK(s3_listing_parse(bytes_of_text(lists[i].body), &request,
		                       &listing) == 0);
		for (size_t k = 0; listing && k < listing->count; k++) {
			(void)strncat(keys, listing->objects[k].key, 100);
			(void)strncat(keys, " ", 2);
			CHECK(listing->objects[k].modified == 0);
		}
		if (strcmp(keys, lists[i].keys) != 0)
			test_fail(__FILE__, __LINE__, lists[i].what);
		CHECK(listing && !listing->token);
		cache_listing_free(listing);
	}
}

static const char *const nonsense[] = {
	"",
	"<",
	"<ListBucketResult>",
	"<Error><Code>AccessDenied</Code></Error>",
	"<ListAllMyBucketsResult/>",
	"<!DOCTYPE x [<!ENTITY y 'z'>]><ListBucketResult/>",
	LIST("<Contents><Size>1</Size></Contents>"),
	LIST("<Contents><Key>a</Key></Contents>"),
	LIST(SIZED("a", "")),
	LIST(SIZED("a", "-1")),
	LIST(SIZED("a", "1x")),
	LIST(SIZED("a", "9223372036854775808")),
	LIST("<EncodingType>url</EncodingType>" OBJECT("a%")),
	LIST("<EncodingType>url</EncodingType>" OBJECT("a%00")),
	LIST("<IsTruncated>true</IsTruncated>"),
	LIST("<IsTruncated>true</IsTruncated><NextContinuationToken/>"),
	LIST(MORE("same")),
};

static void a_list_that_makes_no_sense_is_an_error(void)
{
	const struct s3_listing_request request = { .prefix = "",
		                                    .key = "",
		                                    .token = "same" };

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		struct cache_listing *listing = NULL;

		if (s3_listing_parse(bytes_of_text(nonsense[i]), &request,
		                     &listing) != -EBADMSG)
			test_fail(__FILE__, __LINE__, nonsense[i]);
		CHECK(!listing);
	}
}

/* So many bytes of an 'x' in the place of the %s. */
static int parse_long(const char *format, size_t len)
{
	const struct s3_listing_request request = { .prefix = "", .key = "" };
	cleanup_free char *x = calloc(1, len + 1);
	cleanup_buffer struct buffer body;
	struct cache_listing *listing = NULL;
	int rc;

	if (!x)
		abort();
	memset(x, 'x', len);
	buffer_init(&body, len + 1024);
	for (; *format; format++) {
		if (*format == '%') {
			buffer_append_text(&body, x);
		} else {
			buffer_append_char(&body, *format);
		}
	}
	rc = s3_listing_parse(buffer_bytes(&body), &request, &listing);
	cache_listing_free(listing);
	return rc;
}

static void names_tokens_and_pages_have_a_largest_size(void)
{
	const struct s3_listing_request request = { .prefix = "nix/cache",
		                                    .key = "" };

	CHECK(parse_long(LIST(OBJECT("%")), 1024) == 0);
	CHECK(parse_long(LIST(OBJECT("%")), 1025) == -EBADMSG);
	CHECK(parse_long(LIST(MORE("%")), S3_TOKEN_MAX) == 0);
	CHECK(parse_long(LIST(MORE("%")), S3_TOKEN_MAX + 1) == -EBADMSG);
	for (size_t extra = 0; extra < 2; extra++) {
		struct cache_listing *listing = NULL;
		struct buffer page;
		struct bytes body;
		const uint8_t *at;

		make_page(&page, 0, S3_MAX_KEYS_MAX + extra, NULL);
		at = memmem(page.data, page.len, "<?xml", 5);
		body.data = at;
		body.len = page.len - (size_t)(at - page.data);
		CHECK(s3_listing_parse(body, &request, &listing) ==
		      (extra ? -EBADMSG : 0));
		CHECK(extra || listing->count == S3_MAX_KEYS_MAX);
		cache_listing_free(listing);
		buffer_clear(&page);
	}
}

static void every_truncation_of_a_list_is_refused(void)
{
	const struct s3_listing_request request = { .prefix = "", .key = "" };
	static const char body[] =
		LIST(OBJECT("a&amp;") SIZED("b", "12") MORE("t"));

	for (size_t len = 0; len < sizeof(body) - 1; len++) {
		/* Where a read beyond the end would be seen. */
		cleanup_free uint8_t *copy = malloc(len + (len == 0));
		struct cache_listing *listing = NULL;

		if (!copy)
			abort();
		memcpy(copy, body, len);
		CHECK(s3_listing_parse((struct bytes){ copy, len }, &request,
		                       &listing) == -EBADMSG);
	}
	CHECK(parse_long(LIST(OBJECT("a")) "%", 1) == -EBADMSG);
}

static void a_list_that_is_refused_is_a_failure(void)
{
	static const struct {
		const char *answer;
		const char *says;
	} cases[] = {
		{ STAGE_BODY("403 F", STAGE_ERROR("AccessDenied")),
		  "list of objects in nar/: " },
		{ STAGE_BODY("403 F", STAGE_ERROR("AccessDenied")),
		  "read, write and list" },
		{ STAGE_BODY("404 N", STAGE_ERROR("NoSuchBucket")),
		  "no bucket bucket" },
		{ STAGE_BODY("404 N", STAGE_ERROR("NoSuchKey")),
		  "answered 404" },
		{ STAGE_BODY("200 O", "<html/>"), "makes no sense" },
	};
	const struct cache_step step = { .type = CACHE_LIST, .key = "nar/" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_reply reply = { .answer = cases[i].answer };
		struct stage s;
		struct cache_result result = stage_run(&s, &reply, 1, &step);

		CHECK(result.outcome == CACHE_FAILED);
		CHECK(result.exit_status == 1 && !result.listing);
		if (!strstr(result.error, cases[i].says))
			test_fail(__FILE__, __LINE__, result.error);
		stage_tear_down(&s);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "a listing goes on from page to page",
		  a_listing_goes_on_from_page_to_page },
		{ "prefix and size of the page are passed on",
		  prefix_and_size_of_the_page_are_passed_on },
		{ "where a list begins is passed on",
		  where_a_list_begins_is_passed_on },
		{ "only a list in order, of what was asked for, is gapless",
		  only_a_list_in_order_of_what_was_asked_for_is_gapless },
		{ "what was not asked for is dropped",
		  what_was_not_asked_for_is_dropped },
		{ "a list that makes no sense is an error",
		  a_list_that_makes_no_sense_is_an_error },
		{ "names, tokens and pages have a largest size",
		  names_tokens_and_pages_have_a_largest_size },
		{ "every truncation of a list is refused",
		  every_truncation_of_a_list_is_refused },
		{ "a list that is refused is a failure",
		  a_list_that_is_refused_is_a_failure },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
