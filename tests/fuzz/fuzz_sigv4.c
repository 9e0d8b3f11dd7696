/* Requests (a place's byte, then the body of a presign frame) made into URLs.
 * The signature of each is computed once more from nothing but the URL, the
 * method and the headers that go with it. */
#include "tests/fuzz/fuzz.h"

#include "agent/wire.h"
#include "protocol/s3/uri_encode.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>

#define ID      "AKIDEXAMPLE"
#define SECRET  "not/a+real/secret"
#define TOKEN   "a/session+token=="
#define DATE    "20150830T123600Z"
#define REGION  "us-east-1"
#define URL_MAX 65536

static const struct s3_place places[] = {
	{ .endpoint = "s3.example.org",
	  .bucket = "b",
	  .prefix = "",
	  .region = REGION },
	{ .endpoint = "s3.example.org:443",
	  .bucket = "b",
	  .prefix = "nix/c",
	  .region = REGION,
	  .is_virtual_host = true },
	{ .endpoint = "localhost:9000",
	  .bucket = "b",
	  .prefix = "x y+%",
	  .region = REGION,
	  .is_plain_http = true },
	{ .endpoint = "localhost:80",
	  .bucket = "b.c",
	  .prefix = "p",
	  .region = REGION,
	  .is_plain_http = true },
};

/* The pieces of a URL, borrowed. */
struct url {
	struct bytes host;
	struct bytes path;
	struct bytes query; /* without the signature */
	struct bytes signature;
};

static struct bytes up_to(struct bytes *left, const char *end)
{
	const uint8_t *at = memmem(left->data, left->len, end, strlen(end));
	struct bytes piece;

	MUST(at);
	piece = (struct bytes){ left->data, (size_t)(at - left->data) };
	left->data = at + strlen(end);
	left->len -= piece.len + strlen(end);
	return piece;
}

static void split(struct bytes text, const char *scheme, struct url *ret_url)
{
	const uint8_t *slash;

	MUST(bytes_equal(up_to(&text, "://"), bytes_of_text(scheme)));
	slash = memchr(text.data, '/', text.len);
	MUST(slash);
	ret_url->host =
		(struct bytes){ text.data, (size_t)(slash - text.data) };
	text.len -= ret_url->host.len;
	text.data = slash;
	ret_url->path = up_to(&text, "?");
	ret_url->query = up_to(&text, "&X-Amz-Signature=");
	ret_url->signature = text;
}

/* Decodes to something that is encoded as it was. */
static void check_encoding(struct bytes piece)
{
	cleanup_buffer struct buffer raw, again;

	buffer_init(&raw, URL_MAX);
	buffer_init(&again, URL_MAX);
	MUST(!memchr(piece.data, '+', piece.len));
	MUST(uri_decode(&raw, piece) == 0);
	uri_encode(&again, buffer_bytes(&raw));
	MUST(bytes_equal(buffer_bytes(&again), piece));
}

static int compare(struct bytes a, struct bytes b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

	if (order != 0 || a.len == b.len)
		return order;
	return a.len < b.len ? -1 : 1;
}

/* Sorted by encoded name; no name twice. */
static void check_query(struct bytes query)
{
	struct bytes last = bytes_of_text("");

	while (query.len > 0) {
		const uint8_t *end = memchr(query.data, '&', query.len);
		size_t len = end ? (size_t)(end - query.data) : query.len;
		struct bytes value = { query.data, len };
		struct bytes name = up_to(&value, "=");

		MUST(compare(last, name) < 0);
		MUST(!memchr(value.data, '=', value.len));
		check_encoding(name);
		check_encoding(value);
		last = name;
		query.data += end ? len + 1 : len;
		query.len -= end ? len + 1 : len;
	}
}

static bool has_pair(struct bytes query, const char *pair)
{
	return memmem(query.data, query.len, pair, strlen(pair)) != NULL;
}

/* The headers of our requests are in lower case and sorted already, but for
 * host; their values need no trimming. */
static void put_headers(const struct sigv4_request *request, struct bytes host,
                        struct buffer *out)
{
	cleanup_buffer struct buffer names;
	bool is_host_put = false;

