#include "agent/door/pace.h"
#include "agent/door/status.h"
#include "protocol/base/fd.h"
#include "protocol/varlink/agent_status.h"
#include "tests/lib/door_rig.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#define KEY "k-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
#define PID 4711
#define DIR STORE_DIR_DEFAULT

struct hall {
	struct door_rig rig;
	struct door_start start;
	struct connection client;
	struct grant owner;
	struct door *door;
	struct strings loaded[DOOR_RIG_CACHES];
	struct agent_status status; /* what a client reads */
};

static void hall_open(struct hall *hall)
{
	door_rig_init(&hall->rig);
	hall->door = calloc(1, sizeof(*hall->door));
	if (!hall->door)
		abort();
	hall->start = (struct door_start){
		.config = &hall->rig.config,
		.launcher_report = &hall->rig.report,
		.launcher_pid = PID,
	};
	memset(hall->loaded, 0, sizeof(hall->loaded));
	hall->door->start = &hall->start;
	hall->door->config = &hall->rig.config;
	hall->door->loaded_keys = hall->loaded;
	hall->status = (struct agent_status){ .version = NULL };
	grant_init(&hall->owner, SCOPE_OWNER);
	hall->client = (struct connection){
		.fd = -1,
		.scope = { .socket = &hall->owner, .name = "owner" },
	};
	CHECK(audit_new(&hall->start.audit, &hall->door->audit) == 0);
	CHECK(witness_new("auto", &hall->door->witness) == 0);
	CHECK(pace_book_new(&hall->door->paces) == 0);
}

/* Writes the reply and reads it as a client does. */
static void hall_ask(struct hall *hall)
{
	struct varlink_reply reply = { .parameters = NULL };
	struct buffer out;

	agent_status_clear(&hall->status);
	buffer_init(&out, VARLINK_FRAME_MAX);
	CHECK(status_write(hall->door, &hall->client, &out) == 0);
	CHECK(out.len > 0 && out.data[out.len - 1] == '\0');
	CHECK(reply_decode((struct bytes){ out.data, out.len - 1 }, &reply) ==
	      0);
	CHECK(status_reply_decode(&reply, &hall->status) == 0);
	reply_clear(&reply);
	buffer_clear(&out);
}

static void hall_close(struct hall *hall)
{
	agent_status_clear(&hall->status);
	for (size_t i = 0; i < DOOR_RIG_CACHES; i++)
		strings_clear(&hall->loaded[i]);
	audit_free(hall->door->audit);
	witness_free(hall->door->witness);
	pace_book_free(hall->door->paces);
	free(hall->door);
}

static void a_locked_agent_says_so_and_no_times(void)
{
	static struct hall hall;

	hall_open(&hall);
	hall_ask(&hall);
	CHECK(hall.status.state == AGENT_LOCKED);
	CHECK(hall.status.pid == PID);
	CHECK(strcmp(hall.status.version, NIXCACHE_VERSION) == 0);
	CHECK(hall.status.lifetime_left == -1 && hall.status.idle_left == -1);
	CHECK(hall.status.signature_count == 0 && hall.status.url_count == 0 &&
	      hall.status.source_runs == 0);
	hall_close(&hall);
}

static void an_unlocked_agent_says_how_long(void)
{
	static struct hall hall;
	long long now_ms = clock_boot_ms();

	hall_open(&hall);
	hall.door->custody = (struct custody){
		.state = AGENT_UNLOCKED,
		.lifetime_end_ms = now_ms + 3600000,
		.idle_end_ms = now_ms - 1,
		.source_runs = 2,
		.signature_count = 3,
		.url_count = 4,
	};
	hall_ask(&hall);
	CHECK(hall.status.state == AGENT_UNLOCKED);
	CHECK(hall.status.lifetime_left > 0 &&
	      hall.status.lifetime_left <= 3600);
	CHECK(hall.status.idle_left == 0);
	CHECK(hall.status.source_runs == 2 &&
	      hall.status.signature_count == 3 && hall.status.url_count == 4);
	hall_close(&hall);
}

static void every_cache_is_as_it_was_configured(void)
{
	static char upstream[] = "u:1";
	char *items[] = { upstream };
	static struct hall hall;

	hall_open(&hall);
	hall.rig.caches[0].priority = 30;
	hall.rig.caches[0].compression_level = 19;
	hall.rig.caches[0].upstream_keys = (struct strings){ items, 1, 1 };
	hall_ask(&hall);
	CHECK(hall.status.cache_count == DOOR_RIG_CACHES);
	CHECK(strcmp(hall.status.caches[0].name, "main") == 0);
	CHECK(strcmp(hall.status.caches[0].store, "s3://bucket") == 0);
	CHECK(strcmp(hall.status.caches[0].store_dir, STORE_DIR_DEFAULT) == 0);
	CHECK(strcmp(hall.status.caches[0].compression, "zstd") == 0);
	CHECK(hall.status.caches[0].priority == 30 &&
	      hall.status.caches[0].compression_level == 19);
	CHECK(hall.status.caches[0].upstream_keys.count == 1);
	CHECK(strcmp(hall.status.caches[1].name, "folder") == 0);
	CHECK(hall.status.caches[1].priority == -1 &&
	      hall.status.caches[1].compression_level == -1);
	CHECK(hall.status.caches[1].upstream_keys.count == 0);
	hall_close(&hall);
}

