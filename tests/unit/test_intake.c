#include "agent/vault/intake.h"
#include "agent/vault/vault.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK  VAULT_MARK_PREFIX "00112233445566778899aabbccddeeff"
#define OTHER VAULT_MARK_PREFIX "ffeeddccbbaa99887766554433221100"
#define SLOTS 3

static const char whole[] = MARK " 2\nthird\n" MARK " 0\nfirst\nline\n" MARK
				 " 1\n\n" MARK " end\n";

static enum vault_outcome parse(const char *text, size_t len,
                                struct bytes *sections,
                                struct vault_fault *ret_fault)
{
	static uint8_t memory[4096];
	struct intake intake;

	intake_init(&intake, memory, sizeof(memory));
	memcpy(memory, text, len);
	intake.len = len;
	return intake_parse(&intake, sections, SLOTS, ret_fault);
}

/* An exact-size copy, so that a sanitizer sees every byte read too far. */
static enum vault_outcome parse_copy(const char *text, size_t len)
{
	struct bytes sections[SLOTS];
	struct vault_fault fault;
	struct intake intake;
	enum vault_outcome outcome;
	void *copy = malloc(len > 0 ? len : 1);

	if (!copy)
		return OUTCOME_NOT_LOADED;
	memcpy(copy, text, len);
	intake_init(&intake, copy, len);
	intake.len = len;
	outcome = intake_parse(&intake, sections, SLOTS, &fault);
	free(copy);
	return outcome;
}

static bool is_text(struct bytes bytes, const char *text)
{
	return bytes_equal(bytes, bytes_of_text(text));
}

static void a_whole_run_gives_every_text(void)
{
	struct bytes sections[SLOTS];
	struct vault_fault fault;

	CHECK(parse(whole, sizeof(whole) - 1, sections, &fault) ==
	      OUTCOME_DONE);
	CHECK(is_text(sections[0], "first\nline"));
	CHECK(sections[1].data && sections[1].len == 0);
	CHECK(is_text(sections[2], "third"));
}

static void every_truncation_is_broken(void)
{
	/* Without its last newline it is still whole. */
	CHECK(parse_copy(whole, sizeof(whole) - 2) == OUTCOME_DONE);
	for (size_t len = 0; len < sizeof(whole) - 2; len++)
		CHECK(parse_copy(whole, len) == OUTCOME_INTAKE_BROKEN);
}

static void what_an_earlier_run_left_is_passed_over(void)
{
	static const char text[] = OTHER " 0\nold\n" OTHER " 1\nol" MARK
					 " 0\na\n" MARK " 1\nb\n" MARK
					 " 2\nc\n" MARK " end\n";
	struct bytes sections[SLOTS];
	struct vault_fault fault;

	CHECK(parse(text, sizeof(text) - 1, sections, &fault) == OUTCOME_DONE);
	CHECK(is_text(sections[0], "a") && is_text(sections[2], "c"));
}

static void a_foreign_mark_is_part_of_a_secret(void)
{
	static const char text[] = MARK " 0\n" OTHER " 1\nx\n" MARK
					" 1\nb\n" MARK " 2\nc\n" MARK " end\n";
	struct bytes sections[SLOTS];
	struct vault_fault fault;

	CHECK(parse(text, sizeof(text) - 1, sections, &fault) == OUTCOME_DONE);
	CHECK(is_text(sections[0], OTHER " 1\nx"));
}

