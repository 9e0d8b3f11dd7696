#include "agent/door/connection.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/door_rig.h"
#include "tests/lib/test.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define METHOD(name) "{\"method\":\"io.nixcache.Agent." name "\"}"
#define STATUS       METHOD("Status")
#define LOCK         METHOD("Lock")
#define DESCRIBE                                                       \
	"{\"method\":\"org.varlink.service.GetInterfaceDescription\"," \
	"\"parameters\":{\"interface\":\"io.nixcache.Agent\"}}"

static void check_stop(struct door_rig *rig)
{
	int status = door_rig_stop(rig);

	if (status != EXIT_FAILED)
		(void)printf("# the door ended with %d\n", status);
	CHECK(status == EXIT_FAILED);
}

static void start_unlocked(struct door_rig *rig)
{
	door_rig_init(rig);
	door_rig_start_unlocked(rig);
}

static void start_locked(struct door_rig *rig)
{
	door_rig_init(rig);
	door_rig_start(rig);
	door_rig_give_vault(rig);
	CHECK(door_rig_hear(rig) == LAUNCHER_READY);
}

static bool is_signed(int client, const char *name)
{
	char words[128];

	(void)snprintf(words, sizeof(words), "\"signatures\":[\"%032d-%s\"]", 0,
	               name);
	return door_rig_replies(client, words);
}

static void check_served(int client)
{
	door_rig_call(client, STATUS);
	CHECK(door_rig_replies(client, "\"state\":"));
}

static void pipelined_calls_are_answered_in_order(void)
{
	char a[DOOR_RIG_CALL_SIZE], b[DOOR_RIG_CALL_SIZE];
	char calls[4 * DOOR_RIG_CALL_SIZE];
	static struct door_rig rig;
	int client;

	start_locked(&rig);
	client = door_rig_connect(&rig);
	door_rig_sign_call("a", false, a);
	door_rig_sign_call("b", false, b);
	(void)snprintf(calls, sizeof(calls), "%s\1%s\1%s\1%s", STATUS, a,
	               STATUS, b);
	door_rig_call(client, calls);
	CHECK(door_rig_replies(client, "\"state\":\"locked\""));
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	door_rig_say_fetched(&rig, NULL);
	CHECK(door_rig_load(&rig));
	CHECK(door_rig_answer(&rig));
	CHECK(is_signed(client, "a"));
	CHECK(door_rig_replies(client, "\"state\":\"unlocked\""));
	CHECK(door_rig_answer(&rig));
	CHECK(is_signed(client, "b"));
	(void)close(client);
	check_stop(&rig);
}

/* The same when the launcher's packet is what answers the first. */
static void a_call_behind_a_lock_is_answered(void)
{
	static struct door_rig rig;
	int client;

	start_unlocked(&rig);
	client = door_rig_connect(&rig);
	door_rig_call(client, LOCK "\1" STATUS);
	CHECK(door_rig_hear(&rig) == LAUNCHER_RENEW);
	door_rig_give_vault(&rig);
	CHECK(door_rig_replies(client, "{\"parameters\":{}}"));
	CHECK(door_rig_replies(client, "\"state\":\"locked\""));
	(void)close(client);
	check_stop(&rig);
}

static void a_client_that_has_said_all_still_gets_its_answers(void)
{
	char a[DOOR_RIG_CALL_SIZE], calls[2 * DOOR_RIG_CALL_SIZE];
	static struct door_rig rig;
	int client;

	start_unlocked(&rig);
	client = door_rig_connect(&rig);
	door_rig_sign_call("a", false, a);
	(void)snprintf(calls, sizeof(calls), "%s\1%s", a, STATUS);
	door_rig_call(client, calls);
	CHECK(shutdown(client, SHUT_WR) == 0);
	CHECK(door_rig_answer(&rig));
	CHECK(is_signed(client, "a"));
	CHECK(door_rig_replies(client, "\"state\":\"unlocked\""));
	CHECK(door_rig_replies(client, ""));
	(void)close(client);
	check_stop(&rig);
}

static void a_oneway_call_gets_no_reply(void)
{
	char text[DOOR_RIG_CALL_SIZE];
	static struct door_rig rig;
	int client;

	start_unlocked(&rig);
	client = door_rig_connect(&rig);
	door_rig_sign_call("a", true, text);
	door_rig_call(client, text);
	CHECK(door_rig_answer(&rig));
	/* No error either. */
	door_rig_call(client, "{\"method\":\"io.nixcache.Agent.Nothing\","
	                      "\"oneway\":true}");
	door_rig_call(client, STATUS);
	CHECK(door_rig_replies(client, "\"signatures\":1,"));
	(void)close(client);
	check_stop(&rig);
}

/* Its silence is its own: what was said before it goes out. */
static void a_oneway_call_takes_no_other_reply_away(void)
{
	static struct door_rig rig;
	int client;

	start_unlocked(&rig);
	client = door_rig_connect(&rig);
	door_rig_call(client,
	              STATUS "\1{\"method\":\"io.nixcache.Agent.Status\","
	                     "\"oneway\":true}\1" DESCRIBE);
	CHECK(door_rig_replies(client, "\"state\":\"unlocked\""));
	CHECK(door_rig_replies(client, "\"description\":"));
	CHECK(door_rig_is_silent(client));
	(void)close(client);
	check_stop(&rig);
}

