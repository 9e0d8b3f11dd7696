#include "tests/lib/test.h"

#include "protocol/s3/sigv4.h"

#include <errno.h>
#include <string.h>

/* The example of Amazon's S3 manual, "Authenticating Requests: Using Query
 * Parameters (AWS Signature Version 4)"; its credentials are made up. */
#define EXAMPLE_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EXAMPLE_SIGNATURE                                   \
	"aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957" \
	"d157751f604d404"

static struct bytes text(const char *s)
{
	return bytes_of_text(s);
}

static struct sigv4_scope example_scope(void)
{
	return (struct sigv4_scope){
		.access_key_id = text("AKIAIOSFODNN7EXAMPLE"),
		.region = "us-east-1",
		.service = "s3",
		.amz_date = "20130524T000000Z",
		.expires = 86400,
	};
}

static struct sigv4_request example_request(void)
{
	return (struct sigv4_request){
		.method = "GET",
		.scheme = "https",
		.host = text("examplebucket.s3.amazonaws.com"),
		.path = text("/test.txt"),
		.payload_hash = SIGV4_UNSIGNED,
	};
}

static struct sigv4_key example_key(void)
{
	struct sigv4_key key;

	sigv4_key_derive(&key, text(EXAMPLE_SECRET), "20130524", "us-east-1",
	                 "s3");
	return key;
}

static bool is_text(struct buffer *b, const char *want)
{
	const char *got = buffer_text(b);

	if (got && strcmp(got, want) == 0)
		return true;
	(void)printf("# got  %s\n# want %s\n", got ? got : "(failed)", want);
	return false;
}

static bool has_text(struct buffer *b, const char *part)
{
	const char *got = buffer_text(b);

	if (got && strstr(got, part))
		return true;
	(void)printf("# %s\n# lacks %s\n", got ? got : "(failed)", part);
	return false;
}

static void the_example_of_the_manual_comes_out(void)
{
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	struct sigv4_key key = example_key();
	char memory[2048];
	struct buffer url;

	buffer_wrap(&url, memory, sizeof(memory));
	CHECK(sigv4_presign(&key, &request, &scope, &url) == 0);
	CHECK(is_text(&url, "https://examplebucket.s3.amazonaws.com/test.txt"
	                    "?X-Amz-Algorithm=AWS4-HMAC-SHA256"
	                    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
	                    "%2Fus-east-1%2Fs3%2Faws4_request"
	                    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
	                    "&X-Amz-SignedHeaders=host"
	                    "&X-Amz-Signature=" EXAMPLE_SIGNATURE));
}

static void a_url_is_appended_and_the_scratch_behind_it_is_wiped(void)
{
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	struct sigv4_key key = example_key();
	char memory[4096];
	struct buffer url;

	memset(memory, 0, sizeof(memory));
	scope.session_token = text("very-secret-token");
	buffer_wrap(&url, memory, sizeof(memory));
	buffer_append_text(&url, "before ");
	CHECK(sigv4_presign(&key, &request, &scope, &url) == 0);
	CHECK(memcmp(memory, "before https://", 15) == 0);
	CHECK(has_text(&url, "&X-Amz-Security-Token=very-secret-token&"));
	for (size_t i = url.len; i < sizeof(memory); i++)
		CHECK(memory[i] == '\0');
}

static void a_buffer_too_small_is_refused_at_every_size(void)
{
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	struct sigv4_key key = example_key();
	char memory[2048];
	struct buffer url = { .len = 0 };
	size_t size = 0;
	int rc = -EMSGSIZE;

	for (; rc == -EMSGSIZE && size < sizeof(memory); size++) {
		buffer_wrap(&url, memory, size);
		rc = sigv4_presign(&key, &request, &scope, &url);
	}
	CHECK(rc == 0);
	CHECK(size > url.len && size < url.len + SIGV4_SLACK);
}

