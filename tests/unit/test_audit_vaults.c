#include "tests/lib/audit_rig.h"
#include "tests/lib/test.h"

#include <string.h>

/* A whole log, to which more is written, and what its reader knows. */
struct stage {
	struct audit_rig rig;
	struct audit_premises premises;
};

static void stage_init(struct stage *s)
{
	audit_rig_init(&s->rig, "test-1");
	audit_rig_whole(&s->rig);
	s->premises = (struct audit_premises){
		.keys = &s->rig.key,
		.key_count = 1,
	};
}

static void stage_clear(struct stage *s)
{
	audit_rig_clear(&s->rig);
}

static struct audit_judged judge_rig(const struct stage *s)
{
	return audit_rig_judge(buffer_bytes(&s->rig.log), &s->premises,
	                       AUDIT_ENDING_CLOSED);
}

static void a_vault_without_a_certificate_is_found(void)
{
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	audit_rig_vault(&s.rig);
	audit_rig_sign(&s.rig, "allowed");
	audit_rig_sign(&s.rig, "allowed");
	audit_rig_line(&s.rig, "end", "");
	audit_rig_seal(&s.rig);
	judged = judge_rig(&s);
	CHECK(judged.by[FOUND_NO_CERTIFICATE] == 1 && judged.findings == 1);
	CHECK(judged.summary.sealed == s.rig.sequence - 1);
	CHECK(judged.summary.vouched < judged.summary.sealed);
	/* Who knows no key cannot know that. */
	s.premises.key_count = 0;
	CHECK(judge_rig(&s).findings == 0);
	stage_clear(&s);
}

static void a_certificate_by_a_stranger_is_found(void)
{
	struct audit_judged judged;
	struct audit_rig strange;
	struct stage s;

	stage_init(&s);
	audit_rig_init(&strange, "test-1 "); /* another key, ... */
	(void)snprintf(strange.key.name, sizeof(strange.key.name), "test-1");
	audit_rig_whole(&strange);
	judged = audit_rig_judge(buffer_bytes(&strange.log), &s.premises,
	                         AUDIT_ENDING_CLOSED);
	CHECK(judged.by[FOUND_NO_CERTIFICATE] == 2 && judged.findings == 2);
	CHECK(judged.summary.vouched == 0);
	audit_rig_clear(&strange);
	stage_clear(&s);
}

static void a_certificate_of_another_vault_is_found(void)
{
	struct audit_judged judged;
	uint8_t first[KEY_PUBLIC_LEN];
	struct stage s;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	memcpy(first, s.rig.first, sizeof(first));
	audit_rig_vault(&s.rig);
	memcpy(s.rig.first, first, sizeof(first));
	audit_rig_unlocked(&s.rig);
	audit_rig_sign(&s.rig, "allowed");
	audit_rig_line(&s.rig, "end", "");
	audit_rig_seal(&s.rig);
	judged = judge_rig(&s);
	CHECK(judged.by[FOUND_CERTIFICATE] == 1);
	CHECK(judged.by[FOUND_NO_CERTIFICATE] == 1);
	stage_clear(&s);
}

static void a_vault_that_is_copied_is_found(void)
{
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	audit_rig_vault_again(&s.rig);
	audit_rig_unlocked(&s.rig);
	audit_rig_sign(&s.rig, "allowed");
	judged = audit_rig_judge(buffer_bytes(&s.rig.log), &s.premises,
	                         AUDIT_ENDING_OPEN);
	CHECK(judged.by[FOUND_VAULT_AGAIN] == 1 && judged.findings == 1);
	stage_clear(&s);
}

static void uses_after_the_end_of_their_vault_are_found(void)
{
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	audit_rig_sign(&s.rig, "allowed");
	judged = audit_rig_judge(buffer_bytes(&s.rig.log), &s.premises,
	                         AUDIT_ENDING_OPEN);
	CHECK(judged.by[FOUND_NO_CERTIFICATE] == 1 && judged.findings == 1);
	stage_clear(&s);
}

static void a_seal_by_nobody_is_found(void)
{
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	audit_rig_vault(&s.rig);
	memset(s.rig.seed, 7, sizeof(s.rig.seed));
	audit_rig_seal(&s.rig);
	audit_rig_seal(&s.rig);
	audit_rig_seal(&s.rig);
	judged = audit_rig_judge(buffer_bytes(&s.rig.log), &s.premises,
	                         AUDIT_ENDING_OPEN);
	CHECK(judged.by[FOUND_SEAL_KEY] == 1 && judged.findings == 1);
	CHECK(judged.summary.vouched < judged.summary.sealed);
	stage_clear(&s);
}

