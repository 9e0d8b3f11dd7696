#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "tests/lib/door_rig.h"
#include "tests/lib/test.h"

#include "agent/door/peer.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define METHOD(name) "{\"method\":\"io.nixcache.Agent." name "\"}"
#define STATUS       METHOD("Status")
#define UNLOCK       METHOD("Unlock")
#define LOCK         METHOD("Lock")
#define HEAD                                                              \
	"{\"method\":\"io.nixcache.Agent.Presign\",\"parameters\":{"      \
	"\"cache\":\"main\",\"requests\":[{\"operation\":\"HeadObject\"," \
	"\"key\":\"nix-cache-info\"}]}}"
#define PUT                                                               \
	"{\"method\":\"io.nixcache.Agent.Presign\",\"parameters\":{"      \
	"\"cache\":\"main\",\"requests\":[{\"operation\":\"HeadObject\"," \
	"\"key\":\"nix-cache-info\"},{\"operation\":\"PutObject\","       \
	"\"key\":\"nix-cache-info\",\"contentLength\":1}]}}"
#define START       77
#define OTHER_START 78

static void check_stop(struct door_rig *rig)
{
	int status = door_rig_stop(rig);

	if (status != EXIT_FAILED)
		(void)printf("# the door ended with %d\n", status);
	CHECK(status == EXIT_FAILED);
}

static void init(struct door_rig *rig, uint32_t confirm)
{
	door_rig_init(rig);
	rig->caches[0].sign_policy = SIGN_ANY;
	rig->caches[0].confirm = confirm;
	rig->config.confirm_window = 120;
	rig->config.confirm_timeout = 60;
}

/* The door's next packet is this errand. */
static struct errand hear(struct door_rig *rig, enum errand_kind kind)
{
	struct launcher_packet packet = { .fd = -1 };
	struct errand none = { .fd = -1 };

	if (wire_receive_launcher(rig->launcher, &packet) != 1 ||
	    packet.type != LAUNCHER_ERRAND || packet.errand.kind != kind) {
		(void)printf("# packet %d, errand %d\n", (int)packet.type,
		             (int)packet.errand.kind);
		FAIL("the errand that is awaited");
		return none;
	}
	if (packet.errand.fd >= 0)
		(void)close(packet.errand.fd);
	packet.errand.fd = -1;
	return packet.errand;
}

static void say(struct door_rig *rig, struct errand *done, enum errand_end end)
{
	done->end = end;
	CHECK(wire_send_errand(rig->launcher, LAUNCHER_ERRAND_DONE, done) == 0);
}

/* A client that the launcher has looked at. */
static void look_at(struct door_rig *rig, uint64_t start)
{
	struct errand look = hear(rig, ERRAND_PEER);

	look.number = start;
	(void)snprintf(look.text, sizeof(look.text), "/bin/a-client");
	say(rig, &look, ERRAND_DONE);
}

static int join(struct door_rig *rig)
{
	int client = door_rig_connect(rig);

	look_at(rig, START);
	return client;
}

static int join_as_other(struct door_rig *rig)
{
	int client = door_rig_connect_as_other(rig);

	look_at(rig, OTHER_START);
	return client;
}

static void sign(int client, const char *name)
{
	char text[DOOR_RIG_CALL_SIZE];

	door_rig_sign_call(name, false, text);
	door_rig_call(client, text);
}

static bool is_signed(struct door_rig *rig, int client)
{
	return door_rig_answer(rig) && door_rig_replies(client, "signatures");
}

static bool is_denied(int client)
{
	return door_rig_replies(client, "io.nixcache.Agent.UserDenied");
}

static void nobody_else_waits_for_a_person(void)
{
	static struct door_rig rig;
	struct errand asked;
	int slow, other;

	init(&rig, 1U << CONFIRM_SIGN);
	door_rig_start_unlocked(&rig);
	slow = join(&rig);
	sign(slow, "a");
	asked = hear(&rig, ERRAND_ASK);
	CHECK(asked.seconds == 60 && asked.pid == getpid());
	CHECK(strstr(asked.text, "\"/bin/a-client\"") &&
	      strstr(asked.text, "cache main: ") &&
	      strstr(asked.text, "sign 1 store path, ") &&
	      strstr(asked.text, "-a? "));
	other = join_as_other(&rig);
	door_rig_call(other, STATUS);
	CHECK(door_rig_replies(other, "\"confirm\":[\"sign\"]"));
	door_rig_call(other, HEAD);
	CHECK(door_rig_answer(&rig));
	CHECK(door_rig_replies(other, "\"responses\""));
	CHECK(door_rig_is_silent(slow));
	say(&rig, &asked, ERRAND_DONE);
	CHECK(is_signed(&rig, slow));
	/* Another call of that process is not asked about, one of another is. */
	sign(slow, "b");
	CHECK(is_signed(&rig, slow));
	sign(other, "c");
	asked = hear(&rig, ERRAND_ASK);
	CHECK(asked.pid != getpid());
	say(&rig, &asked, ERRAND_DENIED);
	CHECK(is_denied(other));
	(void)close(other);
	(void)close(slow);
	check_stop(&rig);
}