static void a_key_of_another_day_is_refused(void)
{
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	struct sigv4_key key = example_key();
	char memory[2048];
	struct buffer url;

	buffer_wrap(&url, memory, sizeof(memory));
	memcpy(scope.amz_date, "20130525", 8);
	CHECK(sigv4_presign(&key, &request, &scope, &url) == -EINVAL);
	CHECK(url.len == 0);
}

static void a_secret_may_be_longer_than_an_hmac_block(void)
{
	/* Computed with Python's hmac module: 60 bytes fill the block of 64
	 * with "AWS4", 61 are one too many. */
	static const struct {
		size_t len;
		const char *want;
	} cases[] = {
		{ 0, "71425caab9c6756d8bfd3d3c2c5693650ff63445de6d7fe3"
		     "7609d2a7f9bb36b1" },
		{ 60, "ed32eab4c71e1a8a07338f3a0abc66be487068a68db00168"
		      "5701c18b6b37f4d9" },
		{ 61, "7156b271c2a01d79d619d161752495cdfc565d14356e7282"
		      "b721a5a178f13b11" },
		{ 200, "8c6b9f768eda08d3c03fbe5bd349724bf20cc6f48b6d7c81"
		       "e233df15e0052540" },
	};
	uint8_t secret[200];

	memset(secret, 'k', sizeof(secret));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char signature[SIGV4_SIGNATURE_LEN + 1];
		struct sigv4_key key;

		sigv4_key_derive(&key, (struct bytes){ secret, cases[i].len },
		                 "20130524", "us-east-1", "s3");
		sigv4_signature(&key, text("message"), signature);
		CHECK(strcmp(signature, cases[i].want) == 0);
	}
}

static void dates_follow_the_calendar(void)
{
	static const struct {
		int64_t epoch;
		const char *want;
	} cases[] = {
		{ 0, "19700101T000000Z" },
		{ 86399, "19700101T235959Z" },
		{ 86400, "19700102T000000Z" },
		{ -1, "19691231T235959Z" },
		{ -86400, "19691231T000000Z" },
		{ 951782400, "20000229T000000Z" },
		{ 951868799, "20000229T235959Z" },
		{ 951868800, "20000301T000000Z" },
		{ 1440938160, "20150830T123600Z" },
		{ 1709164800, "20240229T000000Z" },
		{ 1709251200, "20240301T000000Z" },
		{ 2147483647, "20380119T031407Z" },
		{ 2147483648, "20380119T031408Z" },
		{ 4107542400, "21000301T000000Z" },
		{ 4107542399, "21000228T235959Z" },
		{ 253402300799, "99991231T235959Z" },
		{ -62167219200, "00000101T000000Z" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char date[SIGV4_DATE_LEN + 1];

		sigv4_format_date(cases[i].epoch, date);
		CHECK(strcmp(date, cases[i].want) == 0);
	}
}

static void every_day_of_four_centuries_is_the_next_one(void)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30,
		                       31, 31, 30, 31, 30, 31 };
	int year = 1970, month = 1, day = 1;

	for (int64_t days = 0; days < 146097; days++) {
		bool is_leap = (year % 4 == 0 && year % 100 != 0) ||
		               year % 400 == 0;
		int length = lengths[month - 1] + (month == 2 && is_leap);
		char got[SIGV4_DATE_LEN + 1], want[64];

		sigv4_format_date(days * 86400 + 43200, got);
		(void)snprintf(want, sizeof(want), "%04d%02d%02dT120000Z", year,
		               month, day);
		CHECK(strcmp(got, want) == 0);
		day = day == length ? 1 : day + 1;
		month += day == 1;
		year += month == 13;
		month = month == 13 ? 1 : month;
	}
}