static void a_run_without_its_end_is_found(void)
{
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	audit_rig_vault(&s.rig);
	CHECK(judge_rig(&s).by[FOUND_NO_END] == 1);
	/* After SIGHUP it is the same agent. */
	audit_rig_start(&s.rig, 101);
	audit_rig_vault(&s.rig);
	audit_rig_line(&s.rig, "end", "");
	audit_rig_seal(&s.rig);
	CHECK(judge_rig(&s).findings == 0);
	audit_rig_start(&s.rig, 102);
	audit_rig_start(&s.rig, 103);
	audit_rig_line(&s.rig, "end", "");
	judged = judge_rig(&s);
	CHECK(judged.by[FOUND_NO_END] == 1 && judged.findings == 1);
	stage_clear(&s);
}

static void a_line_behind_the_end_is_found(void)
{
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	audit_rig_sign(&s.rig, "denied");
	judged = judge_rig(&s);
	CHECK(judged.by[FOUND_NO_END] == 1 && judged.findings == 1);
	stage_clear(&s);
}

static void an_end_without_a_seal_is_found(void)
{
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	audit_rig_vault(&s.rig);
	audit_rig_seal(&s.rig);
	audit_rig_line(&s.rig, "end", "");
	judged = judge_rig(&s);
	CHECK(judged.by[FOUND_END_UNSEALED] == 1 && judged.findings == 1);
	stage_clear(&s);
}

/* The agent found a line that it could not finish, and went on behind it. */
static void a_torn_line_is_found_once(void)
{
	static const char torn[] = "{\"seq\":20,\"time\":\"2026-";
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	buffer_append_text(&s.rig.log, torn);
	buffer_append_char(&s.rig.log, '\n');
	s.rig.sequence++;
	CHECK(digest_sha256(bytes_of_text(torn), s.rig.head) == 0);
	audit_rig_start(&s.rig, 101);
	audit_rig_vault(&s.rig);
	audit_rig_unlocked(&s.rig);
	audit_rig_sign(&s.rig, "allowed");
	audit_rig_line(&s.rig, "end", "");
	audit_rig_seal(&s.rig);
	judged = judge_rig(&s);
	CHECK(judged.by[FOUND_NOT_A_RECORD] == 1 && judged.findings == 1);
	CHECK(judged.summary.vouched == s.rig.sequence - 1);
	stage_clear(&s);
}

/* The log of a stage goes on in another file; those before are deleted. */
static void a_log_that_begins_with_a_later_file_is_noted(void)
{
	struct audit_judged judged;
	struct stage s;
	size_t before;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	audit_rig_vault(&s.rig);
	audit_rig_unlocked(&s.rig);
	before = s.rig.log.len;
	audit_rig_line(&s.rig, "continued", "\"file\":\"audit.jsonl.00000\"");
	audit_rig_sign(&s.rig, "allowed");
	audit_rig_seal(&s.rig);
	audit_rig_seal(&s.rig);
	audit_rig_line(&s.rig, "end", "");
	audit_rig_seal(&s.rig);
	CHECK(judge_rig(&s).findings == 0);
	buffer_consume(&s.rig.log, before);
	judged = judge_rig(&s);
	CHECK(judged.findings == 0 && judged.by[FOUND_BEGINS_LATER] == 1);
	CHECK(judged.summary.sealed == s.rig.sequence - 1);
	CHECK(judged.summary.vouched == 0);
	stage_clear(&s);
}

static void what_the_agent_could_not_write_is_noted(void)
{
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	audit_rig_line(&s.rig, "lost", "\"records\":3");
	audit_rig_line(&s.rig, "somethingNew", "\"member\":[1,2]");
	judged = audit_rig_judge(buffer_bytes(&s.rig.log), &s.premises,
	                         AUDIT_ENDING_OPEN);
	CHECK(judged.findings == 0 && judged.by[FOUND_RECORDS_LOST] == 1);
	stage_clear(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a vault without a certificate is found",
		  a_vault_without_a_certificate_is_found },
		{ "a certificate by a stranger is found",
		  a_certificate_by_a_stranger_is_found },
		{ "a certificate of another vault is found",
		  a_certificate_of_another_vault_is_found },
		{ "a vault that is copied is found",
		  a_vault_that_is_copied_is_found },
		{ "uses after the end of their vault are found",
		  uses_after_the_end_of_their_vault_are_found },
		{ "a seal by nobody is found", a_seal_by_nobody_is_found },
		{ "a run without its end is found",
		  a_run_without_its_end_is_found },
		{ "a line behind the end is found",
		  a_line_behind_the_end_is_found },
		{ "an end without a seal is found",
		  an_end_without_a_seal_is_found },
		{ "a torn line is found once", a_torn_line_is_found_once },
		{ "a log that begins with a later file is noted",
		  a_log_that_begins_with_a_later_file_is_noted },
		{ "what the agent could not write is noted",
		  what_the_agent_could_not_write_is_noted },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