static void calls_of_one_peer_share_a_prompt(void)
{
	static struct door_rig rig;
	struct errand asked;
	int a, b;

	init(&rig, 1U << CONFIRM_SIGN);
	door_rig_start_unlocked(&rig);
	a = join(&rig);
	b = join(&rig);
	sign(a, "a");
	asked = hear(&rig, ERRAND_ASK);
	sign(b, "b");
	/* The door has read b when it has answered what came after it. */
	door_rig_call(join_as_other(&rig), STATUS);
	say(&rig, &asked, ERRAND_DONE);
	/* Whose turn is first is not said. */
	CHECK(door_rig_answer(&rig) && door_rig_answer(&rig));
	CHECK(door_rig_replies(a, "signatures"));
	CHECK(door_rig_replies(b, "signatures"));
	(void)close(a);
	(void)close(b);
	check_stop(&rig);
}

static void uploads_are_asked_about_and_reads_are_not(void)
{
	static struct door_rig rig;
	struct errand asked;
	int client;

	init(&rig, 1U << CONFIRM_PRESIGN_PUT);
	door_rig_start_unlocked(&rig);
	client = join(&rig);
	door_rig_call(client, HEAD);
	CHECK(door_rig_answer(&rig));
	CHECK(door_rig_replies(client, "\"responses\""));
	sign(client, "a");
	CHECK(is_signed(&rig, client));
	door_rig_call(client, PUT);
	asked = hear(&rig, ERRAND_ASK);
	CHECK(strstr(asked.text,
	             "upload or delete 1 object, nix-cache-info? "));
	say(&rig, &asked, ERRAND_UNANSWERED);
	CHECK(is_denied(client));
	(void)close(client);
	check_stop(&rig);
}

static void start_locked(struct door_rig *rig)
{
	door_rig_start(rig);
	door_rig_give_vault(rig);
	CHECK(door_rig_hear(rig) == LAUNCHER_READY);
}

/* The secrets of all caches are fetched together. */
static void unlocking_is_asked_about_whichever_cache_it_is_for(void)
{
	static struct door_rig rig;
	struct errand asked;
	int client;

	init(&rig, 0);
	rig.caches[1].confirm = 1U << CONFIRM_UNLOCK;
	start_locked(&rig);
	client = join(&rig);
	door_rig_call(client, UNLOCK);
	asked = hear(&rig, ERRAND_ASK);
	CHECK(strstr(asked.text, "fetch the secrets of all caches? "));
	say(&rig, &asked, ERRAND_UNANSWERED);
	CHECK(is_denied(client));
	sign(client, "a");
	asked = hear(&rig, ERRAND_ASK);
	say(&rig, &asked, ERRAND_DONE);
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	door_rig_say_fetched(&rig, NULL);
	CHECK(door_rig_load(&rig));
	CHECK(is_signed(&rig, client));
	CHECK(door_rig_hear(&rig) == LAUNCHER_LOADED);
	(void)close(client);
	check_stop(&rig);
}

static void who_waits_to_unlock_is_helped_by_another_s_yes(void)
{
	static struct door_rig rig;
	struct errand asked;
	int client, other;

	init(&rig, 1U << CONFIRM_UNLOCK);
	start_locked(&rig);
	client = join(&rig);
	other = join_as_other(&rig);
	door_rig_call(other, UNLOCK);
	asked = hear(&rig, ERRAND_ASK);
	door_rig_call(client, UNLOCK "\1" STATUS);
	/* By then the door has read both. */
	door_rig_call(join(&rig), STATUS);
	say(&rig, &asked, ERRAND_DONE);
	/* No second question comes before it. */
	CHECK(door_rig_hear(&rig) == LAUNCHER_FETCH);
	door_rig_say_fetched(&rig, NULL);
	CHECK(door_rig_load(&rig));
	CHECK(door_rig_hear(&rig) == LAUNCHER_LOADED);
	CHECK(door_rig_replies(other, "unlocked"));
	CHECK(door_rig_replies(client, "unlocked"));
	CHECK(door_rig_replies(client, "\"state\":\"unlocked\""));
	check_stop(&rig);
}

static void a_lock_answers_who_waits_for_a_person(void)
{
	static struct door_rig rig;
	struct errand asked, stopped;
	int client, other;

	init(&rig, 1U << CONFIRM_SIGN);
	door_rig_start_unlocked(&rig);
	client = join(&rig);
	sign(client, "a");
	asked = hear(&rig, ERRAND_ASK);
	other = join_as_other(&rig);
	door_rig_call(other, LOCK);
	CHECK(door_rig_hear(&rig) == LAUNCHER_RENEW);
	door_rig_give_vault(&rig);
	CHECK(door_rig_replies(client, "io.nixcache.Agent.Locked"));
	CHECK(door_rig_replies(other, "{\"parameters\":{}}"));
	stopped = hear(&rig, ERRAND_STOP_ASKING);
	CHECK(stopped.tag == asked.tag);
	/* The yes comes too late. */
	say(&rig, &asked, ERRAND_DONE);
	sign(client, "b");
	CHECK(hear(&rig, ERRAND_ASK).tag != asked.tag);
	check_stop(&rig);
}