/* What is configured is what readers trust. */
static void configured_keys_come_before_fetched_ones(void)
{
	static const char fetched[] =
		"f-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
	static struct hall hall;

	hall_open(&hall);
	CHECK(public_key_parse(KEY, strlen(KEY),
	                       &hall.rig.caches[0].public_keys[0]) == 0);
	hall.rig.caches[0].public_key_count = 1;
	for (size_t i = 0; i < DOOR_RIG_CACHES; i++) {
		CHECK(strings_add(&hall.loaded[i], fetched, strlen(fetched)) ==
		      0);
	}
	hall_ask(&hall);
	CHECK(hall.status.caches[0].public_keys.count == 1);
	CHECK(strcmp(hall.status.caches[0].public_keys.items[0], KEY) == 0);
	CHECK(hall.status.caches[1].public_keys.count == 1);
	CHECK(strcmp(hall.status.caches[1].public_keys.items[0], fetched) == 0);
	hall_close(&hall);
}

static void the_measures_of_all_three_processes_are_named(void)
{
	static const char *const processes[] = { "launcher", "door", "vault" };
	static struct hall hall;

	hall_open(&hall);
	hall.door->own.process = "door";
	report_add(&hall.door->own, "one", MEASURE_WEAKER, "why");
	hall.door->vault_measures[0] = (struct agent_measure){
		.name = "two",
		.process = "vault",
		.state = MEASURE_ABSENT,
		.detail = "why not",
	};
	hall.door->vault_measure_count = 1;
	hall_ask(&hall);
	CHECK(hall.status.measure_count == 5);
	for (size_t i = 0; i < 3; i++) {
		/* After the door's own comes what it says of log and store. */
		const struct agent_measure *row =
			&hall.status.measures[i < 2 ? i : 4];

		CHECK(strcmp(row->process, processes[i]) == 0);
		CHECK(row->state == (enum measure_state)i);
	}
	CHECK(strcmp(hall.status.measures[4].detail, "why not") == 0);
	hall_close(&hall);
}

static bool attests_as(const struct hall *hall, enum measure_state state,
                       const char *words)
{
	for (size_t i = 0; i < hall->status.measure_count; i++) {
		const struct agent_measure *row = &hall->status.measures[i];

		if (strcmp(row->name, "attested signing") == 0) {
			return row->state == state &&
			       strstr(row->detail, words) != NULL;
		}
	}
	return false;
}

static void no_caches_and_no_measures_are_a_reply_too(void)
{
	static struct hall hall;

	hall_open(&hall);
	hall.rig.config.cache_count = 0;
	hall.rig.config.slot_count = 0;
	hall.rig.report.count = 0;
	hall_ask(&hall);
	CHECK(hall.status.cache_count == 0 && hall.status.measure_count == 2);
	CHECK(attests_as(&hall, MEASURE_HELD, "no cache has a signing key"));
	hall_close(&hall);
}

static void fail_to_open_a_store(struct hall *hall)
{
	char path[] = DIR "/00000000000000000000000000000000-p";
	struct sign_path one = { .store_path = path, .nar_size = 1 };
	const struct sign_call sign = { .paths = &one, .count = 1 };
	const struct witness_question question = {
		.call = 1,
		.store_dir = DIR,
		.sign = &sign,
	};
	struct error_reply error;

	CHECK(witness_check(hall->door->witness, &hall->client.attested,
	                    &question, &error) == GATE_WAITS);
	CHECK(witness_wants_store(hall->door->witness));
	witness_take_store(hall->door->witness, -1, "nobody is at home");
	witness_memory_free(hall->door->witness, hall->client.attested);
}

static void whether_a_store_is_asked_is_told(void)
{
	static struct hall hall;

	hall_open(&hall);
	hall_ask(&hall);
	CHECK(attests_as(&hall, MEASURE_WEAKER, "sign-policy = any"));
	hall.rig.caches[0].sign_policy = SIGN_IN_STORE;
	hall_ask(&hall);
	CHECK(attests_as(&hall, MEASURE_WEAKER, "no store was asked yet"));
	fail_to_open_a_store(&hall);
	hall_ask(&hall);
	CHECK(attests_as(&hall, MEASURE_ABSENT, "nobody is at home"));
	hall_close(&hall);
}

static const struct test tests[] = {
	{ "a locked agent says so, and no times",
	  a_locked_agent_says_so_and_no_times },
	{ "an unlocked agent says how long", an_unlocked_agent_says_how_long },
	{ "every cache is as it was configured",
	  every_cache_is_as_it_was_configured },
	{ "configured keys come before fetched ones",
	  configured_keys_come_before_fetched_ones },
	{ "the measures of all three processes are named",
	  the_measures_of_all_three_processes_are_named },
	{ "no caches and no measures are a reply too",
	  no_caches_and_no_measures_are_a_reply_too },
	{ "whether a store is asked is told",
	  whether_a_store_is_asked_is_told },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
