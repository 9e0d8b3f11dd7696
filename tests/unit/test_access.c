#include "client/serve/access.h"
#include "protocol/base/text.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void add(struct strings *list, const char *text)
{
	if (strings_add(list, text, strlen(text)) < 0)
		abort();
}

static const char *const good_hosts[] = { "127.0.0.1:7757", "localhost:7757" };

struct judged {
	const char *what;
	struct access_request request;
	bool has_password;
	enum access_verdict verdict;
};

/* The password is "se:cret". */
#define RIGHT   "Basic dTpzZTpjcmV0"     /* u:se:cret */
#define NO_USER "Basic OnNlOmNyZXQ="     /* :se:cret */
#define WRONG   "Basic dTpzZTpjcmVU"     /* u:se:creT */
#define SHORT   "Basic dTpzZTpjcmU="     /* u:se:cre */
#define LONG    "Basic dTpzZTpjcmV0dA==" /* u:se:crett */
#define ENDED   "Basic dTpzZTpjcmV0AA==" /* u:se:cret and a NUL */
#define NONE    "Basic dTo="             /* u: */
#define NOCOLON "Basic c2VjcmV0"         /* secret */

#define HOST "127.0.0.1:7757"
static const struct judged judged[] = {
	{ "one of the list",
	  { .is_local = true, .uid = 1000, .host = HOST },
	  false,
	  ACCESS_GRANTED },
	{ "one of the list, who writes",
	  { .is_local = true, .uid = 1000, .host = HOST, .is_write = true },
	  false,
	  ACCESS_GRANTED },
	{ "the host by its other name",
	  { .is_local = true, .uid = 1000, .host = "LocalHost:7757" },
	  false,
	  ACCESS_GRANTED },
	{ "the last of the list",
	  { .is_local = true, .host = HOST, .uid = 0 },
	  false,
	  ACCESS_GRANTED },
	{ "not of the list",
	  { .is_local = true, .host = HOST, .uid = 1001 },
	  false,
	  ACCESS_STRANGER },
	{ "not of the list, with the password",
	  { .is_local = true,
	    .host = HOST,
	    .uid = 1001,
	    .authorization = RIGHT },
	  true,
	  ACCESS_STRANGER },
	{ "another machine",
	  { .uid = 1000, .host = HOST, .is_local = false },
	  false,
	  ACCESS_STRANGER },
	{ "another machine without the password",
	  { .uid = 1000, .host = HOST, .is_local = false },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "another machine with the password",
	  { .uid = 1000,
	    .host = HOST,
	    .is_local = false,
	    .authorization = RIGHT },
	  true,
	  ACCESS_GRANTED },
	{ "another machine that writes",
	  { .uid = 1000,
	    .host = HOST,
	    .is_local = false,
	    .authorization = RIGHT,
	    .is_write = true },
	  true,
	  ACCESS_STRANGER },
	{ "an Origin",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .origin = "http://evil.example" },
	  false,
	  ACCESS_BROWSER },
	{ "an Origin without a name",
	  { .is_local = true, .uid = 1000, .host = HOST, .origin = "null" },
	  false,
	  ACCESS_BROWSER },
	{ "our own Origin",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .origin = "http://127.0.0.1:7757" },
	  false,
	  ACCESS_BROWSER },
	{ "an empty Origin",
	  { .is_local = true, .uid = 1000, .host = HOST, .origin = "" },
	  false,
	  ACCESS_BROWSER },
	{ "another site",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .fetch_site = "cross-site" },
	  false,
	  ACCESS_BROWSER },
	{ "another port of this site",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .fetch_site = "same-site" },
	  false,
	  ACCESS_BROWSER },
	{ "a value that is not known",
	  { .is_local = true, .uid = 1000, .host = HOST, .fetch_site = "None" },
	  false,
	  ACCESS_BROWSER },
	{ "a typed address",
	  { .is_local = true, .uid = 1000, .host = HOST, .fetch_site = "none" },
	  false,
	  ACCESS_GRANTED },
	{ "a page of ours",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .fetch_site = "same-origin" },
	  false,
	  ACCESS_GRANTED },
	{ "a page of ours that writes",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .fetch_site = "same-origin",
	    .is_write = true },
	  false,
	  ACCESS_BROWSER },
	{ "no Host",
	  { .is_local = true, .uid = 1000, .host = NULL },
	  false,
	  ACCESS_BROWSER },
	{ "an empty Host",
	  { .is_local = true, .uid = 1000, .host = "" },
	  false,
	  ACCESS_BROWSER },
	{ "a name that was made to point here",
	  { .is_local = true, .uid = 1000, .host = "evil.example:7757" },
	  false,
	  ACCESS_BROWSER },
	{ "another port",
	  { .is_local = true, .uid = 1000, .host = "127.0.0.1:7758" },
	  false,
	  ACCESS_BROWSER },
	{ "no port",
	  { .is_local = true, .uid = 1000, .host = "127.0.0.1" },
	  false,
	  ACCESS_BROWSER },
	{ "more than the host",
	  { .is_local = true, .uid = 1000, .host = "127.0.0.1:77570" },
	  false,
	  ACCESS_BROWSER },
	{ "the right password",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = RIGHT },
	  true,
	  ACCESS_GRANTED },
	{ "no user's name",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = NO_USER },
	  true,
	  ACCESS_GRANTED },
	{ "the scheme in other letters",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = "bASIC  dTpzZTpjcmV0" },
	  true,
	  ACCESS_GRANTED },
	{ "a password where none is asked for",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = WRONG },
	  false,
	  ACCESS_GRANTED },
	{ "no password",
	  { .is_local = true, .uid = 1000, .host = HOST },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "another password",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = WRONG },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "a letter less",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = SHORT },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "a letter more",
	  { .is_local = true, .uid = 1000, .host = HOST, .authorization = LONG },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "a NUL more",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = ENDED },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "an empty one",
	  { .is_local = true, .uid = 1000, .host = HOST, .authorization = NONE },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "no colon",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = NOCOLON },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "nothing after the scheme",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = "Basic " },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "no space after the scheme",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = "BasicdTpzZTpjcmV0" },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "another scheme",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = "Bearer dTpzZTpjcmV0" },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "bad base64",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = "Basic dTpzZTpjcmV" },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "only padding",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = "Basic ====" },
	  true,
	  ACCESS_NO_PASSWORD },
	{ "one character",
	  { .is_local = true,
	    .uid = 1000,
	    .host = HOST,
	    .authorization = "Basic =" },
	  true,
	  ACCESS_NO_PASSWORD },
};

