/* A request to serve: its target, Range, Host, Origin, Sec-Fetch-Site and
 * Authorization, one a line, in that order.  The answer to who may is given a
 * second time here. */
#include "tests/fuzz/fuzz.h"

#include "client/serve/access.h"
#include "client/serve/range.h"
#include "client/serve/route.h"
#include "protocol/base/cleanup.h"
#include "protocol/s3/uri_encode.h"

#include <openssl/evp.h>

#include <strings.h>

#define LINES    6
#define PASSWORD "a pass:word"

/* NOLINTBEGIN(*-non-const-global-variables): a list owns its texts */
static char name_dev[] = "dev";
static char name_nar[] = "nar";
static char name_odd[] = "a b";
static char *name_items[] = { name_dev, name_nar, name_odd };
static char host_items_0[] = "127.0.0.1:7757";
static char host_items_1[] = "localhost:7757";
static char *host_items[] = { host_items_0, host_items_1 };
/* NOLINTEND(*-non-const-global-variables) */

static const struct strings names = { .items = name_items, .count = 3 };
static const struct strings hosts = { .items = host_items, .count = 2 };

/* Said in the plainest way, it means the same. */
static void check_route(const struct route *route)
{
	cleanup_buffer struct buffer plain;
	struct route again;

	MUST(route->cache == ROUTE_ROOT || route->cache < names.count);
	MUST(object_key_kind(route->key, strlen(route->key)) == route->kind);
	MUST(route->kind != OBJECT_KEY_INVALID);
	MUST(!strstr(route->key, "..") && route->key[0] != '/');
	buffer_init(&plain, 16384);
	buffer_append_char(&plain, '/');
	if (route->cache != ROUTE_ROOT) {
		uri_encode(&plain, bytes_of_text(names.items[route->cache]));
		buffer_append_char(&plain, '/');
	}
	uri_encode_path(&plain, bytes_of_text(route->key));
	MUST(buffer_end(&plain) == 0);
	MUST(route_parse(buffer_text(&plain), &names, &again));
	MUST(again.cache == route->cache && again.kind == route->kind);
	MUST(strcmp(again.key, route->key) == 0);
}

static void check_range(const char *text)
{
	static const uint64_t sizes[] = { 0, 1, 10, 4096, UINT64_MAX };
	struct range range;

	if (!range_parse(text, &range))
		return;
	MUST(range.is_suffix || range.first <= range.last);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t offset = 0, length = 0;

		if (!range_resolve(&range, sizes[i], &offset, &length))
			continue;
		MUST(length > 0 && offset < sizes[i]);
		MUST(length <= sizes[i] - offset);
		MUST(range.is_suffix || offset == range.first);
		MUST(!range.is_suffix || offset + length == sizes[i]);
	}
}

/* RFC 7617, with OpenSSL's base64. */
static bool has_password(const char *authorization)
{
	unsigned char plain[4096];
	const char *coded = authorization;
	size_t len;
	int got;

	if (!coded || strncasecmp(coded, "Basic ", 6) != 0)
		return false;
	coded += 6 + strspn(coded + 6, " ");
	len = strlen(coded);
	if (len == 0 || len % 4 != 0 || len > 4096)
		return false;
	got = EVP_DecodeBlock(plain, (const unsigned char *)coded, (int)len);
	if (got < 0)
		return false;
	got -= coded[len - 1] == '=' ? 1 : 0;
	got -= coded[len - 2] == '=' ? 1 : 0;
	for (int i = 0; i < got; i++) {
		if (plain[i] == ':')
			return (size_t)(got - i - 1) == strlen(PASSWORD) &&
			       memcmp(plain + i + 1, PASSWORD,
			              strlen(PASSWORD)) == 0;
	}
	return false;
}

static bool is_own_host(const char *host)
{
	return host && (strcasecmp(host, host_items[0]) == 0 ||
	                strcasecmp(host, host_items[1]) == 0);
}

static void check_access(const struct access_request *request,
                         bool has_rule_password)
{
	struct access_rules rules = { .uids = { 0, 1000 },
		                      .uid_count = 2,
		                      .has_password = has_rule_password,
		                      .password = PASSWORD };
	bool is_granted = access_judge(&rules, &hosts, request) ==
	                  ACCESS_GRANTED;

	if (!is_granted)
		return;
	MUST(is_own_host(request->host) && !request->origin);
	MUST(!request->fetch_site || !request->is_write);
	MUST(!request->fetch_site || strcmp(request->fetch_site, "none") == 0 ||
	     strcmp(request->fetch_site, "same-origin") == 0);
	MUST(!request->is_local || request->uid != 4);
	MUST(request->is_local || (has_rule_password && !request->is_write));
	MUST(!has_rule_password || has_password(request->authorization));
}

static void check_all_access(const char *const lines[LINES])
{
	struct access_request request = {
		.host = lines[2],
		.origin = lines[3],
		.fetch_site = lines[4],
		.authorization = lines[5],
	};

	for (unsigned i = 0; i < 16; i++) {
		request.is_local = i & 1;
		request.is_write = i & 2;
		request.uid = i & 4 ? 4 : 1000;
		check_access(&request, i & 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_free char *text = fuzz_text(bytes, len);
	const char *lines[LINES] = { NULL };
	char *rest = text;
	struct route route;

	for (size_t i = 0; i < LINES && rest; i++) {
		char *line = strsep(&rest, "\n");

		/* An empty line: the header was not sent. */
		lines[i] = line[0] || i == 0 ? line : NULL;
	}
	if (route_parse(lines[0], &names, &route))
		check_route(&route);
	if (lines[1])
		check_range(lines[1]);
	check_all_access(lines);
	return 0;
}
