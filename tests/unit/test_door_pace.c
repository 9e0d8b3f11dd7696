#include "protocol/base/exit_status.h"
#include "tests/lib/door_rig.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PRESSURE \
	",\"pressure\":{\"slowDowns\":1,\"successes\":0,\"pauseMs\":900}"
#define PACE "\"pace\":{\"inFlight\":"

static void check_stop(struct door_rig *rig)
{
	CHECK(door_rig_stop(rig) == EXIT_FAILED);
}

static void presign(struct door_rig *rig, int client, const char *pressure)
{
	char text[DOOR_RIG_CALL_SIZE];

	(void)snprintf(text, sizeof(text),
	               "{\"method\":\"io.nixcache.Agent.Presign\","
	               "\"parameters\":{\"cache\":\"main\",\"requests\":[{"
	               "\"operation\":\"GetObject\","
	               "\"key\":\"nix-cache-info\"}]%s}}",
	               pressure);
	door_rig_call(client, text);
	CHECK(door_rig_answer(rig));
}

/* The reply is whole, and has no pace. */
#define UNPACED "\"expiresAt\":1}]}}"

static void what_one_client_met_the_other_learns(void)
{
	static struct door_rig rig;
	int one, other;

	door_rig_init(&rig);
	door_rig_start_unlocked(&rig);
	one = door_rig_connect(&rig);
	other = door_rig_connect_as_other(&rig);
	presign(&rig, other, "");
	CHECK(door_rig_replies(other, UNPACED));
	presign(&rig, one, PRESSURE);
	CHECK(door_rig_replies(one, PACE "16,\"pauseMs\":"));
	presign(&rig, other, "");
	CHECK(door_rig_replies(other, PACE "16,\"pauseMs\":"));
	door_rig_call(one, "{\"method\":\"io.nixcache.Agent.Status\"}");
	CHECK(door_rig_replies(one, "\"inFlight\":32}"));
	(void)close(one);
	(void)close(other);
	check_stop(&rig);
}

/* Two connections of one socket; one of them narrows itself. */
static void who_may_only_read_is_told_but_not_heard(void)
{
	static struct door_rig rig;
	int reader, writer;

	door_rig_init(&rig);
	door_rig_start_unlocked(&rig);
	reader = door_rig_connect(&rig);
	writer = door_rig_connect(&rig);
	door_rig_call(reader, "{\"method\":\"io.nixcache.Agent.Narrow\","
	                      "\"parameters\":{\"scope\":\"pull\"}}");
	CHECK(door_rig_replies(reader, "{\"parameters\":{}}"));
	presign(&rig, reader, PRESSURE);
	CHECK(door_rig_replies(reader, UNPACED));
	presign(&rig, writer, PRESSURE);
	CHECK(door_rig_replies(writer, PACE "16,"));
	presign(&rig, reader, PRESSURE);
	CHECK(door_rig_replies(reader, PACE "16,"));
	(void)close(reader);
	(void)close(writer);
	check_stop(&rig);
}

static void pressure_that_makes_no_sense_is_refused(void)
{
	static struct door_rig rig;
	char text[DOOR_RIG_CALL_SIZE];
	int client;

	door_rig_init(&rig);
	door_rig_start_unlocked(&rig);
	client = door_rig_connect(&rig);
	(void)snprintf(text, sizeof(text),
	               "{\"method\":\"io.nixcache.Agent.Presign\","
	               "\"parameters\":{\"cache\":\"main\",\"requests\":[{"
	               "\"operation\":\"GetObject\","
	               "\"key\":\"nix-cache-info\"}],\"pressure\":"
	               "{\"slowDowns\":-1,\"successes\":0,\"pauseMs\":0}}}");
	door_rig_call(client, text);
	CHECK(door_rig_replies(client, "\"parameter\":\"slowDowns\""));
	presign(&rig, client, "");
	CHECK(door_rig_replies(client, UNPACED));
	(void)close(client);
	check_stop(&rig);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what one client met the other learns",
		  what_one_client_met_the_other_learns },
		{ "who may only read is told but not heard",
		  who_may_only_read_is_told_but_not_heard },
		{ "pressure that makes no sense is refused",
		  pressure_that_makes_no_sense_is_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
