#include "agent/vault/vault.h"
#include "protocol/audit/audit_text.h"
#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"
#include "tests/lib/test.h"
#include "tests/lib/vault_rig.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define REQUESTS_MAX (4 * (size_t)WIRE_FRAME_MAX)

static const struct agent_measure *find_measure(const struct vault_rig *rig,
                                                const char *name)
{
	for (size_t i = 0; i < rig->measure_count; i++) {
		if (strcmp(rig->measures[i].name, name) == 0)
			return &rig->measures[i];
	}
	return NULL;
}

static void hello_says_every_measure_once(void)
{
	static const char *const names[] = {
		"not dumpable",
		"no core files",
		"dies with the agent",
		"not traced",
		"secret memory",
		"secret stack",
		"no new code",
		"own namespaces",
		"no capabilities",
		"Landlock",
		"no new privileges",
		"system call filter",
		"no foreign descriptors",
	};
	const size_t count = sizeof(names) / sizeof(names[0]);
	static struct vault_rig rig;

	vault_rig_init(&rig);
	CHECK(vault_rig_start(&rig) == 0);
	CHECK(rig.measure_count == count);
	for (size_t i = 0; i < count; i++) {
		const struct agent_measure *measure =
			find_measure(&rig, names[i]);

		if (!measure || strcmp(measure->process, "vault") != 0 ||
		    measure->detail[0] == '\0') {
			test_fail(__FILE__, __LINE__, names[i]);
			continue;
		}
		(void)printf("# %-20s %d %s\n", measure->name,
		             (int)measure->state, measure->detail);
	}
	CHECK(vault_rig_stop(&rig) == 0);
}

/* The vault's first seal key, by one of the signing keys that it took. */
static bool is_certified(struct bytes text, const struct public_key *key,
                         const uint8_t seal_key[KEY_PUBLIC_LEN])
{
	char message[AUDIT_TEXT_MAX];
	struct signature signature;

	(void)audit_key_text(seal_key, message);
	return signature_parse((const char *)text.data, text.len, &signature) ==
	               0 &&
	       signature_verify(&signature, key, bytes_of_text(message));
}

static void a_commit_answers_with_the_public_keys(void)
{
	static const uint16_t slots[] = { 0, 4, 5 };
	static struct vault_rig rig;
	struct wire_frame frame;
	struct cursor c;

	vault_rig_init(&rig);
	CHECK(vault_rig_start(&rig) == 0);
	vault_rig_make_secrets(&rig);
	CHECK(vault_rig_commit(&rig, &frame) == 0);
	CHECK(frame.type == VAULT_LOADED && frame.tag == 1);
	cursor_init(&c, frame.body);
	CHECK(cursor_get_u16(&c) == 3);
	for (size_t i = 0; i < 3; i++) {
		char text[KEY_PUBLIC_TEXT_SIZE];

		CHECK(cursor_get_u16(&c) == slots[i]);
		public_key_format(&rig.public_keys[slots[i]], text);
		CHECK(bytes_equal(cursor_get_bytes(&c, sizeof(text)),
		                  bytes_of_text(text)));
	}
	CHECK(cursor_get_u16(&c) == 3);
	for (size_t i = 0; i < 3; i++) {
		CHECK(is_certified(cursor_get_bytes(&c,
		                                    KEY_SIGNATURE_TEXT_SIZE),
		                   &rig.public_keys[slots[i]], rig.seal_key));
	}
	CHECK(cursor_end(&c) == 0);
	CHECK(vault_rig_stop(&rig) == 0);
}

static void a_bad_secret_names_its_slot_and_a_good_run_follows(void)
{
	static struct vault_rig rig;
	struct wire_frame frame;
	struct vault_refused refused;
	char kept;

	vault_rig_init(&rig);
	CHECK(vault_rig_start(&rig) == 0);
	vault_rig_make_secrets(&rig);
	kept = rig.texts[4][20];
	rig.texts[4][20] = '!';
	CHECK(vault_rig_commit(&rig, &frame) == 0);
	CHECK(vault_rig_is_refused(&frame, 1, VAULT_MALFORMED, 4));
	CHECK(wire_get_refused(frame.body, &refused) == 0);
	CHECK(!strstr(refused.detail, rig.public_keys[4].name));

	rig.texts[4][20] = kept;
	CHECK(vault_rig_commit(&rig, &frame) == 0);
	CHECK(frame.type == VAULT_LOADED);
	CHECK(vault_rig_stop(&rig) == 0);
}