	buffer_init(&names, 4096);
	for (size_t i = 0; i <= request->header_count; i++) {
		struct sigv4_pair header = { bytes_of_text("host"), host };

		if (i < request->header_count &&
		    (is_host_put ||
		     compare(request->headers[i].name, header.name) < 0)) {
			header = request->headers[i];
		} else if (is_host_put) {
			break;
		} else {
			is_host_put = true;
			i--;
		}
		buffer_append_bytes(out, header.name);
		buffer_append_char(out, ':');
		buffer_append_bytes(out, header.value);
		buffer_append_char(out, '\n');
		if (names.len > 0)
			buffer_append_char(&names, ';');
		buffer_append_bytes(&names, header.name);
	}
	buffer_append_char(out, '\n');
	buffer_append_bytes(out, buffer_bytes(&names));
}

static void hmac(const void *key, size_t key_len, const char *text,
                 uint8_t out[32])
{
	MUST(HMAC(EVP_sha256(), key, (int)key_len, (const uint8_t *)text,
	          strlen(text), out, NULL));
}

static void hex(const uint8_t *in, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", in[i]);
}

static void sign(struct bytes canonical, char out[65])
{
	uint8_t key[32], next[32], digest[32];
	char text[512], digest_hex[65];

	MUST(SHA256(canonical.data, canonical.len, digest));
	hex(digest, sizeof(digest), digest_hex);
	(void)snprintf(text, sizeof(text),
	               "AWS4-HMAC-SHA256\n" DATE "\n20150830/" REGION
	               "/s3/aws4_request\n%s",
	               digest_hex);
	hmac("AWS4" SECRET, strlen("AWS4" SECRET), "20150830", key);
	hmac(key, sizeof(key), REGION, next);
	hmac(next, sizeof(next), "s3", key);
	hmac(key, sizeof(key), "aws4_request", next);
	hmac(next, sizeof(next), text, digest);
	hex(digest, sizeof(digest), out);
}

static void check_url(struct bytes text, const struct sigv4_request *request)
{
	cleanup_buffer struct buffer canonical;
	char signature[65];
	struct url url;

	split(text, request->scheme, &url);
	check_query(url.query);
	MUST(has_pair(url.query, "X-Amz-Credential=" ID "%2F20150830%2F"));
	MUST(has_pair(url.query, "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"));
	MUST(compare(url.host, request->host) == 0);

	buffer_init(&canonical, URL_MAX);
	buffer_append_text(&canonical, request->method);
	buffer_append_char(&canonical, '\n');
	buffer_append_bytes(&canonical, url.path);
	buffer_append_char(&canonical, '\n');
	buffer_append_bytes(&canonical, url.query);
	buffer_append_char(&canonical, '\n');
	put_headers(request, url.host, &canonical);
	buffer_append_text(&canonical, "\nUNSIGNED-PAYLOAD");
	MUST(buffer_end(&canonical) == 0);
	sign(buffer_bytes(&canonical), signature);
	MUST(bytes_equal(url.signature, bytes_of_text(signature)));
}

static void presign(const struct s3_place *place,
                    const struct s3_object_request *request, bool has_token)
{
	struct sigv4_scope scope = { .access_key_id = bytes_of_text(ID),
		                     .region = REGION,
		                     .service = "s3",
		                     .amz_date = DATE,
		                     .expires = 300 };
	cleanup_buffer struct buffer url;
	struct sigv4_request canonical;
	struct s3_scratch scratch;
	struct sigv4_key key;

	buffer_init(&url, URL_MAX);
	if (has_token)
		scope.session_token = bytes_of_text(TOKEN);
	if (s3_object_request_build(place, request, &scratch, &canonical) < 0)
		return;
	sigv4_key_derive(&key, bytes_of_text(SECRET), DATE, REGION, "s3");
	MUST(sigv4_presign(&key, &canonical, &scope, &url) == 0);
	check_url(buffer_bytes(&url), &canonical);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct s3_object_request request;
	uint16_t cache;

	if (len == 0 || wire_get_presign((struct bytes){ bytes + 1, len - 1 },
	                                 &cache, &request) < 0)
		return 0;
	if (!s3_object_request_check(&request))
		presign(&places[bytes[0] % 4], &request, bytes[0] & 4);
	return 0;
}