static void the_query_is_sorted_by_encoded_name_then_value(void)
{
	static const char *const names[][2] = {
		{ "b", "2" },   { "b", "1" },        { "a-", "" },
		{ "a", "z" },   { "\xc3\xbc", "u" }, { "Z", "1" },
		{ "a b", "+" }, { "b", "/" },        { "a", "z~" },
		{ "b", "10" },
	};
	struct sigv4_pair query[sizeof(names) / sizeof(*names)];
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	char memory[2048];
	struct buffer out;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		query[i] = (struct sigv4_pair){ text(names[i][0]),
			                        text(names[i][1]) };
	}
	request.query = query;
	request.query_count = sizeof(names) / sizeof(*names);
	buffer_wrap(&out, memory, sizeof(memory));
	CHECK(sigv4_canonical_request(&request, &scope, &out) == 0);
	CHECK(has_text(&out, "\n%C3%BC=u&X-Amz-Algorithm="));
	CHECK(has_text(&out, "&X-Amz-SignedHeaders=host&Z=1&a=z&a=z~&a%20b=%2B"
	                     "&a-=&b=%2F&b=1&b=10&b=2\n"));
}

static void headers_are_lower_sorted_trimmed_and_joined(void)
{
	const struct sigv4_pair headers[] = {
		{ text("Z-Last"), text("z") },
		{ text("x-note"), text("  several \t  inner  spaces \t") },
		{ text("X-Twice"), text(" second") },
		{ text("a-First"), text("") },
		{ text("x-twice"), text("first ") },
		{ text("X-TWICE"), text("   ") },
		{ text("hos"), text("1") },
		{ text("hostx"), text("2") },
	};
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	char memory[2048];
	struct buffer out;

	request.headers = headers;
	request.header_count = sizeof(headers) / sizeof(*headers);
	buffer_wrap(&out, memory, sizeof(memory));
	CHECK(sigv4_canonical_request(&request, &scope, &out) == 0);
	CHECK(has_text(&out,
	               "\na-first:\nhos:1\nhost:examplebucket.s3.amazonaws.com"
	               "\nhostx:2\nx-note:several inner spaces\n"
	               "x-twice:second,first,\nz-last:z\n\n"
	               "a-first;hos;host;hostx;x-note;x-twice;z-last\n"
	               "UNSIGNED-PAYLOAD"));
	CHECK(has_text(&out, "X-Amz-SignedHeaders=a-first%3Bhos%3Bhost%3Bhostx"
	                     "%3Bx-note%3Bx-twice%3Bz-last\n"));
}

static void a_header_that_could_split_the_request_is_refused(void)
{
	static const struct {
		struct sigv4_pair header;
		int rc;
	} cases[] = {
		{ { { (const uint8_t *)"a", 1 }, { (const uint8_t *)"b", 1 } },
		  0 },
		{ { { (const uint8_t *)"a", 1 },
		    { (const uint8_t *)"b\nc", 3 } },
		  -EINVAL },
		{ { { (const uint8_t *)"a", 1 }, { (const uint8_t *)"\r", 1 } },
		  -EINVAL },
		{ { { (const uint8_t *)"a", 1 }, { (const uint8_t *)"", 1 } },
		  -EINVAL },
		{ { { (const uint8_t *)"a", 1 },
		    { (const uint8_t *)"\x7f", 1 } },
		  -EINVAL },
		{ { { (const uint8_t *)"a", 1 },
		    { (const uint8_t *)"\t\xc3\xbc", 3 } },
		  0 },
		{ { { NULL, 0 }, { (const uint8_t *)"b", 1 } }, -EINVAL },
		{ { { (const uint8_t *)"a b", 3 },
		    { (const uint8_t *)"b", 1 } },
		  -EINVAL },
		{ { { (const uint8_t *)"a:", 2 }, { (const uint8_t *)"b", 1 } },
		  -EINVAL },
		{ { { (const uint8_t *)"a\n", 2 },
		    { (const uint8_t *)"b", 1 } },
		  -EINVAL },
	};
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	struct sigv4_key key = example_key();
	char memory[2048];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer url;

		request.headers = &cases[i].header;
		request.header_count = 1;
		buffer_wrap(&url, memory, sizeof(memory));
		CHECK(sigv4_presign(&key, &request, &scope, &url) ==
		      cases[i].rc);
	}
}

