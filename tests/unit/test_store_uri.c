#include "tests/lib/test.h"

#include "protocol/base/bytes.h"
#include "protocol/nix/store_uri.h"

#include <errno.h>
#include <string.h>

#define WHY_SIZE 256

static int parse(const char *text, struct store_uri *uri)
{
	char why[WHY_SIZE] = "";
	int rc = store_uri_parse(text, uri, why, sizeof(why));

	CHECK((rc == 0) == (why[0] == '\0'));
	return rc;
}

static bool is(const char *got, const char *want)
{
	return strcmp(got, want) == 0;
}

static void a_bucket_of_amazon_needs_nothing_else(void)
{
	struct store_uri uri;

	CHECK(parse("s3://my-cache", &uri) == 0);
	CHECK(uri.kind == STORE_URI_S3 && !uri.is_plain_http);
	CHECK(is(uri.bucket, "my-cache") && is(uri.prefix, ""));
	CHECK(is(uri.region, "us-east-1"));
	CHECK(is(uri.endpoint, "s3.us-east-1.amazonaws.com"));
	CHECK(uri.addressing == ADDRESSING_VIRTUAL);
}

static void what_is_not_said_is_empty(void)
{
	struct store_uri uri;

	CHECK(parse("s3://my-cache", &uri) == 0);
	CHECK(is(uri.compression, "") && is(uri.path, ""));
	CHECK(uri.priority == -1 && !uri.has_profile);
}

#define EVERYTHING                                                \
	"s3://ai-dev-env/nix/cache?endpoint=S3.EU-Central-003."   \
	"BackblazeB2.com:9000&region=eu-central-003&scheme=http&" \
	"addressing-style=virtual&compression=xz&priority=30&profile=any"

static void every_parameter_is_read(void)
{
	struct store_uri uri;

	CHECK(parse(EVERYTHING, &uri) == 0);
	CHECK(is(uri.region, "eu-central-003"));
	CHECK(uri.is_plain_http && uri.addressing == ADDRESSING_VIRTUAL);
	CHECK(is(uri.compression, "xz"));
	CHECK(uri.priority == 30 && uri.has_profile);
}

static void the_place_is_read(void)
{
	struct store_uri uri;

	CHECK(parse(EVERYTHING, &uri) == 0);
	CHECK(is(uri.bucket, "ai-dev-env"));
	CHECK(is(uri.prefix, "nix/cache"));
	CHECK(is(uri.endpoint, "s3.eu-central-003.backblazeb2.com:9000"));
}

