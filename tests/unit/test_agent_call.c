#include "tests/lib/fake_agent.h"
#include "tests/lib/test.h"

#include "client/agent_exchange.h"

#include <stdlib.h>
#include <string.h>

#define BASE        "00000000000000000000000000000000-path"
#define EMPTY_REPLY "{\"parameters\":{}}"

static void without_an_agent_the_way_to_start_one_is_named(void)
{
	struct agent_error error;
	struct agent *agent;

	CHECK(agent_open("/nonexistent/agent.sock", &agent, &error) ==
	      AGENT_E_NO_AGENT);
	CHECK(error.exit_status == 2);
	CHECK(strcmp(error.text,
	             "no agent answers at /nonexistent/agent.sock: start one "
	             "with: eval $(nixcache-agent)") == 0);
}

static void a_socket_path_that_is_too_long_is_named(void)
{
	char path[SOCKET_PATH_SIZE + 1];
	struct agent_error error;
	struct agent *agent;

	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	CHECK(agent_open(path, &agent, &error) == AGENT_E_NO_AGENT);
	CHECK(strstr(error.text, "107 bytes") != NULL);
}

/* Makes one Lock call to an agent that answers so. */
static int lock_answered(const char *reply, struct agent_error *error)
{
	const struct fake_script script = { &reply, 1, 1 };
	struct agent *agent = NULL;
	struct fake_agent fake;
	int rc;

	*error = (struct agent_error){ .exit_status = 0 };
	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, error) == AGENT_OK);
	rc = agent_lock(agent, error);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
	return rc;
}

#define ERROR(name, parameters) \
	"{\"error\":\"" name "\",\"parameters\":" parameters "}"
#define AGENT_ERROR(name, parameters) \
	ERROR("io.nixcache.Agent." name, parameters)
#define SOURCE_ERROR(kind, more)    \
	AGENT_ERROR("SourceFailed", \
	            "{\"kind\":\"" kind "\",\"detail\":\"DETAIL\"" more "}")

static const struct {
	const char *reply;
	int outcome;
	int exit_status;
	const char *part;
	const char *action;
} sentences[] = {
	{ AGENT_ERROR("Locked", "{\"reason\":\"idle\"}"), AGENT_E_LOCKED, 3,
	  "idle", "nixcache unlock" },
	{ AGENT_ERROR("UnknownCache", "{\"cache\":\"dev\"}"), AGENT_E_REFUSED,
	  1, "cache dev", "nixcache status" },
	{ AGENT_ERROR("PolicyDenied", "{\"rule\":\"in-store\"}"),
	  AGENT_E_POLICY, 4, "in-store", "nixcache-agent(1)" },
	{ AGENT_ERROR("VaultFailed", "{\"reason\":\"gone\"}"), AGENT_E_REFUSED,
	  1, "gone", "run this again" },
	{ AGENT_ERROR("NotSupported", "{\"cache\":\"dev\",\"reason\":\"why\"}"),
	  AGENT_E_REFUSED, 1, "cache dev", "configuration" },
	{ SOURCE_ERROR("notSignedIn", ""), AGENT_E_SOURCE, 5, "DETAIL",
	  "op signin" },
	{ SOURCE_ERROR("dismissed", ""), AGENT_E_SOURCE, 5, "dismissed",
	  "approve it" },
	{ SOURCE_ERROR("timedOut", ""), AGENT_E_SOURCE, 5, "in time",
	  "run this again" },
	{ SOURCE_ERROR("appUnreachable", ""), AGENT_E_SOURCE, 5, "cannot reach",
	  "Integrate with 1Password CLI" },
	{ SOURCE_ERROR("notFound", ""), AGENT_E_SOURCE, 5, "not found: DETAIL",
	  "correct the reference" },
	{ SOURCE_ERROR("rateLimited", ""), AGENT_E_SOURCE, 5, "too many",
	  "again later" },
	{ SOURCE_ERROR("rateLimited", ",\"retryAfterSeconds\":90"),
	  AGENT_E_SOURCE, 5, "too many", "again in 90 seconds" },
	{ SOURCE_ERROR("notInstalled", ""), AGENT_E_SOURCE, 5, "not installed",
	  "install" },
	{ SOURCE_ERROR("unsafe", ""), AGENT_E_SOURCE, 5, "not safe",
	  "nobody else" },
	{ SOURCE_ERROR("spent", ""), AGENT_E_SOURCE, 5, "only once",
	  "start the agent again" },
	{ SOURCE_ERROR("malformed", ""), AGENT_E_SOURCE, 5, "DETAIL",
	  "correct the item" },
	{ SOURCE_ERROR("keyMismatch", ""), AGENT_E_SOURCE, 5, "public-key",
	  "correct the agent's configuration" },
	{ SOURCE_ERROR("failed", ""), AGENT_E_SOURCE, 5, "DETAIL", "by hand" },
	{ SOURCE_ERROR("newer", ""), AGENT_E_SOURCE, 5, "DETAIL", "by hand" },
	{ ERROR("org.varlink.service.PermissionDenied", "{}"), AGENT_E_POLICY,
	  4, "not allowed", "NIXCACHE_AGENT_SOCK" },
	{ ERROR("org.varlink.service.MethodNotFound", "{\"method\":\"a.B\"}"),
	  AGENT_E_REFUSED, 1, "a.B", "one version" },
	{ ERROR("org.varlink.service.InvalidParameter",
	        "{\"parameter\":\"size\"}"),
	  AGENT_E_REFUSED, 1, "size", "one version" },
	{ ERROR("a.b.C", "{}"), AGENT_E_REFUSED, 1, "a.b.C", "one version" },
	{ "{", AGENT_E_REFUSED, 1, "no sense", "one version" },
	{ "", AGENT_E_NO_AGENT, 2, "", "eval $(nixcache-agent)" },
};