static void broken_framing_is_refused(void)
{
	static const struct {
		const char *what;
		const char *text;
		uint16_t slot;
	} rows[] = {
		{ "nothing", "", 0 },
		{ "white space", "\n \n", 0 },
		{ "only an end", MARK " end\n", 0 },
		{ "a slot is missing",
		  MARK " 0\na\n" MARK " 2\nc\n" MARK " end\n", 1 },
		{ "a slot twice",
		  MARK " 0\na\n" MARK " 0\na\n" MARK " 1\nb\n" MARK
		       " 2\nc\n" MARK " end\n",
		  0 },
		{ "a slot beyond the last",
		  MARK " 0\na\n" MARK " 1\nb\n" MARK " 3\nc\n" MARK " end\n",
		  0 },
		{ "a sign before a slot",
		  MARK " +0\na\n" MARK " 1\nb\n" MARK " 2\nc\n" MARK " end\n",
		  0 },
		{ "an endless slot number",
		  MARK " 4294967296\na\n" MARK " 1\nb\n" MARK " 2\nc\n" MARK
		       " end\n",
		  0 },
		{ "no space after the mark",
		  MARK "0\na\n" MARK " 1\nb\n" MARK " 2\nc\n" MARK " end\n",
		  0 },
		{ "a mark inside a line",
		  MARK " 0\na" MARK " 1\nb\n" MARK " 2\nc\n" MARK " end\n", 0 },
		{ "bytes after the end",
		  MARK " 0\na\n" MARK " 1\nb\n" MARK " 2\nc\n" MARK " end\nx",
		  0 },
		{ "an end before the end",
		  MARK " 0\na\n" MARK " end\n" MARK " 1\nb\n" MARK " end\n",
		  0 },
		{ "a mark in capitals",
		  VAULT_MARK_PREFIX "00112233445566778899AABBCCDDEEFF end\n",
		  0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes sections[SLOTS];
		struct vault_fault fault = { 99, NULL };

		if (parse(rows[i].text, strlen(rows[i].text), sections,
		          &fault) != OUTCOME_INTAKE_BROKEN ||
		    fault.slot != rows[i].slot || !fault.detail)
			test_fail(__FILE__, __LINE__, rows[i].what);
	}
}

static void too_much_is_drained_but_not_taken(void)
{
	uint8_t memory[16];
	struct bytes sections[SLOTS];
	struct vault_fault fault;
	struct intake intake;
	int fds[2], rc;

	intake_init(&intake, memory, sizeof(memory));
	CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(intake_read(&intake, fds[0]) == 0);
	CHECK(write(fds[1], whole, sizeof(whole)) == sizeof(whole));
	do {
		rc = intake_read(&intake, fds[0]);
	} while (rc == 1);
	CHECK(rc == 0 && intake.has_overflowed);
	CHECK(intake_parse(&intake, sections, SLOTS, &fault) ==
	      OUTCOME_INTAKE_BROKEN);

	intake_wipe(&intake);
	CHECK(!intake.has_overflowed && intake.len == 0);
	for (size_t i = 0; i < sizeof(memory); i++)
		CHECK(memory[i] == 0);
	(void)close(fds[1]);
	CHECK(intake_read(&intake, fds[0]) == -EPIPE);
	(void)close(fds[0]);
}

static void exactly_full_is_not_too_much(void)
{
	uint8_t memory[sizeof(whole) - 1];
	struct bytes sections[SLOTS];
	struct vault_fault fault;
	struct intake intake;
	int fds[2];

	intake_init(&intake, memory, sizeof(memory));
	CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(write(fds[1], whole, sizeof(memory)) == sizeof(memory));
	CHECK(intake_read(&intake, fds[0]) == 1);
	CHECK(intake_parse(&intake, sections, SLOTS, &fault) == OUTCOME_DONE);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a whole run gives every text",
		  a_whole_run_gives_every_text },
		{ "every truncation is broken", every_truncation_is_broken },
		{ "what an earlier run left is passed over",
		  what_an_earlier_run_left_is_passed_over },
		{ "a foreign mark is part of a secret",
		  a_foreign_mark_is_part_of_a_secret },
		{ "broken framing is refused", broken_framing_is_refused },
		{ "too much is drained but not taken",
		  too_much_is_drained_but_not_taken },
		{ "exactly full is not too much",
		  exactly_full_is_not_too_much },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
