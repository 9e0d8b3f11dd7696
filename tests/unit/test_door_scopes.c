#include "protocol/base/exit_status.h"
#include "tests/lib/door_rig.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AGENT       "io.nixcache.Agent."
#define CALL(name)  "{\"method\":\"" AGENT name "\"}"
#define DENIED      "org.varlink.service.PermissionDenied"
#define POLICY      AGENT "PolicyDenied"
#define EMPTY_REPLY "{\"parameters\":{}}"
#define HASH32      "0123456789abcdfghijklmnpqrsvwxyz"
#define NARINFO     HASH32 ".narinfo"
#define NARROW(text) \
	"{\"method\":\"" AGENT "Narrow\",\"parameters\":{" text "}}"

static void check_stop(struct door_rig *rig)
{
	int status = door_rig_stop(rig);

	if (status != EXIT_FAILED)
		(void)printf("# the door ended with %d\n", status);
	CHECK(status == EXIT_FAILED);
}

static int start(struct door_rig *rig, const char *scope)
{
	door_rig_init(rig);
	rig->scope = scope;
	door_rig_start_unlocked(rig);
	return door_rig_connect(rig);
}

static void stop(struct door_rig *rig, int client)
{
	(void)close(client);
	check_stop(rig);
}

static void presign(int client, const char *fields)
{
	char text[DOOR_RIG_CALL_SIZE];

	(void)snprintf(text, sizeof(text),
	               "{\"method\":\"" AGENT "Presign\",\"parameters\":{"
	               "\"cache\":\"main\",\"requests\":[{%s}]}}",
	               fields);
	door_rig_call(client, text);
}

static void get(int client, const char *key)
{
	char fields[256];

	(void)snprintf(fields, sizeof(fields),
	               "\"operation\":\"GetObject\",\"key\":\"%s\"", key);
	presign(client, fields);
}

static void put(int client, const char *key)
{
	char fields[256];

	(void)snprintf(fields, sizeof(fields),
	               "\"operation\":\"PutObject\",\"contentLength\":10,"
	               "\"key\":\"%s\"",
	               key);
	presign(client, fields);
}

static void get_many(int client, size_t count)
{
	static char text[65536];
	size_t len;

	len = (size_t)snprintf(text, sizeof(text),
	                       "{\"method\":\"" AGENT
	                       "Presign\",\"parameters\":{"
	                       "\"cache\":\"main\",\"requests\":[");
	for (size_t i = 0; i < count; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		                        "%s{\"operation\":\"GetObject\","
		                        "\"key\":\"" NARINFO "\"}",
		                        i == 0 ? "" : ",");
	}
	(void)snprintf(text + len, sizeof(text) - len, "]}}");
	door_rig_call(client, text);
}

static void sign(int client, const char *name)
{
	char text[DOOR_RIG_CALL_SIZE];

	door_rig_sign_call(name, false, text);
	door_rig_call(client, text);
}

static void check_refused(int client, const char *words)
{
	CHECK(door_rig_replies(client, words));
}

static void check_answered(struct door_rig *rig, int client, const char *words)
{
	CHECK(door_rig_answer(rig));
	CHECK(door_rig_replies(client, words));
}

static void pull_reads_and_nothing_else(void)
{
	static struct door_rig rig;
	int client = start(&rig, "pull");

	get(client, NARINFO);
	check_answered(&rig, client, NARINFO);
	door_rig_call(client, CALL("Unlock"));
	CHECK(door_rig_replies(client, "unlocked"));
	door_rig_call(client, CALL("Status"));
	CHECK(door_rig_replies(client, "\"scope\":\"pull\""));
	sign(client, "a");
	check_refused(client, DENIED);
	put(client, NARINFO);
	check_refused(client, POLICY);
	put(client, "nix-cache-info");
	check_refused(client, "scope pull: no PutObject of nix-cache-info");
	door_rig_call(client, CALL("Lock"));
	check_refused(client, DENIED);
	door_rig_call(client, CALL("Quit"));
	check_refused(client, DENIED);
	get(client, NARINFO);
	check_answered(&rig, client, NARINFO);
	stop(&rig, client);
}

