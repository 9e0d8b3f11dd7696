#include "tests/lib/audit_stage.h"

#include <string.h>

#define KEY_HEX \
	"0700000000000000000000000000000000000000000000000000000000000000"

static const struct vault_sealed a_seal = { .key = { 7 },
	                                    .next = { 8 },
	                                    .signature = { 9 } };

/* The vault: answers the seal that it is asked for, and says which it is. */
static bool seal(struct audit_stage *s, struct vault_seal *ret_asked)
{
	struct wire_frame frame;
	struct buffer answer;
	bool is_done;

	buffer_init(&answer, WIRE_FRAME_MAX);
	is_done = wire_next(buffer_bytes(&s->frames), &frame) == 1 &&
	          frame.type == VAULT_SEAL && frame.tag == AUDIT_SEAL_TAG &&
	          wire_get_seal(frame.body, ret_asked) == 0;
	buffer_rewind(&s->frames);
	wire_put_sealed(&answer, AUDIT_SEAL_TAG, &a_seal);
	is_done = is_done && wire_next(buffer_bytes(&answer), &frame) == 1 &&
	          audit_take_seal(s->audit, frame.body) == 0;
	buffer_clear(&answer);
	return is_done;
}

static void a_seal_names_its_line_while_others_are_written(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct audit_stage s;
	struct vault_seal asked;
	uint8_t head[DIGEST_SHA256_LEN];

	audit_stage_open(&s);
	CHECK(audit_seal_deadline_ms(s.audit) == 0 &&
	      audit_is_settled(s.audit));
	audit_take_vault_key(s.audit, key);
	CHECK(audit_seal_deadline_ms(s.audit) > 1 &&
	      !audit_is_settled(s.audit));
	audit_put_seal(s.audit, &s.frames);
	CHECK(audit_seal_deadline_ms(s.audit) == 0);
	CHECK(audit_stage_write(&s) == 0);
	CHECK(seal(&s, &asked) && asked.sequence == 2);
	CHECK(audit_seal_deadline_ms(s.audit) > 1); /* for the lock */
	audit_stage_read(&s);
	CHECK(digest_sha256(audit_stage_line(&s, 2), head) == 0 &&
	      memcmp(head, asked.head, sizeof(head)) == 0);
	CHECK(audit_stage_has(&s, 2, "\"vault\",\"key\":\"" KEY_HEX "\""));
	CHECK(audit_stage_has(&s, 4,
	                      "\"seal\",\"sealed\":2,\"key\":\"" KEY_HEX
	                      "\",\"next\":\"08"));
	CHECK(audit_stage_has(&s, 4, "\"signature\":\"CQAAAA"));
	CHECK(audit_stage_is_chained(&s));

	audit_put_seal(s.audit, &s.frames);
	CHECK(seal(&s, &asked) && asked.sequence == 4);
	CHECK(audit_seal_deadline_ms(s.audit) == 0 &&
	      audit_is_settled(s.audit));
	audit_stage_close(&s);
}

static void a_seal_that_nobody_asked_for_is_no_seal(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct audit_stage s;
	struct vault_seal asked;

	audit_stage_open(&s);
	audit_take_vault_key(s.audit, key);
	audit_put_seal(s.audit, &s.frames);
	audit_forget_vault(s.audit);
	CHECK(audit_seal_deadline_ms(s.audit) == 0);
	CHECK(!seal(&s, &asked));
	audit_stage_read(&s);
	CHECK(!strstr(s.text, "\"seal\""));
	audit_stage_close(&s);
}

/* Its key is gone: without this line the next seal could not be tied to it. */
static void a_seal_that_cannot_be_written_is_kept(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct audit_stage s;
	struct vault_seal asked;

	audit_stage_open(&s);
	audit_take_vault_key(s.audit, key);
	audit_put_seal(s.audit, &s.frames);
	audit_stage_allow(1);
	CHECK(seal(&s, &asked));
	audit_take_vault_key(s.audit, key);
	CHECK(audit_stage_write(&s) < 0);
	audit_stage_allow(RLIM_INFINITY);
	CHECK(audit_stage_write(&s) == 0);
	audit_stage_read(&s);
	CHECK(audit_stage_has(&s, 3, "\"lost\"") &&
	      audit_stage_has(&s, 4, "\"seal\"") &&
	      audit_stage_has(&s, 5, "\"vault\"") &&
	      audit_stage_has(&s, 6, "\"lock\""));
	CHECK(audit_stage_is_chained(&s));
	audit_stage_close(&s);
}

static void many_lines_are_sealed_at_once(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct audit_stage s;

	audit_stage_open(&s);
	audit_take_vault_key(s.audit, key);
	for (int i = 0; i < 253; i++)
		CHECK(audit_stage_write(&s) == 0);
	CHECK(audit_seal_deadline_ms(s.audit) > 1);
	CHECK(audit_stage_write(&s) == 0);
	CHECK(audit_seal_deadline_ms(s.audit) == 1);
	audit_stage_close(&s);
}

static void after_the_end_only_a_seal_is_written(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct audit_stage s;
	struct vault_seal asked;

	audit_stage_open(&s);
	audit_take_vault_key(s.audit, key);
	audit_note_end(s.audit);
	CHECK(audit_seal_deadline_ms(s.audit) == 1 &&
	      !audit_is_settled(s.audit));
	CHECK(audit_stage_write(&s) < 0 && audit_failure(s.audit) != NULL);
	audit_note_locked(s.audit, "idle");
	audit_put_seal(s.audit, &s.frames);
	CHECK(seal(&s, &asked) && asked.sequence == 3);
	CHECK(audit_is_settled(s.audit));
	audit_stage_read(&s);
	CHECK(audit_stage_count(&s) == 4 &&
	      audit_stage_has(&s, 3, "\"end\",\"prev\"") &&
	      audit_stage_has(&s, 4, "\"seal\""));
	audit_stage_close(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a seal names its line while others are written",
		  a_seal_names_its_line_while_others_are_written },
		{ "a seal that nobody asked for is no seal",
		  a_seal_that_nobody_asked_for_is_no_seal },
		{ "a seal that cannot be written is kept",
		  a_seal_that_cannot_be_written_is_kept },
		{ "many lines are sealed at once",
		  many_lines_are_sealed_at_once },
		{ "after the end only a seal is written",
		  after_the_end_only_a_seal_is_written },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