static void pairs_are_counted_to_their_maximum(void)
{
	struct sigv4_pair pairs[SIGV4_PAIR_MAX + 1];
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	char memory[4096];
	struct buffer out;

	for (size_t i = 0; i <= SIGV4_PAIR_MAX; i++)
		pairs[i] = (struct sigv4_pair){ text("n"), text("v") };
	request.query = pairs;
	request.headers = pairs;
	request.query_count = SIGV4_PAIR_MAX;
	request.header_count = SIGV4_PAIR_MAX;
	request.has_payload_query = true;
	scope.session_token = text("t");
	buffer_wrap(&out, memory, sizeof(memory));
	CHECK(sigv4_canonical_request(&request, &scope, &out) == 0);
	request.query_count++;
	CHECK(sigv4_canonical_request(&request, &scope, &out) == -EINVAL);
	request.query_count--;
	request.header_count++;
	CHECK(sigv4_canonical_request(&request, &scope, &out) == -EINVAL);
}

static void an_overlong_region_or_header_list_is_refused(void)
{
	char region[600], name[2100], memory[8192];
	struct sigv4_pair header = { { (const uint8_t *)name, sizeof(name) },
		                     { NULL, 0 } };
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	struct buffer out;

	memset(region, 'r', sizeof(region));
	region[sizeof(region) - 1] = '\0';
	memset(name, 'n', sizeof(name));
	buffer_wrap(&out, memory, sizeof(memory));
	scope.region = region;
	CHECK(sigv4_canonical_request(&request, &scope, &out) == -EMSGSIZE);
	scope.region = "r";
	request.headers = &header;
	request.header_count = 1;
	CHECK(sigv4_canonical_request(&request, &scope, &out) == -EMSGSIZE);
}

static void the_payload_hash_may_stand_in_the_query(void)
{
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	char memory[2048];
	struct buffer out;

	request.has_payload_query = true;
	buffer_wrap(&out, memory, sizeof(memory));
	CHECK(sigv4_canonical_request(&request, &scope, &out) == 0);
	CHECK(has_text(&out, "SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&"
	                     "X-Amz-Credential="));
}

static void a_path_is_encoded_once_and_never_normalised(void)
{
	struct sigv4_scope scope = example_scope();
	struct sigv4_request request = example_request();
	char memory[2048];
	struct buffer out;

	request.path = text("//a/../b/./%2F+ \xc3\xbc/");
	buffer_wrap(&out, memory, sizeof(memory));
	CHECK(sigv4_canonical_request(&request, &scope, &out) == 0);
	CHECK(has_text(&out, "GET\n//a/../b/./%252F%2B%20%C3%BC/\nX-Amz-"));
}

int main(void)
{
	static const struct test tests[] = {
		{ "the example of the manual comes out",
		  the_example_of_the_manual_comes_out },
		{ "a url is appended and the scratch behind it is wiped",
		  a_url_is_appended_and_the_scratch_behind_it_is_wiped },
		{ "a buffer too small is refused at every size",
		  a_buffer_too_small_is_refused_at_every_size },
		{ "a key of another day is refused",
		  a_key_of_another_day_is_refused },
		{ "a secret may be longer than an HMAC block",
		  a_secret_may_be_longer_than_an_hmac_block },
		{ "dates follow the calendar", dates_follow_the_calendar },
		{ "every day of four centuries is the next one",
		  every_day_of_four_centuries_is_the_next_one },
		{ "the query is sorted by encoded name, then value",
		  the_query_is_sorted_by_encoded_name_then_value },
		{ "headers are lower-case, sorted, trimmed and joined",
		  headers_are_lower_sorted_trimmed_and_joined },
		{ "a header that could split the request is refused",
		  a_header_that_could_split_the_request_is_refused },
		{ "pairs are counted to their maximum",
		  pairs_are_counted_to_their_maximum },
		{ "an overlong region or header list is refused",
		  an_overlong_region_or_header_list_is_refused },
		{ "the payload hash may stand in the query",
		  the_payload_hash_may_stand_in_the_query },
		{ "a path is encoded once and never normalised",
		  a_path_is_encoded_once_and_never_normalised },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