static void push_writes_and_ends_nothing(void)
{
	static struct door_rig rig;
	int client = start(&rig, "push");

	sign(client, "a");
	check_answered(&rig, client, "\"signatures\"");
	put(client, NARINFO);
	check_answered(&rig, client, NARINFO);
	presign(client,
	        "\"operation\":\"DeleteObject\",\"key\":\"" NARINFO "\"");
	check_refused(client, POLICY);
	presign(client, "\"operation\":\"CreateMultipartUpload\","
	                "\"key\":\"" NARINFO "\"");
	check_refused(client, POLICY);
	door_rig_call(client, CALL("Lock"));
	check_refused(client, DENIED);
	door_rig_call(client, CALL("Quit"));
	check_refused(client, DENIED);
	stop(&rig, client);
}

static void a_section_that_is_gone_leaves_nothing(void)
{
	static struct door_rig rig;
	int client = start(&rig, "ci");

	get(client, NARINFO);
	check_refused(client, POLICY);
	sign(client, "a");
	check_refused(client, DENIED);
	door_rig_call(client, CALL("Unlock"));
	check_refused(client, DENIED);
	door_rig_call(client, CALL("Status"));
	CHECK(door_rig_replies(client, "\"scope\":\"ci\""));
	stop(&rig, client);
}

/* Nothing of a batch is done if one of it is refused, or too much. */
static void a_section_limits_what_it_gives(void)
{
	static char name[] = "ci";
	static struct config_socket section;
	static struct door_rig rig;
	int client, other;

	section = (struct config_socket){ .name = name };
	grant_init(&section.grant, SCOPE_PUSH);
	section.grant.max_count = 3;
	section.grant.max_expires = 60;
	door_rig_init(&rig);
	rig.scope = name;
	rig.config.sockets = &section;
	rig.config.socket_count = 1;
	door_rig_start_unlocked(&rig);
	client = door_rig_connect(&rig);
	get(client, NARINFO);
	check_answered(&rig, client, NARINFO);
	presign(client, "\"operation\":\"GetObject\",\"expires\":61,"
	                "\"key\":\"" NARINFO "\"");
	check_refused(client, "good for more than 60 s");
	presign(client, "\"operation\":\"GetObject\",\"key\":\"" NARINFO
	                "\"},{\"operation\":\"DeleteObject\","
	                "\"key\":\"" NARINFO "\"");
	check_refused(client, "no DeleteObject");
	sign(client, "a");
	check_answered(&rig, client, "\"signatures\"");
	other = door_rig_connect(&rig);
	sign(other, "b");
	check_answered(&rig, other, "\"signatures\"");
	sign(other, "c");
	check_refused(other, "no more than 3");
	get(client, NARINFO);
	check_refused(client, "no more than 3");
	(void)close(other);
	stop(&rig, client);
}

static void a_rate_is_a_users(void)
{
	static char name[] = "ci";
	static struct config_socket section;
	static struct door_rig rig;
	int client, other;

	section = (struct config_socket){ .name = name };
	grant_init(&section.grant, SCOPE_OWNER);
	section.grant.rate = 1;
	door_rig_init(&rig);
	rig.scope = name;
	rig.config.sockets = &section;
	rig.config.socket_count = 1;
	door_rig_start_unlocked(&rig);
	client = door_rig_connect(&rig);
	for (int i = 0; i < AGENT_BATCH_MAX; i++) {
		get(client, NARINFO);
		check_answered(&rig, client, NARINFO);
	}
	/* As many more as the time of this test brings in no case. */
	other = door_rig_connect_as_other(&rig);
	get_many(other, 200);
	check_refused(other, "RateLimited");
	(void)close(other);
	stop(&rig, client);
}