static void endpoints_come_in_many_forms(void)
{
	static const struct {
		const char *query;
		const char *endpoint;
		bool is_plain_http;
	} cases[] = {
		{ "endpoint=h.example", "h.example", false },
		{ "endpoint=localhost", "localhost", false },
		{ "endpoint=H.Example", "h.example", false },
		{ "endpoint=h.example:443", "h.example", false },
		{ "endpoint=h.example:80", "h.example:80", false },
		{ "endpoint=h.example:65535", "h.example:65535", false },
		{ "endpoint=h.example:80&scheme=http", "h.example", true },
		{ "scheme=http&endpoint=h.example:443", "h.example:443", true },
		{ "endpoint=http://h.example", "h.example", true },
		{ "endpoint=HTTP://h.example/", "h.example", true },
		{ "endpoint=http://h.example:80/", "h.example", true },
		{ "endpoint=https://h.example", "h.example", false },
		{ "endpoint=https://h.example:443/", "h.example", false },
		{ "endpoint=https://h.example:9000", "h.example:9000", false },
		{ "endpoint=http%3A%2F%2Fh.example%3a9000%2F", "h.example:9000",
		  true },
		{ "endpoint=http://h.example&scheme=http", "h.example", true },
		{ "endpoint=127.0.0.1:9000", "127.0.0.1:9000", false },
		{ "endpoint=http://[::1]:9000", "[::1]:9000", true },
		{ "endpoint=[FE80::1]", "[fe80::1]", false },
		{ "endpoint=minio_1:9000", "minio_1:9000", false },
		{ "region=eu-west-1", "s3.eu-west-1.amazonaws.com", false },
		{ "scheme=http", "s3.us-east-1.amazonaws.com", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_uri uri;
		char text[512];

		(void)snprintf(text, sizeof(text), "s3://bucket?%s",
		               cases[i].query);
		if (parse(text, &uri) != 0 ||
		    strcmp(uri.endpoint, cases[i].endpoint) != 0 ||
		    uri.is_plain_http != cases[i].is_plain_http)
			test_fail(__FILE__, __LINE__, text);
	}
}

static void addressing_is_resolved_as_nix_does(void)
{
	static const struct {
		const char *text;
		enum addressing_style want;
	} cases[] = {
		{ "s3://bucket", ADDRESSING_VIRTUAL },
		{ "s3://bucket?addressing-style=auto", ADDRESSING_VIRTUAL },
		{ "s3://bucket?addressing-style=path", ADDRESSING_PATH },
		{ "s3://bu.ck.et", ADDRESSING_PATH },
		{ "s3://bucket?endpoint=h.example", ADDRESSING_PATH },
		{ "s3://bucket?endpoint=h.example&addressing-style=auto",
		  ADDRESSING_PATH },
		{ "s3://bucket?endpoint=h.example&addressing-style=virtual",
		  ADDRESSING_VIRTUAL },
		{ "s3://bu.ck.et?endpoint=http://h&addressing-style=virtual",
		  ADDRESSING_VIRTUAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_uri uri;

		if (parse(cases[i].text, &uri) != 0 ||
		    uri.addressing != cases[i].want)
			test_fail(__FILE__, __LINE__, cases[i].text);
	}
}

static void what_is_harmless_is_taken(void)
{
	static const struct {
		const char *text;
		const char *prefix;
	} cases[] = {
		{ "s3://bucket?", "" },
		{ "s3://bucket/", "" },
		{ "s3://bucket/?region=auto", "" },
		{ "s3://bucket/nix/", "nix" },
		{ "s3://bucket/a/b.c/~d_e-f/...", "a/b.c/~d_e-f/..." },
		{ "s3://bucket?&region=auto&&priority=0&", "" },
		{ "s3://bucket?region=US_East-1", "" },
		{ "s3://1.2-3.b4", "" },
		{ "s3://bucket?profile=a%20b", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_uri uri;

		if (parse(cases[i].text, &uri) != 0 ||
		    strcmp(uri.prefix, cases[i].prefix) != 0)
			test_fail(__FILE__, __LINE__, cases[i].text);
	}
}

/* Each value that is wrong has "seCreT" in it, unless it is too short for
 * that: it must not come back. */
static const struct {
	const char *text;
	const char *word; /* in the sentence */
} mistakes[] = {
	{ "", "s3://" },
	{ "seCreT", "s3://" },
	{ "/srv/seCreT", "s3://" },
	{ "http://cache.example/seCreT", "only s3:// and file://" },
	{ "https://user:seCreT@cache.example", "only s3://" },
	{ "ssh://host/seCreT", "only s3:// and file://" },
	{ "ssh-ng://host", "only s3:// and file://" },
	{ "daemon", "only s3:// and file://" },
	{ "S3://bucket", "only s3:// and file://" },
	{ "s3:bucket", "only s3:// and file://" },
	/* bucket */
	{ "s3://", "bucket" },
	{ "s3:///prefix", "bucket" },
	{ "s3://ab", "bucket" },
	{ "s3://seCreT", "bucket" },
	{ "s3://user:seCreT@bucket", "bucket" },
	{ "s3://buck_et", "bucket" },
	{ "s3://-bucket", "bucket" },
	{ "s3://bucket-", "bucket" },
	{ "s3://.bucket", "bucket" },
	{ "s3://bucket.", "bucket" },
	{ "s3://bu..cket", "bucket" },
	{ "s3://bu.-cket", "bucket" },
	{ "s3://bucket:80", "bucket" },
	{ "s3://buck%65t", "bucket" },
	/* prefix */
	{ "s3://bucket//seCreT", "prefix" },
	{ "s3://bucket//", "prefix" },
	{ "s3://bucket/a//b", "prefix" },
	{ "s3://bucket/a/./b", "prefix" },
	{ "s3://bucket/../b", "prefix" },
	{ "s3://bucket/a/..", "prefix" },
	{ "s3://bucket/a/../", "prefix" },
	{ "s3://bucket/seCreT+b", "prefix" },
	{ "s3://bucket/a b", "prefix" },
	{ "s3://bucket/a%2Fb", "prefix" },
	{ "s3://bucket/\xc3\xa4", "prefix" },
	{ "s3://bucket/a\n", "prefix" },
	/* query */
	{ "s3://bucket#seCreT", "#" },
	{ "s3://bucket?region=a#seCreT", "#" },
	{ "s3://bucket?write-nar-listing=seCreT", "write-nar-listing" },
	{ "s3://bucket?secret-key=seCreT", "secret-key" },
	{ "s3://bucket?Region=seCreT", "'Region'" },
	{ "s3://bucket?=seCreT", "unknown parameter ''" },
	{ "s3://bucket?region", "region: has no value" },
	{ "s3://bucket?region=", "region: is empty" },
	{ "s3://bucket?region=a&region=seCreT", "region: is given" },
	{ "s3://bucket?region=&region=a", "region: is given twice" },
	{ "s3://bucket?profile=a&profile=b", "profile: is given" },
	{ "s3://bucket?region=seCreT/b", "region: " },
	{ "s3://bucket?region=-seCreT", "region: " },
	{ "s3://bucket?region=seCreT.b", "region: " },
	{ "s3://bucket?region=seCreT%", "region: " },
	{ "s3://bucket?region=seCreT%4", "region: " },
	{ "s3://bucket?region=seCreT%4g", "region: " },
	{ "s3://bucket?region=seCreT%00", "region: " },
	{ "s3://bucket?region=seCreT+x", "region: " },
	{ "s3://bucket?scheme=seCreT", "scheme: " },
	{ "s3://bucket?scheme=HTTPS", "scheme: " },
	{ "s3://bucket?addressing-style=seCreT", "addressing-style: " },
	{ "s3://b.ck?addressing-style=virtual", "addressing-style: " },
	{ "s3://bucket?addressing-style=virtual&endpoint=10.0.0.1:80",
	  "addressing-style: " },
	{ "s3://bucket?addressing-style=virtual&endpoint=http://[::1]",
	  "addressing-style: " },
	{ "s3://bucket?compression=seCreT", "compression: " },
	{ "s3://bucket?compression=gzip", "compression: " },
	{ "s3://bucket?priority=seCreT", "priority: " },
	{ "s3://bucket?priority=-1", "priority: " },
	{ "s3://bucket?priority=100001", "priority: " },
	/* endpoint */
	{ "s3://bucket?endpoint=", "endpoint: is empty" },
	{ "s3://bucket?endpoint=http://", "endpoint: " },
	{ "s3://bucket?endpoint=https:///", "endpoint: " },
	{ "s3://bucket?endpoint=https://seCreT//", "endpoint: " },
	{ "s3://bucket?endpoint=seCreT/", "endpoint: " },
	{ "s3://bucket?endpoint=ftp://seCreT", "endpoint: " },
	{ "s3://bucket?endpoint=http://h/seCreT", "endpoint: " },
	{ "s3://bucket?endpoint=http://h?seCreT", "endpoint: " },
	{ "s3://bucket?endpoint=u:seCreT@h", "endpoint: " },
	{ "s3://bucket?endpoint=http://u:seCreT@h", "endpoint: " },
	{ "s3://bucket?endpoint=seCreT:", "endpoint: " },
	{ "s3://bucket?endpoint=seCreT:0", "endpoint: " },
	{ "s3://bucket?endpoint=seCreT:65536", "endpoint: " },
	{ "s3://bucket?endpoint=seCreT:8x", "endpoint: " },
	{ "s3://bucket?endpoint=::1", "endpoint: " },
	{ "s3://bucket?endpoint=[::1", "endpoint: " },
	{ "s3://bucket?endpoint=[::1]x", "endpoint: " },
	{ "s3://bucket?endpoint=[seCreT]", "endpoint: " },
	{ "s3://bucket?endpoint=.seCreT", "endpoint: " },
	{ "s3://bucket?endpoint=seCreT.", "endpoint: " },
	{ "s3://bucket?endpoint=a..seCreT", "endpoint: " },
	{ "s3://bucket?endpoint=-seCreT", "endpoint: " },
	{ "s3://bucket?endpoint=seC%0areT", "endpoint: " },
	{ "s3://bucket?endpoint=http://h&scheme=https", "scheme: " },
	{ "s3://bucket?endpoint=https://h&scheme=http", "scheme: " },
	/* file */
	{ "file://", "absolute" },
	{ "file://seCreT/x", "absolute" },
	{ "file://?compression=xz", "absolute" },
	{ "file:///", "empty" },
	{ "file://///", "empty" },
	{ "file:///seCreT/..", "'..'" },
	{ "file:///seCreT/%2e%2e/x", "'..'" },
	{ "file:///./seCreT", "'.'" },
	{ "file:///seCreT%", "percent" },
	{ "file:///seCreT%00", "percent" },
	{ "file:///seCreT\n", "control" },
	{ "file:///seCreT%1b", "control" },
	{ "file:///x?region=seCreT", "region: only" },
	{ "file:///x?endpoint=seCreT", "endpoint: only" },
	{ "file:///x?compression=seCreT", "compression: " },
	{ "file:///x?write-nar-listing=1", "write-nar-listing" },
};

static void mistakes_name_the_parameter_and_never_its_value(void)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct store_uri uri = { .priority = 77 };
		char why[WHY_SIZE] = "";

		if (store_uri_parse(mistakes[i].text, &uri, why, sizeof(why)) !=
		            -EINVAL ||
		    !strstr(why, mistakes[i].word) || strstr(why, "seCreT") ||
		    strstr(why, "secret") != strstr(why, "secret-key") ||
		    uri.priority != 77) {
			test_fail(__FILE__, __LINE__, mistakes[i].text);
			(void)printf("# said: %s\n", why);
		}
	}
}

static void an_unknown_name_is_made_printable_and_short(void)
{
	struct store_uri uri;
	char why[WHY_SIZE];
	char text[1024];

	CHECK(store_uri_parse("s3://bucket?a\033[31mb\nc=1", &uri, why,
	                      sizeof(why)) == -EINVAL);
	CHECK(strcmp(why, "unknown parameter 'ab?c'") == 0);

	(void)snprintf(text, sizeof(text), "s3://bucket?%0900d=1", 0);
	CHECK(store_uri_parse(text, &uri, why, sizeof(why)) == -EINVAL);
	CHECK(strlen(why) < 64);
	/* and a sentence that does not fit is cut */
	CHECK(store_uri_parse(text, &uri, why, 8) == -EINVAL);
	CHECK(strcmp(why, "unknown") == 0);
}

static void every_limit_has_two_sides(void)
{
#define LABEL ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	/* head, then max times 'a', then tail; one more is too long */
	static const struct {
		const char *head;
		size_t max;
		const char *tail;
	} cases[] = {
		{ "s3://", 63, "" },
		{ "s3://bucket/", STORE_URI_PART_MAX, "" },
		{ "s3://bucket/", STORE_URI_PART_MAX, "/" },
		{ "s3://bucket?region=", 63, "" },
		/* one label, and four of them with their dots */
		{ "s3://bucket?endpoint=", 63, "" },
		{ "s3://bucket?endpoint=", 63, LABEL LABEL LABEL },
		{ "s3://bucket?endpoint=https://", 63, LABEL LABEL LABEL "/" },
		{ "s3://bucket?endpoint=", 61, ".a" LABEL LABEL LABEL },
		/* the port counts, unless it is the usual one */
		{ "s3://bucket?endpoint=", 60, LABEL LABEL LABEL ":81" },
		{ "s3://bucket?endpoint=", 63, LABEL LABEL LABEL ":443" },
		{ "file:///", STORE_URI_MAX - 8, "" },
	};

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count = cases[i / 2].max + i % 2;
		char text[STORE_URI_MAX + 3];
		struct store_uri uri;
		struct buffer buffer;

		buffer_wrap(&buffer, text, sizeof(text));
		buffer_append_text(&buffer, cases[i / 2].head);
		while (count-- > 0)
			buffer_append_char(&buffer, 'a');
		buffer_append_text(&buffer, cases[i / 2].tail);
		CHECK(parse(buffer_text(&buffer), &uri) ==
		      (i % 2 == 0 ? 0 : -EINVAL));
	}
#undef LABEL
}