static void every_request_is_judged(void)
{
	struct access_rules rules = {
		.uids = { 1000, 0 },
		.uid_count = 2,
		.password = "se:cret",
	};
	cleanup_strings struct strings hosts = { .items = NULL };

	add(&hosts, good_hosts[0]);
	add(&hosts, good_hosts[1]);
	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
		rules.has_password = judged[i].has_password;
		if (access_judge(&rules, &hosts, &judged[i].request) ==
		    judged[i].verdict)
			continue;
		printf("# %s\n", judged[i].what);
		FAIL("another verdict");
	}
}

/* Both sides of the longest password, through the base64. */
static void the_longest_password_is_compared_in_whole(void)
{
	struct access_rules rules = { .has_password = true, .uids = { 7 } };
	struct access_request request = { .is_local = true, .uid = 7 };
	cleanup_strings struct strings hosts = { .items = NULL };
	char plain[1200];
	char header[2000];

	add(&hosts, "h");
	rules.uid_count = 1;
	request.host = "h";
	request.authorization = header;
	memset(rules.password, 'x', ACCESS_PASSWORD_MAX);
	for (size_t len = ACCESS_PASSWORD_MAX - 1; len < 1100; len++) {
		char coded[TEXT_BASE64_SIZE(sizeof(plain))];
		bool ok = len == ACCESS_PASSWORD_MAX;

		memset(plain, 'x', sizeof(plain));
		plain[0] = ':';
		text_base64((uint8_t *)plain, len + 1, coded);
		(void)snprintf(header, sizeof(header), "Basic %s", coded);
		CHECK((access_judge(&rules, &hosts, &request) ==
		       ACCESS_GRANTED) == ok);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "every request is judged", every_request_is_judged },
		{ "the longest password is compared in whole",
		  the_longest_password_is_compared_in_whole },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