static void another_key_than_the_configured_one_is_refused(void)
{
	static struct vault_rig rig;
	struct wire_frame frame;

	vault_rig_init(&rig);
	rig.caches[1].public_key_count = 1;
	memcpy(rig.caches[1].public_keys[0].name, "key-4", sizeof("key-4"));
	CHECK(vault_rig_start(&rig) == 0);
	vault_rig_make_secrets(&rig);
	CHECK(vault_rig_commit(&rig, &frame) == 0);
	CHECK(vault_rig_is_refused(&frame, 1, VAULT_KEY_MISMATCH, 4));
	CHECK(vault_rig_stop(&rig) == 0);
}

static void too_much_in_the_pipe_is_refused_and_a_good_run_follows(void)
{
	static const char line[] = "a source that does not know when to stop\n";
	static struct vault_rig rig;
	struct wire_frame frame;

	vault_rig_init(&rig);
	CHECK(vault_rig_start(&rig) == 0);
	vault_rig_make_secrets(&rig);
	for (size_t sent = 0; sent < 2UL * VAULT_INTAKE_MAX;
	     sent += sizeof(line) - 1)
		CHECK(fd_write_full(rig.intake, line, sizeof(line) - 1) == 0);
	CHECK(vault_rig_commit(&rig, &frame) == 0);
	CHECK(vault_rig_is_refused(&frame, 1, VAULT_INTAKE_BROKEN, 0));
	CHECK(vault_rig_commit(&rig, &frame) == 0);
	CHECK(frame.type == VAULT_LOADED);
	CHECK(vault_rig_stop(&rig) == 0);
}

static void a_commit_before_the_secrets_is_refused(void)
{
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;

	buffer_init(&request, REQUESTS_MAX);
	vault_rig_init(&rig);
	CHECK(vault_rig_start(&rig) == 0);
	vault_rig_make_secrets(&rig);
	wire_put_commit(&request, 1);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(vault_rig_is_refused(&frame, 1, VAULT_INTAKE_BROKEN, 0));
	CHECK(vault_rig_commit(&rig, &frame) == 0);
	CHECK(frame.type == VAULT_LOADED);
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

static void what_is_no_frame_ends_the_vault(void)
{
	static const uint8_t bad[] = { 0xff, 0xff, 0xff, 0xff };
	static const uint8_t no_key[KEY_PUBLIC_LEN];
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;

	buffer_init(&request, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	buffer_append(&request, bad, sizeof(bad));
	CHECK(!vault_rig_ask(&rig, &request, &frame));
	CHECK(vault_rig_stop(&rig) == 1);

	CHECK(vault_rig_start_loaded(&rig) == 0);
	wire_put_hello(&request, NULL, 0, no_key);
	CHECK(!vault_rig_ask(&rig, &request, &frame));
	CHECK(vault_rig_stop(&rig) == 1);
	buffer_clear(&request);
}

static void a_stop_and_a_continue_leave_it_alive(void)
{
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;
	int status = 0;

	buffer_init(&request, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(kill(rig.pid, SIGSTOP) == 0);
	CHECK(waitpid(rig.pid, &status, WUNTRACED) == rig.pid);
	CHECK(WIFSTOPPED(status));
	CHECK(kill(rig.pid, SIGCONT) == 0);
	CHECK(waitpid(rig.pid, &status, WCONTINUED) == rig.pid);
	CHECK(kill(rig.pid, SIGINT) == 0 && kill(rig.pid, SIGHUP) == 0);
	vault_rig_put_sign(&request, 1, 0);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(frame.type == VAULT_SIGNED);
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

int main(void)
{
	static const struct test tests[] = {
		{ "hello says every measure once",
		  hello_says_every_measure_once },
		{ "a commit answers with the public keys",
		  a_commit_answers_with_the_public_keys },
		{ "a bad secret names its slot and a good run follows",
		  a_bad_secret_names_its_slot_and_a_good_run_follows },
		{ "another key than the configured one is refused",
		  another_key_than_the_configured_one_is_refused },
		{ "too much in the pipe is refused and a good run follows",
		  too_much_in_the_pipe_is_refused_and_a_good_run_follows },
		{ "a commit before the secrets is refused",
		  a_commit_before_the_secrets_is_refused },
		{ "what is no frame ends the vault",
		  what_is_no_frame_ends_the_vault },
		{ "a stop and a continue leave it alive",
		  a_stop_and_a_continue_leave_it_alive },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