static void a_bucket_has_at_least_3_characters(void)
{
	struct store_uri uri;

	CHECK(parse("s3://abc", &uri) == 0);
	CHECK(parse("s3://ab", &uri) == -EINVAL);
}

static void a_folder_is_normalised(void)
{
	static const struct {
		const char *text;
		const char *path;
	} cases[] = {
		{ "file:///srv/cache", "/srv/cache" },
		{ "file:///srv/cache/", "/srv/cache" },
		{ "file:////srv//cache///", "/srv/cache" },
		{ "file:///mnt/a%20b/c%2Bd+e", "/mnt/a b/c+d+e" },
		{ "file:///srv/%E4%BD%A0", "/srv/\xe4\xbd\xa0" },
		{ "file:///srv/...", "/srv/..." },
		{ "file:///srv/.hidden", "/srv/.hidden" },
		{ "file:///srv?compression=none&priority=5", "/srv" },
		{ "file:///srv/100%25%3f", "/srv/100%?" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_uri uri;

		if (parse(cases[i].text, &uri) != 0 ||
		    uri.kind != STORE_URI_FILE ||
		    strcmp(uri.path, cases[i].path) != 0 ||
		    uri.bucket[0] != '\0' || uri.endpoint[0] != '\0')
			test_fail(__FILE__, __LINE__, cases[i].text);
	}
}

static void the_same_place_is_recognised(void)
{
	static const struct {
		const char *a;
		const char *b;
		bool want;
	} cases[] = {
		{ "s3://bucket/p?endpoint=h",
		  "s3://bucket/p?endpoint=H:443&region=auto&priority=3", true },
		{ "s3://bucket", "s3://bucket?addressing-style=path", true },
		{ "file:///a", "file:////a/?compression=xz", true },
		{ "s3://bucket", "s3://bucket2", false },
		{ "s3://bucket", "s3://bucket/p", false },
		{ "s3://bucket", "s3://bucket?endpoint=h", false },
		{ "s3://bucket?endpoint=h", "s3://bucket?endpoint=h:81",
		  false },
		{ "file:///a", "file:///b", false },
		{ "file:///a", "s3://bucket", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_uri a, b;

		if (parse(cases[i].a, &a) != 0 || parse(cases[i].b, &b) != 0 ||
		    store_uri_same_place(&a, &b) != cases[i].want)
			test_fail(__FILE__, __LINE__, cases[i].b);
	}
}

static void every_truncation_is_read_or_refused_with_a_reason(void)
{
	static const char text[] = "s3://bucket/a/b?endpoint=http%3A%2F%2Fh:1&"
				   "region=auto&addressing-style=path&"
				   "compression=zstd&priority=10";
	char part[sizeof(text)];

	for (size_t len = 0; len < sizeof(text); len++) {
		struct store_uri uri;

		memcpy(part, text, len);
		part[len] = '\0';
		(void)!parse(part, &uri); /* checks the sentence */
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "a bucket of Amazon needs nothing else",
		  a_bucket_of_amazon_needs_nothing_else },
		{ "what is not said is empty", what_is_not_said_is_empty },
		{ "the place is read", the_place_is_read },
		{ "every parameter is read", every_parameter_is_read },
		{ "endpoints come in many forms",
		  endpoints_come_in_many_forms },
		{ "addressing is resolved as Nix does",
		  addressing_is_resolved_as_nix_does },
		{ "what is harmless is taken", what_is_harmless_is_taken },
		{ "mistakes name the parameter and never its value",
		  mistakes_name_the_parameter_and_never_its_value },
		{ "an unknown name is made printable and short",
		  an_unknown_name_is_made_printable_and_short },
		{ "every limit has two sides", every_limit_has_two_sides },
		{ "a bucket has at least 3 characters",
		  a_bucket_has_at_least_3_characters },
		{ "a folder is normalised", a_folder_is_normalised },
		{ "the same place is recognised",
		  the_same_place_is_recognised },
		{ "every truncation is read or refused with a reason",
		  every_truncation_is_read_or_refused_with_a_reason },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