static void every_error_becomes_a_sentence_with_an_action(void)
{
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		struct agent_error error;

		CHECK(lock_answered(sentences[i].reply, &error) ==
		      sentences[i].outcome);
		CHECK(error.exit_status == sentences[i].exit_status);
		CHECK(strstr(error.text, sentences[i].part) != NULL);
		CHECK(strstr(error.text, sentences[i].action) != NULL);
	}
}

static void text_from_the_agent_is_made_printable(void)
{
	struct agent_error error;

	CHECK(lock_answered(AGENT_ERROR("Locked",
	                                "{\"reason\":\"\\u001b[31mx\\n\"}"),
	                    &error) == AGENT_E_LOCKED);
	CHECK(strstr(error.text, "locked: x?: ") != NULL);
}

static void a_connection_that_died_is_made_again(void)
{
	static const char *const replies[] = { EMPTY_REPLY, EMPTY_REPLY,
		                               EMPTY_REPLY };
	const struct fake_script script = { replies, 3, 1 };
	struct agent_error error;
	struct agent *agent = NULL;
	struct fake_agent fake;

	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	for (int i = 0; i < 3; i++)
		CHECK(agent_lock(agent, &error) == AGENT_OK);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
}

static void a_call_is_sent_again_only_once(void)
{
	static const char *const replies[] = { EMPTY_REPLY, "", "" };
	const struct fake_script script = { replies, 2, 2 };
	const struct fake_script again = { replies, 3, 2 };
	struct agent_error error;
	struct agent *agent = NULL;
	struct fake_agent fake;

	/* Nobody listens for the second connection. */
	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	CHECK(agent_lock(agent, &error) == AGENT_OK);
	CHECK(agent_lock(agent, &error) == AGENT_E_NO_AGENT);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));

	fake_agent_start(&fake, &again);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	CHECK(agent_lock(agent, &error) == AGENT_OK);
	CHECK(agent_lock(agent, &error) == AGENT_E_NO_AGENT);
	CHECK(strstr(error.text, "closed the connection") != NULL);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
}

static void half_a_reply_is_not_asked_for_again(void)
{
	static const char *const replies[] = { EMPTY_REPLY, "!{\"param" };
	const struct fake_script script = { replies, 2, 2 };
	struct agent_error error;
	struct agent *agent = NULL;
	struct fake_agent fake;

	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	CHECK(agent_lock(agent, &error) == AGENT_OK);
	CHECK(agent_lock(agent, &error) == AGENT_E_NO_AGENT);
	CHECK(strstr(error.text, "closed the connection") != NULL);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
}

static void notices_are_passed_over_while_unlocking(void)
{
	const struct fake_script script = { NULL, 2, 2 };
	struct agent_error error;
	struct agent *agent = NULL;
	struct fake_agent fake;

	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	CHECK(agent_unlock(agent, &error) == AGENT_OK);
	CHECK(agent_unlock(agent, &error) == AGENT_OK);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
}

