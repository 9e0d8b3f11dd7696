#include "protocol/nix/store_uri_s3.h"

#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* RFC 1035, 2.3.4 */
#define LABEL_MAX 63

/* docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
#define BUCKET_MIN 3
#define BUCKET_MAX 63

#define REGION_USUAL "us-east-1"
#define PORT_MAX     65535

_Static_assert(BUCKET_MAX <= STORE_URI_PART_MAX, "a bucket fits");

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Plain ASCII, whatever the locale. */
static bool is_alphanumeric(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

static void to_lower(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
	}
}

/* One part between dots. */
static bool label_is_valid(const char *label, size_t len)
{
	if (len == 0 || len > LABEL_MAX || label[0] == '-' ||
	    label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_lower_or_digit(label[i]) && label[i] != '-' &&
		    label[i] != '_')
			return false;
	}
	return true;
}

static bool is_address(const char *host)
{
	struct in_addr address;

	return host[0] == '[' || inet_pton(AF_INET, host, &address) == 1;
}

/* "[::1]" */
static bool is_ipv6(const char *host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	size_t len = strlen(host);

	if (len < 2 || len - 2 >= sizeof(text) || host[0] != '[' ||
	    host[len - 1] != ']')
		return false;
	memcpy(text, host + 1, len - 2);
	text[len - 2] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool host_is_valid(const char *host)
{
	if (host[0] == '[')
		return is_ipv6(host);
	for (;;) {
		size_t len = strcspn(host, ".");

		if (!label_is_valid(host, len))
			return false;
		if (host[len] == '\0')
			return true;
		host += len + 1;
	}
}

static bool bucket_is_valid(struct bytes bucket)
{
	char previous = '.';

	if (bucket.len < BUCKET_MIN || bucket.len > BUCKET_MAX)
		return false;
	for (size_t i = 0; i < bucket.len; i++) {
		char c = (char)bucket.data[i];
		bool is_edge = i == 0 || i == bucket.len - 1;

		if (!is_lower_or_digit(c) &&
		    (is_edge || previous == '.' || (c != '-' && c != '.')))
			return false;
		previous = c;
	}
	return true;
}

static int read_bucket(struct bytes bucket, struct store_uri *uri,
                       struct store_complaint *to)
{
	if (!bucket_is_valid(bucket)) {
		return store_complain(
			to, "the bucket's name must be %d to %d of a-z 0-9 - .",
			BUCKET_MIN, BUCKET_MAX);
	}
	memcpy(uri->bucket, bucket.data, bucket.len);
	uri->bucket[bucket.len] = '\0';
	return 0;
}

/* Unreserved characters stay as they are in every encoding of a key (RFC 3986
 * section 2.3). */
static bool prefix_part_is_valid(const char *part, size_t len)
{
	if (len == 0 ||
	    (part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.'))))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_alphanumeric(part[i]) && part[i] != '-' &&
		    part[i] != '.' && part[i] != '_' && part[i] != '~')
			return false;
	}
	return true;
}

static bool prefix_is_valid(const char *prefix)
{
	for (;;) {
		size_t len = strcspn(prefix, "/");

		if (!prefix_part_is_valid(prefix, len))
			return false;
		if (prefix[len] == '\0')
			return true;
		prefix += len + 1;
	}
}

/* prefix is what follows the slash behind the bucket. */
static int read_prefix(struct bytes prefix, struct store_uri *uri,
                       struct store_complaint *to)
{
	if (prefix.len > 1 && prefix.data[prefix.len - 1] == '/')
		prefix.len--;
	if (prefix.len > STORE_URI_PART_MAX) {
		return store_complain(to,
		                      "the prefix is longer than %d characters",
		                      STORE_URI_PART_MAX);
	}
	memcpy(uri->prefix, prefix.data, prefix.len);
	uri->prefix[prefix.len] = '\0';
	if (prefix.len > 0 && !prefix_is_valid(uri->prefix)) {
		return store_complain(to, "the prefix must be parts of "
		                          "A-Z a-z 0-9 - . _ ~ with one '/' "
		                          "between them, none of them '.' or "
		                          "'..'");
	}
	return 0;
}

static int read_place(struct bytes place, struct store_uri *uri,
                      struct store_complaint *to)
{
	const uint8_t *slash = memchr(place.data, '/', place.len);
	struct bytes bucket = { place.data, slash ? (size_t)(slash - place.data)
		                                  : place.len };
	int rc;

	rc = read_bucket(bucket, uri, to);
	if (rc < 0 || !slash)
		return rc;
	return read_prefix((struct bytes){ slash + 1,
	                                   place.len - bucket.len - 1 },
	                   uri, to);
}

static int read_region(const struct store_query *query, struct store_uri *uri,
                       struct store_complaint *to)
{
	char value[STORE_QUERY_VALUE_SIZE];
	char lower[STORE_QUERY_VALUE_SIZE];
	size_t len;
	int rc;

	rc = store_query_get(query, STORE_REGION, value, to);
	if (rc < 0)
		return rc;
	if (value[0] == '\0')
		memcpy(value, REGION_USUAL, sizeof(REGION_USUAL));

	/* It becomes part of a host name. */
	len = strlen(value);
	memcpy(lower, value, len + 1);
	to_lower(lower);
	if (!label_is_valid(lower, len)) {
		return store_complain(
			to, "region: must be 1 to %d of A-Z a-z 0-9 - _",
			LABEL_MAX);
	}
	memcpy(uri->region, value, len + 1);
	return 0;
}

static int read_scheme(const struct store_query *query, struct store_uri *uri,
                       struct store_complaint *to)
{
	char value[STORE_QUERY_VALUE_SIZE];
	int rc;

	rc = store_query_get(query, STORE_SCHEME, value, to);
	if (rc < 0 || value[0] == '\0')
		return rc;
	if (strcmp(value, "http") != 0 && strcmp(value, "https") != 0)
		return store_complain(to, "scheme: must be https or http");

	uri->is_plain_http = strcmp(value, "http") == 0;
	return 0;
}

/* Takes "http://" or "https://" and the slash at the end off an endpoint that
 * is a URL.  Nix lets the URL's scheme win over scheme=; two that contradict
 * each other are refused here, lest a request leave unencrypted that was not
 * meant to. */
static int unwrap_endpoint(char *value, bool has_scheme, struct store_uri *uri,
                           struct store_complaint *to)
{
	bool is_http = strncasecmp(value, "http://", 7) == 0;
	bool is_https = strncasecmp(value, "https://", 8) == 0;
	size_t skip = is_http ? 7 : 8;
	size_t len;

	if (!is_http && !is_https)
		return 0;
	if (has_scheme && uri->is_plain_http != is_http) {
		return store_complain(
			to, "scheme: contradicts the scheme of the endpoint");
	}

	uri->is_plain_http = is_http;
	len = strlen(value) - skip;
	memmove(value, value + skip, len + 1);
	if (len > 0 && value[len - 1] == '/')
		value[len - 1] = '\0';
	return 0;
}

/* Cuts ":port" off the host; 0 if there is none. */
static int take_port(char *host, uint64_t *ret_port)
{
	const char *bracket = strchr(host, ']');
	char *colon = strchr(bracket ? bracket : host, ':');
	uint64_t port = 0;

	if (colon) {
		int rc = number_parse(colon + 1, PORT_MAX, &port);

		if (rc < 0)
			return rc;
		if (port == 0)
			return -ERANGE;
		*colon = '\0';
	}
	*ret_port = port;
	return 0;
}

/* The port that the scheme means anyway is left out of Host and of what is
 * signed. */
static int set_endpoint(char *host, struct store_uri *uri,
                        struct store_complaint *to)
{
	uint64_t port;
	int len;

	to_lower(host);
	if (take_port(host, &port) < 0 || !host_is_valid(host)) {
		return store_complain(to,
		                      "endpoint: must be a host or "
		                      "host:port, or an http:// or https:// "
		                      "URL of one with nothing after it");
	}
	if (port == (uri->is_plain_http ? 80 : 443))
		port = 0;

	len = port == 0 ? snprintf(uri->endpoint, sizeof(uri->endpoint), "%s",
	                           host)
	                : snprintf(uri->endpoint, sizeof(uri->endpoint),
	                           "%s:%" PRIu64, host, port);
	if (len < 0 || (size_t)len >= sizeof(uri->endpoint)) {
		return store_complain(to,
		                      "endpoint: is longer than %d characters",
		                      STORE_URI_HOST_MAX);
	}
	return 0;
}

static int read_endpoint(const struct store_query *query, struct store_uri *uri,
                         struct store_complaint *to)
{
	char value[STORE_QUERY_VALUE_SIZE];
	int rc;

	rc = store_query_get(query, STORE_ENDPOINT, value, to);
	if (rc < 0)
		return rc;
	if (value[0] == '\0') {
		(void)snprintf(value, sizeof(value), "s3.%.*s.amazonaws.com",
		               LABEL_MAX, uri->region);
	} else {
		rc = unwrap_endpoint(value, query->raw[STORE_SCHEME].data, uri,
		                     to);
	}
	if (rc < 0)
		return rc;
	return set_endpoint(value, uri, to);
}

/* A certificate for *.host does not hold for a bucket with dots, and an
 * address has no names below it. */
static bool may_be_virtual(const struct store_uri *uri)
{
	char host[sizeof(uri->endpoint)];
	uint64_t port;

	memcpy(host, uri->endpoint, sizeof(host));
	if (take_port(host, &port) < 0 || is_address(host))
		return false;
	return uri->is_plain_http || !strchr(uri->bucket, '.');
}

static int read_addressing(const struct store_query *query,
                           struct store_uri *uri, struct store_complaint *to)
{
	char value[STORE_QUERY_VALUE_SIZE];
	int rc;

	rc = store_query_get(query, STORE_ADDRESSING_STYLE, value, to);
	if (rc < 0)
		return rc;

	if (value[0] == '\0' || strcmp(value, "auto") == 0) {
		bool is_path = query->raw[STORE_ENDPOINT].data ||
		               strchr(uri->bucket, '.');

		uri->addressing = is_path ? ADDRESSING_PATH
		                          : ADDRESSING_VIRTUAL;
	} else if (strcmp(value, "path") == 0) {
		uri->addressing = ADDRESSING_PATH;
	} else if (strcmp(value, "virtual") == 0) {
		uri->addressing = ADDRESSING_VIRTUAL;
		if (!may_be_virtual(uri)) {
			return store_complain(to, "addressing-style: virtual "
			                          "needs an endpoint with a "
			                          "name, and a bucket without "
			                          "dots");
		}
	} else {
		return store_complain(to, "addressing-style: must be auto, "
		                          "path or virtual");
	}
	return 0;
}

int store_uri_s3_read(struct bytes place, const struct store_query *query,
                      struct store_uri *uri, struct store_complaint *to)
{
	int rc;

	uri->has_profile = query->raw[STORE_PROFILE].data != NULL;
	rc = read_place(place, uri, to);
	if (rc < 0)
		return rc;
	rc = read_region(query, uri, to);
	if (rc < 0)
		return rc;
	rc = read_scheme(query, uri, to);
	if (rc < 0)
		return rc;
	rc = read_endpoint(query, uri, to);
	if (rc < 0)
		return rc;
	return read_addressing(query, uri, to);
}