static void narrowing_holds_for_one_connection(void)
{
	static struct door_rig rig;
	int client = start(&rig, "owner");
	int other = door_rig_connect(&rig);

	door_rig_call(client, NARROW("\"scope\":\"pull\""));
	CHECK(door_rig_replies(client, EMPTY_REPLY));
	sign(client, "a");
	check_refused(client, DENIED);
	put(client, NARINFO);
	check_refused(client, "scope owner, narrowed: no PutObject");
	/* Never wider, whatever is asked. */
	door_rig_call(client, NARROW("\"scope\":\"owner\""));
	CHECK(door_rig_replies(client, EMPTY_REPLY));
	sign(client, "a");
	check_refused(client, DENIED);
	door_rig_call(client, CALL("Status"));
	CHECK(door_rig_replies(client, "\"scope\":\"owner, narrowed\""));
	sign(other, "a");
	check_answered(&rig, other, "\"signatures\"");
	(void)close(other);
	stop(&rig, client);
}

static void a_narrowing_that_fails_ends_the_connection(void)
{
	static const struct {
		const char *call;
		const char *error;
	} bad[] = {
		{ NARROW("\"scope\":\"ci\""), "InvalidParameter" },
		{ NARROW("\"scope\":\"\""), "InvalidParameter" },
		{ NARROW("\"caches\":[\"none\"]"), "UnknownCache" },
		{ NARROW("\"caches\":[]"), "InvalidParameter" },
		{ NARROW("\"allow\":[\"Everything\"]"), "InvalidParameter" },
		{ NARROW("\"allow\":[]"), "InvalidParameter" },
		{ NARROW("\"keys\":[\"nar/[\"]"), "InvalidParameter" },
		{ NARROW("\"storePaths\":[\"/nix/store/*\"]"),
		  "InvalidParameter" },
		{ NARROW("\"maxCount\":-1"), "InvalidParameter" },
		{ NARROW("\"maxExpires\":3601"), "InvalidParameter" },
		{ NARROW("\"wider\":true"), "InvalidParameter" },
	};
	static struct door_rig rig;
	int client = start(&rig, "owner");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char calls[1024];
		int narrowing = door_rig_connect(&rig);

		/* What follows at once is not heard any more either. */
		(void)snprintf(calls, sizeof(calls), "%s\1%s", bad[i].call,
		               CALL("Lock"));
		door_rig_call(narrowing, calls);
		CHECK(door_rig_replies(narrowing, bad[i].error));
		CHECK(door_rig_replies(narrowing, ""));
		(void)close(narrowing);
	}
	/* Nobody was locked out: the secrets are still there. */
	door_rig_call(client, CALL("Status"));
	CHECK(door_rig_replies(client, "\"state\":\"unlocked\""));
	stop(&rig, client);
}

static void the_eighth_narrowing_ends_the_connection(void)
{
	static struct door_rig rig;
	int client = start(&rig, "owner");

	for (int i = 0; i < 7; i++) {
		door_rig_call(client, NARROW("\"maxCount\":5"));
		CHECK(door_rig_replies(client, EMPTY_REPLY));
	}
	door_rig_call(client, NARROW("\"maxCount\":5"));
	CHECK(door_rig_replies(client, POLICY));
	CHECK(door_rig_replies(client, ""));
	stop(&rig, client);
}

static const struct test tests[] = {
	{ "pull reads and nothing else", pull_reads_and_nothing_else },
	{ "push writes and ends nothing", push_writes_and_ends_nothing },
	{ "a section that is gone leaves nothing",
	  a_section_that_is_gone_leaves_nothing },
	{ "a section limits what it gives", a_section_limits_what_it_gives },
	{ "a rate is a user's", a_rate_is_a_users },
	{ "narrowing holds for one connection",
	  narrowing_holds_for_one_connection },
	{ "a narrowing that fails ends the connection",
	  a_narrowing_that_fails_ends_the_connection },
	{ "the eighth narrowing ends the connection",
	  the_eighth_narrowing_ends_the_connection },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