static void an_agent_that_stays_locked_is_an_error(void)
{
	static const char *const replies[] = {
		"{\"parameters\":{\"state\":\"locked\"}}"
	};
	const struct fake_script script = { replies, 1, 1 };
	struct agent_error error;
	struct agent *agent = NULL;
	struct fake_agent fake;

	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	CHECK(agent_unlock(agent, &error) == AGENT_E_REFUSED);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
}

#define MANY 600

static struct path_info make_path(size_t reference_count)
{
	struct path_info info = { .nar_size = 1 };

	memcpy(info.base, BASE, sizeof(BASE));
	for (size_t i = 0; i < reference_count; i++)
		CHECK(strings_add(&info.references, BASE, strlen(BASE)) == 0);
	return info;
}

static int sign_paths(struct agent *agent, const struct path_info *const *paths,
                      size_t count, struct strings *signatures,
                      struct agent_error *error)
{
	char name[] = "dev", store_dir[] = "/s";
	const struct agent_cache cache = { .name = name,
		                           .store_dir = store_dir };

	return agent_sign(agent, &cache, paths, count, signatures, error);
}

/* Signs MANY paths with so many references each, in so many calls. */
static void sign_many(size_t reference_count, size_t call_count)
{
	const struct fake_script script = { NULL, call_count, call_count };
	const struct path_info *paths[MANY];
	static struct strings signatures[MANY];
	struct path_info info = make_path(reference_count);
	struct agent_error error;
	struct agent *agent = NULL;
	struct fake_agent fake;

	for (size_t i = 0; i < MANY; i++)
		paths[i] = &info;

	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	CHECK(sign_paths(agent, paths, MANY, signatures, &error) == AGENT_OK);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
	for (size_t i = 0; i < MANY; i++) {
		CHECK(signatures[i].count == 1);
		strings_clear(&signatures[i]);
	}
	path_info_clear(&info);
}

static void paths_go_in_batches_by_number_and_by_size(void)
{
	sign_many(0, 3);
	/* 100 references of 40 bytes and 2 KiB: some 170 paths a message. */
	sign_many(100, 4);
}

static void a_path_that_fits_into_no_message_is_named(void)
{
	static const char *const replies[] = { EMPTY_REPLY };
	const struct fake_script script = { replies, 1, 1 };
	struct path_info info = make_path(30000);
	const struct path_info *path = &info;
	struct strings signatures;
	struct agent_error error;
	struct agent *agent = NULL;
	struct fake_agent fake;

	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	CHECK(agent_lock(agent, &error) == AGENT_OK);
	CHECK(sign_paths(agent, &path, 1, &signatures, &error) ==
	      AGENT_E_REFUSED);
	CHECK(strstr(error.text, BASE) != NULL);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
	path_info_clear(&info);
}

#define STATUS_OF(state, caches)                                          \
	"{\"parameters\":{\"version\":\"1\",\"pid\":1,\"state\":\"" state \
	"\","                                                             \
	"\"caches\":[" caches "],\"signatures\":0,\"urls\":0,"            \
	"\"sourceRuns\":0,\"hardening\":[],\"scope\":\"owner\"}}"
#define STATUS(state) STATUS_OF(state, "")
#define CACHE(confirm)                                                    \
	"{\"name\":\"dev\",\"store\":\"file:///a\",\"storeDir\":\"/n\","  \
	"\"publicKeys\":[],\"upstreamKeys\":[],\"compression\":\"zstd\"," \
	"\"signPolicy\":\"inStore\",\"confirm\":[" confirm "]}"

/* Signs one path, then presigns one request, with an agent that nothing waits
 * for.  The outcome of the first that fails. */
static int sign_and_presign(const char *const *replies, size_t count,
                            struct agent_error *error)
{
	const struct fake_script script = { replies, count, count };
	const struct s3_object_request request = {
		.operation = S3_GET_OBJECT, .key = bytes_of_text("key")
	};
	const struct presign_order order = { .cache = "dev",
		                             .requests = &request,
		                             .count = 1 };
	struct agent_pace pace;
	struct agent_signed_request response = { .url = NULL };
	struct strings signatures = { .items = NULL };
	struct path_info info = make_path(0);
	const struct path_info *path = &info;
	struct agent *agent = NULL;
	struct fake_agent fake;
	int rc;

	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, error) == AGENT_OK);
	agent_never_wait(agent);
	rc = sign_paths(agent, &path, 1, &signatures, error);
	if (rc == AGENT_OK)
		rc = agent_presign(agent, &order, &response, &pace, error);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
	strings_clear(&signatures);
	agent_signed_request_clear(&response);
	path_info_clear(&info);
	return rc;
}

