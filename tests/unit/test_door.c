#include "protocol/base/exit_status.h"
#include "tests/lib/door_rig.h"
#include "tests/lib/test.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define METHOD(name) "{\"method\":\"io.nixcache.Agent." name "\"}"
#define STATUS       METHOD("Status")
#define UNLOCK       METHOD("Unlock")
#define LOCK         METHOD("Lock")
#define QUIT         METHOD("Quit")
#define EMPTY_REPLY  "{\"parameters\":{}}"
#define WAITING      20

/* All went well until the launcher was gone; no system call was refused. */
static void check_stop(struct door_rig *rig)
{
	int status = door_rig_stop(rig);

	if (status != EXIT_FAILED)
		(void)printf("# the door ended with %d\n", status);
	CHECK(status == EXIT_FAILED);
}

static void start_locked(struct door_rig *rig)
{
	door_rig_init(rig);
	door_rig_start(rig);
	door_rig_give_vault(rig);
	CHECK(door_rig_hear(rig) == LAUNCHER_READY);
}

static void start_unlocked(struct door_rig *rig)
{
	door_rig_init(rig);
	door_rig_start_unlocked(rig);
}

static void sign(int client, const char *name)
{
	char text[DOOR_RIG_CALL_SIZE];

	door_rig_sign_call(name, false, text);
	door_rig_call(client, text);
}

static bool is_signed(int client, const char *name)
{
	char words[128];

	(void)snprintf(words, sizeof(words), "\"signatures\":[\"%032d-%s\"]", 0,
	               name);
	return door_rig_replies(client, words);
}

/* A client whose reply shows that the door has read all before. */
static void check_still_there(struct door_rig *rig)
{
	int client = door_rig_connect_as_other(rig);

	door_rig_call(client, STATUS);
	CHECK(door_rig_replies(client, "\"state\":"));
	(void)close(client);
}

static void it_greets_when_the_vault_has(void)
{
	static struct door_rig rig;

	start_locked(&rig);
	/* Another vault is no other start. */
	door_rig_give_vault(&rig);
	door_rig_say(&rig, LAUNCHER_FETCH);
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	check_stop(&rig);
}

static void status_is_answered_while_locked(void)
{
	static struct door_rig rig;
	int client;

	start_locked(&rig);
	client = door_rig_connect(&rig);
	door_rig_call(client, STATUS);
	CHECK(door_rig_replies(client, "\"state\":\"locked\""));
	door_rig_call(client, STATUS);
	CHECK(door_rig_replies(client, "\"sourceRuns\":0"));
	(void)close(client);
	check_stop(&rig);
}

/* More than one peer may have, so from several. */
static void connect_all(struct door_rig *rig, int clients[WAITING])
{
	for (size_t i = 0; i < WAITING; i++) {
		char name[16];

		clients[i] = door_rig_connect_as_other(rig);
		(void)snprintf(name, sizeof(name), "path-%zu", i);
		sign(clients[i], name);
	}
}

static void close_all(const int clients[WAITING])
{
	for (size_t i = 0; i < WAITING; i++)
		(void)close(clients[i]);
}

static void twenty_calls_share_one_fetch(void)
{
	static struct door_rig rig;
	int clients[WAITING];
	char words[64];

	start_locked(&rig);
	connect_all(&rig, clients);
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	/* A FETCH for another of them would come before READY or LOADED. */
	check_still_there(&rig);
	door_rig_say_fetched(&rig, NULL);
	CHECK(door_rig_load(&rig));
	CHECK(door_rig_hear(&rig) == LAUNCHER_LOADED);
	for (size_t i = 0; i < WAITING; i++)
		CHECK(door_rig_answer(&rig));
	for (size_t i = 0; i < WAITING; i++) {
		(void)snprintf(words, sizeof(words), "path-%zu", i);
		CHECK(is_signed(clients[i], words));
	}
	door_rig_call(clients[0], STATUS);
	CHECK(door_rig_replies(clients[0], "\"signatures\":20,"));
	door_rig_call(clients[0], STATUS);
	CHECK(door_rig_replies(clients[0], "\"sourceRuns\":1"));
	close_all(clients);
	check_stop(&rig);
}