static void what_is_no_call_ends_the_connection(void)
{
	static const char *const texts[] = {
		"", "x", "{}", "{\"method\":1}", "{\"method\":\"a\",\"x\":1}",
	};
	static struct door_rig rig;
	int other;

	start_locked(&rig);
	other = door_rig_connect(&rig);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int client = door_rig_connect(&rig);

		door_rig_call(client, texts[i]);
		CHECK(door_rig_replies(client, ""));
		(void)close(client);
	}
	check_served(other);
	(void)close(other);
	check_stop(&rig);
}

static void a_message_without_end_ends_the_connection(void)
{
	static char text[VARLINK_FRAME_MAX + 1];
	static struct door_rig rig;
	int client;

	start_locked(&rig);
	client = door_rig_connect(&rig);
	memset(text, ' ', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	door_rig_call(client, text);
	CHECK(door_rig_replies(client, ""));
	(void)close(client);
	check_stop(&rig);
}

static void a_peer_has_sixteen_connections(void)
{
	int clients[CONNECTIONS_PER_PEER_MAX];
	static struct door_rig rig;
	int one_more;

	start_locked(&rig);
	for (size_t i = 0; i < CONNECTIONS_PER_PEER_MAX; i++)
		clients[i] = door_rig_connect(&rig);
	check_served(clients[CONNECTIONS_PER_PEER_MAX - 1]);
	one_more = door_rig_connect(&rig);
	CHECK(door_rig_replies(one_more, ""));
	(void)close(one_more);

	/* Another peer has its own, and a place that is free again is free. */
	one_more = door_rig_connect_as_other(&rig);
	check_served(one_more);
	(void)close(one_more);
	(void)close(clients[0]);
	check_served(clients[1]);
	one_more = door_rig_connect(&rig);
	check_served(one_more);
	(void)close(one_more);
	for (size_t i = 1; i < CONNECTIONS_PER_PEER_MAX; i++)
		(void)close(clients[i]);
	check_stop(&rig);
}

static void beyond_sixty_four_a_client_waits_for_its_turn(void)
{
	int clients[CONNECTIONS_MAX];
	static struct door_rig rig;
	int one_more;

	start_locked(&rig);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		clients[i] = door_rig_connect_as_other(&rig);
		check_served(clients[i]);
	}
	one_more = door_rig_connect_as_other(&rig);
	door_rig_call(one_more, STATUS);
	check_served(clients[0]);
	CHECK(door_rig_is_silent(one_more));
	(void)close(clients[7]);
	CHECK(door_rig_replies(one_more, "\"state\":"));
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (i != 7)
			(void)close(clients[i]);
	}
	(void)close(one_more);
	check_stop(&rig);
}

/* Its replies fill the socket, then the door's patience with it; nobody else
 * notices. */
static void a_client_that_never_reads_stops_nobody(void)
{
	static char calls[VARLINK_FRAME_MAX];
	static struct door_rig rig;
	int deaf, other;
	size_t len = 0;

	start_unlocked(&rig);
	deaf = door_rig_connect(&rig);
	other = door_rig_connect(&rig);
	while (len + 2 * sizeof(DESCRIBE) < sizeof(calls) / 8) {
		memcpy(calls + len, DESCRIBE "\1", sizeof(DESCRIBE));
		len += sizeof(DESCRIBE);
	}
	calls[len - 1] = '\0';
	/* It never reads, so it must not wait until all is taken. */
	CHECK(send(deaf, calls, len, MSG_DONTWAIT) > 0);
	for (size_t i = 0; i < 100; i++)
		check_served(other);
	(void)close(other);
	(void)close(deaf);
	check_stop(&rig);
}

/* What came late is for nobody. */
static void an_answer_for_a_client_that_is_gone_harms_nobody(void)
{
	char text[DOOR_RIG_CALL_SIZE];
	static struct door_rig rig;
	int gone, other;

	start_unlocked(&rig);
	gone = door_rig_connect(&rig);
	door_rig_sign_call("gone", false, text);
	door_rig_call(gone, text);
	/* It has reached the vault's queue when the other is served. */
	other = door_rig_connect(&rig);
	check_served(other);
	(void)close(gone);
	check_served(other);
	CHECK(door_rig_answer(&rig));
	door_rig_sign_call("other", false, text);
	door_rig_call(other, text);
	CHECK(door_rig_answer(&rig));
	CHECK(is_signed(other, "other"));
	(void)close(other);
	check_stop(&rig);
}

static const struct test tests[] = {
	{ "pipelined calls are answered in order",
	  pipelined_calls_are_answered_in_order },
	{ "a call behind a lock is answered",
	  a_call_behind_a_lock_is_answered },
	{ "a client that has said all still gets its answers",
	  a_client_that_has_said_all_still_gets_its_answers },
	{ "a oneway call gets no reply", a_oneway_call_gets_no_reply },
	{ "a oneway call takes no other reply away",
	  a_oneway_call_takes_no_other_reply_away },
	{ "what is no call ends the connection",
	  what_is_no_call_ends_the_connection },
	{ "a message without end ends the connection",
	  a_message_without_end_ends_the_connection },
	{ "a peer has sixteen connections", a_peer_has_sixteen_connections },
	{ "beyond sixty-four a client waits for its turn",
	  beyond_sixty_four_a_client_waits_for_its_turn },
	{ "a client that never reads stops nobody",
	  a_client_that_never_reads_stops_nobody },
	{ "an answer for a client that is gone harms nobody",
	  an_answer_for_a_client_that_is_gone_harms_nobody },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