static void who_never_waits_is_told_that_the_agent_is_locked(void)
{
	static const char *const locked[] = { STATUS("locked") };
	static const char *const unlocking[] = { STATUS("unlocking") };
	static const char *const later[] = { STATUS("unlocked"), NULL,
		                             STATUS("locked") };
	struct agent_error error;

	CHECK(sign_and_presign(locked, 1, &error) == AGENT_E_LOCKED);
	CHECK(error.exit_status == 3);
	CHECK(strstr(error.text, "nixcache unlock") != NULL);
	CHECK(sign_and_presign(unlocking, 1, &error) == AGENT_E_LOCKED);
	CHECK(sign_and_presign(later, 3, &error) == AGENT_E_LOCKED);
}

static void who_never_waits_is_served_by_an_unlocked_agent(void)
{
	static const char *const replies[] = { STATUS("unlocked"), NULL,
		                               STATUS("unlocked"), NULL };
	struct agent_error error;

	CHECK(sign_and_presign(replies, 4, &error) == AGENT_OK);
}

/* What a person is asked about at each use is given time, or it would be asked
 * about again at the next try. */
static void what_is_confirmed_is_waited_for(void)
{
	static const struct {
		const char *status;
		const char *cache;
		enum agent_patience patience;
	} cases[] = {
		{ STATUS_OF("unlocked", CACHE("")), "dev",
		  AGENT_PATIENCE_QUICK },
		{ STATUS_OF("unlocked", CACHE("\"unlock\"")), "dev",
		  AGENT_PATIENCE_QUICK },
		{ STATUS_OF("unlocked", CACHE("\"sign\"")), "dev",
		  AGENT_PATIENCE_APPROVAL },
		{ STATUS_OF("unlocked", CACHE("\"presignPut\"")), "dev",
		  AGENT_PATIENCE_APPROVAL },
		{ STATUS_OF("unlocked", CACHE("\"sign\"")), "other",
		  AGENT_PATIENCE_QUICK },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct fake_script script = { &cases[i].status, 1, 1 };
		enum agent_patience patience;
		struct agent_error error;
		struct agent *agent = NULL;
		struct fake_agent fake;

		fake_agent_start(&fake, &script);
		CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
		agent_never_wait(agent);
		CHECK(agent_exchange_prepare(agent, cases[i].cache, &patience,
		                             &error) == AGENT_OK);
		CHECK(patience == cases[i].patience);
		agent_close(agent);
		CHECK(fake_agent_stop(&fake));
	}
}

static void a_status_that_cannot_be_had_is_an_error(void)
{
	static const char *const replies[] = { "", EMPTY_REPLY };
	struct agent_error error;

	CHECK(sign_and_presign(replies, 1, &error) == AGENT_E_NO_AGENT);
	CHECK(sign_and_presign(replies + 1, 1, &error) == AGENT_E_REFUSED);
}

int main(void)
{
	static const struct test tests[] = {
		{ "without an agent the way to start one is named",
		  without_an_agent_the_way_to_start_one_is_named },
		{ "a socket path that is too long is named",
		  a_socket_path_that_is_too_long_is_named },
		{ "every error becomes a sentence with an action",
		  every_error_becomes_a_sentence_with_an_action },
		{ "text from the agent is made printable",
		  text_from_the_agent_is_made_printable },
		{ "a connection that died is made again",
		  a_connection_that_died_is_made_again },
		{ "a call is sent again only once",
		  a_call_is_sent_again_only_once },
		{ "half a reply is not asked for again",
		  half_a_reply_is_not_asked_for_again },
		{ "notices are passed over while unlocking",
		  notices_are_passed_over_while_unlocking },
		{ "an agent that stays locked is an error",
		  an_agent_that_stays_locked_is_an_error },
		{ "paths go in batches, by number and by size",
		  paths_go_in_batches_by_number_and_by_size },
		{ "a path that fits into no message is named",
		  a_path_that_fits_into_no_message_is_named },
		{ "who never waits is told that the agent is locked",
		  who_never_waits_is_told_that_the_agent_is_locked },
		{ "who never waits is served by an unlocked agent",
		  who_never_waits_is_served_by_an_unlocked_agent },
		{ "what is confirmed is waited for",
		  what_is_confirmed_is_waited_for },
		{ "a status that cannot be had is an error",
		  a_status_that_cannot_be_had_is_an_error },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