static void a_failed_fetch_fails_all_that_wait(void)
{
	static struct door_rig rig;
	int clients[WAITING];

	start_locked(&rig);
	connect_all(&rig, clients);
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	check_still_there(&rig);
	door_rig_say_fetched(&rig, "somebody said no");
	for (size_t i = 0; i < WAITING; i++) {
		CHECK(door_rig_replies(
			clients[i],
			"{\"error\":\"io.nixcache.Agent.SourceFailed\","
			"\"parameters\":{\"detail\":\"somebody said no\","
			"\"kind\":\"dismissed\","
			"\"retryAfterSeconds\":7}}"));
	}

	/* The next call asks again. */
	sign(clients[3], "again");
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	close_all(clients);
	check_stop(&rig);
}

static void secrets_that_the_vault_refuses_fail_all_that_wait(void)
{
	static struct door_rig rig;
	struct wire_frame frame;
	struct buffer refusal;
	int client;

	start_locked(&rig);
	client = door_rig_connect(&rig);
	door_rig_call(client, UNLOCK);
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	door_rig_say_fetched(&rig, NULL);
	CHECK(door_rig_hear_frame(&rig, &frame) && frame.type == VAULT_COMMIT);
	buffer_init(&refusal, WIRE_FRAME_MAX);
	wire_put_refused(&refusal, frame.tag, VAULT_KEY_MISMATCH, 0, "not it");
	door_rig_send_frames(&rig, &refusal);
	buffer_clear(&refusal);
	CHECK(door_rig_replies(client, "\"kind\":\"keyMismatch\""));
	CHECK(door_rig_hear(&rig) == LAUNCHER_REFUSED);
	(void)close(client);
	check_stop(&rig);
}

static void unlock_gives_notice_only_to_who_wants_more(void)
{
	static struct door_rig rig;
	int patient, curious;

	start_locked(&rig);
	patient = door_rig_connect(&rig);
	curious = door_rig_connect(&rig);
	door_rig_call(patient, UNLOCK);
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	door_rig_call(curious, "{\"method\":\"io.nixcache.Agent.Unlock\","
	                       "\"more\":true}");
	CHECK(door_rig_replies(curious, "{\"continues\":true,\"parameters\":{"
	                                "\"state\":\"unlocking\"}}"));
	CHECK(door_rig_is_silent(patient));
	door_rig_say_fetched(&rig, NULL);
	CHECK(door_rig_load(&rig));
	CHECK(door_rig_replies(patient, "\"unlocked\""));
	CHECK(door_rig_replies(curious, "\"unlocked\""));
	(void)close(patient);
	(void)close(curious);
	check_stop(&rig);
}

static void lock_is_answered_only_after_the_fresh_vault(void)
{
	static struct door_rig rig;
	int client;

	start_unlocked(&rig);
	client = door_rig_connect(&rig);
	door_rig_call(client, LOCK);
	CHECK(door_rig_hear(&rig) == LAUNCHER_RENEW);
	check_still_there(&rig);
	CHECK(door_rig_is_silent(client));
	door_rig_give_vault(&rig);
	CHECK(door_rig_replies(client, EMPTY_REPLY));
	door_rig_call(client, STATUS);
	CHECK(door_rig_replies(client, "\"state\":\"locked\""));
	(void)close(client);
	check_stop(&rig);
}

static void a_lock_fails_who_waits_for_the_secrets(void)
{
	static struct door_rig rig;
	int waiting, locking;

	start_locked(&rig);
	waiting = door_rig_connect(&rig);
	locking = door_rig_connect(&rig);
	sign(waiting, "a");
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	door_rig_call(locking, LOCK);
	CHECK(door_rig_hear(&rig) == LAUNCHER_RENEW);
	door_rig_give_vault(&rig);
	CHECK(door_rig_replies(waiting, "io.nixcache.Agent.Locked"));
	CHECK(door_rig_replies(locking, EMPTY_REPLY));
	(void)close(waiting);
	(void)close(locking);
	check_stop(&rig);
}

