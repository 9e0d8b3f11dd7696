#include "client/serve/access.h"

#include "protocol/base/text.h"

#include <string.h>
#include <strings.h>

#define CREDENTIALS_MAX ((size_t)1024) /* user, colon and password */

/* What stands after "Basic ", or NULL if it is another scheme. */
static const char *basic_part(const char *authorization)
{
	static const char scheme[] = "Basic";

	if (strncasecmp(authorization, scheme, strlen(scheme)) != 0 ||
	    authorization[strlen(scheme)] != ' ')
		return NULL;
	authorization += strlen(scheme);
	return authorization + strspn(authorization, " ");
}

/* The length of what padded base64 stands for. */
static size_t decoded_len(const char *coded, size_t len)
{
	size_t padding = 0;

	while (padding < 2 && padding < len && coded[len - 1 - padding] == '=')
		padding++;
	return len / 4 * 3 - (len >= 4 ? padding : 0);
}

/* Looks at every byte of both, however they differ: the time taken says
 * nothing of the password. */
static bool password_equal(const char *password, const uint8_t *given,
                           size_t given_len)
{
	uint8_t ours[ACCESS_PASSWORD_MAX + 1] = { 0 };
	uint8_t theirs[ACCESS_PASSWORD_MAX + 1] = { 0 };
	size_t len = strlen(password);
	volatile uint8_t difference = len == given_len ? 0 : 1;

	if (given_len > ACCESS_PASSWORD_MAX)
		given_len = ACCESS_PASSWORD_MAX;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): zeroed */
	memcpy(ours, password, len);
	memcpy(theirs, given, given_len);
	for (size_t i = 0; i < sizeof(ours); i++)
		difference = difference | (ours[i] ^ theirs[i]);
	explicit_bzero(ours, sizeof(ours));
	explicit_bzero(theirs, sizeof(theirs));
	return difference == 0;
}

static bool has_password(const char *password, const char *authorization)
{
	const char *coded = authorization ? basic_part(authorization) : NULL;
	size_t coded_len = coded ? strlen(coded) : 0;
	uint8_t plain[CREDENTIALS_MAX + 2];
	const uint8_t *colon;
	size_t len;
	bool ok = false;

	if (coded_len == 0 || coded_len >= TEXT_BASE64_SIZE(CREDENTIALS_MAX))
		return false;
	len = decoded_len(coded, coded_len);
	if (text_unbase64(coded, coded_len, plain, len) == 0) {
		colon = memchr(plain, ':', len);
		ok = colon && password_equal(password, colon + 1,
		                             len - (size_t)(colon + 1 - plain));
	}
	explicit_bzero(plain, sizeof(plain));
	return ok;
}

/* "none": a person typed the address; a page of another site sends
 * "cross-site" (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/).  No
 * page has a reason to write. */
static bool is_from_page(const struct access_request *request)
{
	const char *site = request->fetch_site;

	if (request->origin)
		return true;
	if (!site)
		return false;
	return request->is_write ||
	       (strcmp(site, "none") != 0 && strcmp(site, "same-origin") != 0);
}

/* A page that made its own name point to this machine still says that name. */
static bool is_own_host(const struct strings *own_hosts, const char *host)
{
	for (size_t i = 0; host && i < own_hosts->count; i++) {
		if (strcasecmp(host, own_hosts->items[i]) == 0)
			return true;
	}
	return false;
}

static bool is_listed(const struct access_rules *rules, uid_t uid)
{
	for (size_t i = 0; i < rules->uid_count; i++) {
		if (rules->uids[i] == uid)
			return true;
	}
	return false;
}

enum access_verdict access_judge(const struct access_rules *rules,
                                 const struct strings *own_hosts,
                                 const struct access_request *request)
{
	if (is_from_page(request) || !is_own_host(own_hosts, request->host))
		return ACCESS_BROWSER;
	if (request->is_local && !is_listed(rules, request->uid))
		return ACCESS_STRANGER;
	if (!request->is_local && (!rules->has_password || request->is_write))
		return ACCESS_STRANGER;
	if (rules->has_password &&
	    !has_password(rules->password, request->authorization))
		return ACCESS_NO_PASSWORD;
	return ACCESS_GRANTED;
}