static void who_goes_away_takes_the_question_back(void)
{
	static struct door_rig rig;
	int other;

	init(&rig, 1U << CONFIRM_SIGN);
	door_rig_start_unlocked(&rig);
	for (int i = 0; i < 2; i++) {
		int client = join(&rig);
		struct errand asked;

		sign(client, "a");
		asked = hear(&rig, ERRAND_ASK);
		(void)close(client);
		CHECK(hear(&rig, ERRAND_STOP_ASKING).tag == asked.tag);
	}
	/* Twice is enough: nobody is asked for a while. */
	other = join_as_other(&rig);
	sign(other, "b");
	CHECK(is_denied(other));
	check_stop(&rig);
}

/* A service manager starts the agent because somebody has called already. */
static void a_first_vault_is_no_lock(void)
{
	static struct door_rig rig;
	struct errand asked;
	int client;

	init(&rig, 1U << CONFIRM_UNLOCK);
	door_rig_start(&rig);
	client = join(&rig);
	door_rig_call(client, UNLOCK);
	asked = hear(&rig, ERRAND_ASK);
	door_rig_give_vault(&rig);
	CHECK(door_rig_hear(&rig) == LAUNCHER_READY);
	CHECK(door_rig_is_silent(client));
	say(&rig, &asked, ERRAND_DENIED);
	CHECK(is_denied(client));
	check_stop(&rig);
}

static void a_peer_that_cannot_be_seen_is_asked_about_all_the_same(void)
{
	static struct door_rig rig;
	struct errand look, asked;
	int client;

	init(&rig, 1U << CONFIRM_SIGN);
	door_rig_start_unlocked(&rig);
	client = door_rig_connect(&rig);
	look = hear(&rig, ERRAND_PEER);
	say(&rig, &look, ERRAND_FAILED);
	sign(client, "a");
	asked = hear(&rig, ERRAND_ASK);
	CHECK(strstr(asked.text, "a program that cannot be seen"));
	say(&rig, &asked, ERRAND_DONE);
	CHECK(is_signed(&rig, client));
	sign(client, "b");
	asked = hear(&rig, ERRAND_ASK);
	check_stop(&rig);
}

static bool has_pidfds(int client)
{
	struct peer peer;
	bool has = peer_read(client, &peer) == 0 && peer.pidfd >= 0;

	peer_clear(&peer);
	return has;
}

/* What it has left behind may hold its connection. */
static void a_yes_is_not_for_who_comes_after_the_peer(void)
{
	static struct door_rig rig;
	struct errand asked;
	int pair[2], client = -1;
	char byte = 0;
	pid_t pid;

	init(&rig, 1U << CONFIRM_SIGN);
	door_rig_start_unlocked(&rig);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		client = door_rig_connect(&rig);
		_exit(fd_send(pair[1], &byte, 1, client) == 0 &&
		                      read(pair[1], &byte, 1) == 1
		              ? 0
		              : 1);
	}
	CHECK(fd_receive(pair[0], &byte, 1, &client) == 1);
	look_at(&rig, START);
	sign(client, "a");
	asked = hear(&rig, ERRAND_ASK);
	CHECK(asked.pid == pid);
	CHECK(write(pair[0], &byte, 1) == 1 && waitpid(pid, NULL, 0) == pid);
	say(&rig, &asked, ERRAND_DONE);
	if (has_pidfds(client)) {
		CHECK(door_rig_replies(client, "PermissionDenied"));
	} else { /* Linux before 6.5 */
		CHECK(is_signed(&rig, client));
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
	check_stop(&rig);
}

int main(void)
{
	static const struct test tests[] = {
		{ "nobody else waits for a person",
		  nobody_else_waits_for_a_person },
		{ "calls of one peer share a prompt",
		  calls_of_one_peer_share_a_prompt },
		{ "uploads are asked about, and reads are not",
		  uploads_are_asked_about_and_reads_are_not },
		{ "unlocking is asked about, whichever cache it is for",
		  unlocking_is_asked_about_whichever_cache_it_is_for },
		{ "who waits to unlock is helped by another's yes",
		  who_waits_to_unlock_is_helped_by_another_s_yes },
		{ "a lock answers who waits for a person",
		  a_lock_answers_who_waits_for_a_person },
		{ "who goes away takes the question back",
		  who_goes_away_takes_the_question_back },
		{ "a first vault is no lock", a_first_vault_is_no_lock },
		{ "a peer that cannot be seen is asked about all the same",
		  a_peer_that_cannot_be_seen_is_asked_about_all_the_same },
		{ "a yes is not for who comes after the peer",
		  a_yes_is_not_for_who_comes_after_the_peer },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