static void a_dead_vault_fails_who_waits_for_it(void)
{
	static struct door_rig rig;
	struct wire_frame frame;
	int waiting, other;

	start_unlocked(&rig);
	waiting = door_rig_connect(&rig);
	other = door_rig_connect(&rig);
	sign(waiting, "a");
	CHECK(door_rig_hear_frame(&rig, &frame) && frame.type == VAULT_SIGN);
	(void)close(rig.vault);
	rig.vault = -1;
	CHECK(door_rig_replies(waiting, "io.nixcache.Agent.VaultFailed"));
	door_rig_call(other, STATUS);
	CHECK(door_rig_replies(other, "\"state\":\"locked\""));

	/* And a fresh one serves it again. */
	door_rig_give_vault(&rig);
	sign(waiting, "b");
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	door_rig_say_fetched(&rig, NULL);
	CHECK(door_rig_load(&rig));
	CHECK(door_rig_answer(&rig));
	CHECK(is_signed(waiting, "b"));
	(void)close(waiting);
	(void)close(other);
	check_stop(&rig);
}

static void what_the_vault_refuses_is_said_to_that_client_only(void)
{
	static struct door_rig rig;
	struct wire_frame frame;
	struct buffer refusal;
	int one, two;

	start_unlocked(&rig);
	one = door_rig_connect(&rig);
	two = door_rig_connect(&rig);
	sign(one, "a");
	CHECK(door_rig_hear_frame(&rig, &frame) && frame.type == VAULT_SIGN);
	buffer_init(&refusal, WIRE_FRAME_MAX);
	wire_put_refused(&refusal, frame.tag, VAULT_BAD_REQUEST, 0, "base");
	sign(two, "b");
	CHECK(door_rig_answer(&rig));
	CHECK(is_signed(two, "b"));
	door_rig_send_frames(&rig, &refusal);
	buffer_clear(&refusal);
	CHECK(door_rig_replies(one, "io.nixcache.Agent.PolicyDenied"));
	(void)close(one);
	(void)close(two);
	check_stop(&rig);
}

static void quit_is_answered_and_then_told(void)
{
	static struct door_rig rig;
	int client;

	start_locked(&rig);
	client = door_rig_connect(&rig);
	door_rig_call(client, QUIT);
	CHECK(door_rig_replies(client, EMPTY_REPLY));
	CHECK(door_rig_hear(&rig) == LAUNCHER_QUIT);
	CHECK(door_rig_replies(client, ""));
	(void)close(client);
	check_stop(&rig);
}

static const struct test tests[] = {
	{ "it greets when the vault has, once", it_greets_when_the_vault_has },
	{ "status is answered while locked", status_is_answered_while_locked },
	{ "twenty calls share one fetch", twenty_calls_share_one_fetch },
	{ "a failed fetch fails all that wait",
	  a_failed_fetch_fails_all_that_wait },
	{ "secrets that the vault refuses fail all that wait",
	  secrets_that_the_vault_refuses_fail_all_that_wait },
	{ "unlock gives notice only to who wants more",
	  unlock_gives_notice_only_to_who_wants_more },
	{ "lock is answered only after the fresh vault",
	  lock_is_answered_only_after_the_fresh_vault },
	{ "a lock fails who waits for the secrets",
	  a_lock_fails_who_waits_for_the_secrets },
	{ "a dead vault fails who waits for it",
	  a_dead_vault_fails_who_waits_for_it },
	{ "what the vault refuses is said to that client only",
	  what_the_vault_refuses_is_said_to_that_client_only },
	{ "quit is answered and then told", quit_is_answered_and_then_told },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
