#include "tests/lib/audit_rig.h"
#include "tests/lib/test.h"

#include "protocol/base/text.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX 64

/* The lines of a log, with their newlines. */
struct lines {
	struct bytes items[LINES_MAX];
	size_t count;
};

static struct lines split(struct bytes log)
{
	struct lines lines = { .count = 0 };

	while (log.len > 0) {
		const uint8_t *end = memchr(log.data, '\n', log.len);
		size_t len = (size_t)(end - log.data) + 1;

		lines.items[lines.count++] = (struct bytes){ log.data, len };
		log.data += len;
		log.len -= len;
	}
	return lines;
}

static void join(const struct lines *lines, struct buffer *out)
{
	buffer_rewind(out);
	for (size_t i = 0; i < lines->count; i++)
		buffer_append_bytes(out, lines->items[i]);
}

/* A whole log, and what its reader knows. */
struct stage {
	struct audit_rig rig;
	struct audit_premises premises;
	struct lines lines;
	struct buffer other; /* room for another version of it */
};

static void stage_init(struct stage *s)
{
	audit_rig_init(&s->rig, "test-1");
	audit_rig_whole(&s->rig);
	s->premises = (struct audit_premises){
		.keys = &s->rig.key,
		.key_count = 1,
	};
	s->lines = split(buffer_bytes(&s->rig.log));
	buffer_init(&s->other, 4 * s->rig.log.len);
	buffer_append_bytes(&s->other, buffer_bytes(&s->rig.log));
}

/* What the agent would say now. */
static void claim(struct stage *s)
{
	s->premises.claim.sequence = s->rig.sequence;
	memcpy(s->premises.claim.head, s->rig.head, sizeof(s->rig.head));
}

static void stage_clear(struct stage *s)
{
	audit_rig_clear(&s->rig);
	buffer_clear(&s->other);
}

static struct audit_judged judge(const struct stage *s)
{
	return audit_rig_judge(buffer_bytes(&s->other), &s->premises,
	                       AUDIT_ENDING_CLOSED);
}

static void reset(struct stage *s)
{
	buffer_rewind(&s->other);
	buffer_append_bytes(&s->other, buffer_bytes(&s->rig.log));
}

/* With the sentence of what went wrong. */
static void check_found(const struct audit_judged *judged, const char *what,
                        size_t at)
{
	char text[128];

	if (judged->findings > 0)
		return;
	(void)snprintf(text, sizeof(text), "%s %zu was not found", what, at);
	FAIL(text);
}

static void a_whole_log_has_no_finding(void)
{
	struct audit_judged judged;
	struct stage s;

	stage_init(&s);
	judged = judge(&s);
	CHECK(judged.findings == 0);
	CHECK(judged.summary.count == s.lines.count);
	CHECK(judged.summary.first == 1);
	CHECK(judged.summary.last == s.rig.sequence);
	CHECK(judged.summary.sealed == s.rig.sequence - 1);
	CHECK(judged.summary.vouched == s.rig.sequence - 1);
	CHECK(judged.summary.sealed_ms > 0);
	CHECK(memcmp(judged.summary.head, s.rig.head, 32) == 0);
	claim(&s);
	judged = judge(&s);
	CHECK(judged.findings == 0);
	CHECK(judged.summary.has_met_claim);
	stage_clear(&s);
}

static void every_flipped_bit_is_found(void)
{
	struct stage s;
	size_t sealed;

	stage_init(&s);
	sealed = s.rig.log.len - s.lines.items[s.lines.count - 1].len;
	for (size_t i = 0; i < s.other.len; i++) {
		/* Upper case for lower case, and each bit in its turn. */
		const uint8_t bits[] = { 1 << 5, (uint8_t)(1U << i % 8) };

		/* The last line is a seal: nobody seals that, but the agent
		 * remembers it. */
		if (i == sealed)
			claim(&s);
		for (size_t j = 0; j < sizeof(bits); j++) {
			struct audit_judged judged;

			s.other.data[i] ^= bits[j];
			judged = judge(&s);
			check_found(&judged, "a flipped bit in byte", i);
			s.other.data[i] ^= bits[j];
		}
	}
	CHECK(judge(&s).findings == 0);
	stage_clear(&s);
}

static void every_dropped_line_is_found(void)
{
	struct stage s;

	stage_init(&s);
	for (size_t i = 0; i < s.lines.count; i++) {
		struct lines fewer = { .count = 0 };
		struct audit_judged judged;

		for (size_t j = 0; j < s.lines.count; j++) {
			if (j != i)
				fewer.items[fewer.count++] = s.lines.items[j];
		}
		join(&fewer, &s.other);
		judged = judge(&s);
		check_found(&judged, "dropped line", i + 1);
		CHECK(judged.by[FOUND_NUMBER] ==
		      (i > 0 && i + 1 < s.lines.count ? 1 : 0));
	}
	stage_clear(&s);
}

static void every_swap_of_two_lines_is_found(void)
{
	struct stage s;

	stage_init(&s);
	for (size_t i = 0; i < s.lines.count; i++) {
		for (size_t j = 0; j < i; j++) {
			struct lines moved = s.lines;
			struct audit_judged judged;

			moved.items[i] = s.lines.items[j];
			moved.items[j] = s.lines.items[i];
			join(&moved, &s.other);
			judged = judge(&s);
			check_found(&judged, "swapped line", i + 1);
		}
	}
	stage_clear(&s);
}

/* Line i once more, before line at. */
static struct lines repeat(const struct lines *lines, size_t i, size_t at)
{
	struct lines more = { .count = 0 };

	for (size_t j = 0; j <= lines->count; j++) {
		if (j == at)
			more.items[more.count++] = lines->items[i];
		if (j < lines->count)
			more.items[more.count++] = lines->items[j];
	}
	return more;
}

static void every_line_that_is_there_twice_is_found(void)
{
	struct stage s;

	stage_init(&s);
	for (size_t i = 0; i < s.lines.count; i++) {
		for (size_t j = 0; j <= s.lines.count; j++) {
			struct lines more = repeat(&s.lines, i, j);
			struct audit_judged judged;

			join(&more, &s.other);
			judged = judge(&s);
			check_found(&judged, "repeated line", i + 1);
		}
	}
	stage_clear(&s);
}

static void every_truncation_is_found(void)
{
	struct stage s;

	stage_init(&s);
	for (size_t len = 0; len < s.rig.log.len; len++) {
		struct audit_judged judged;

		reset(&s);
		s.other.len = len;
		judged = judge(&s);
		check_found(&judged, "truncation to byte", len);
	}
	stage_clear(&s);
}

static void every_beginning_that_is_cut_off_is_found(void)
{
	struct stage s;

	stage_init(&s);
	for (size_t i = 1; i < s.lines.count; i++) {
		struct audit_judged judged;

		reset(&s);
		buffer_consume(&s.other, (size_t)(s.lines.items[i].data -
		                                  s.lines.items[0].data));
		judged = judge(&s);
		check_found(&judged, "cut before line", i + 1);
		CHECK(judged.by[FOUND_BEGINNING] == 1);
	}
	stage_clear(&s);
}

/* The offset of text in line i of the other version. */
static uint8_t *find_in_line(struct stage *s, size_t i, const char *text)
{
	size_t at = (size_t)(s->lines.items[i].data - s->lines.items[0].data);

	return memmem(s->other.data + at, s->lines.items[i].len, text,
	              strlen(text));
}

static void a_recounted_chain_is_found_by_the_seals(void)
{
	struct stage s;

	stage_init(&s);
	for (size_t i = 0; i + 1 < s.lines.count; i++) {
		struct audit_judged judged;

		reset(&s);
		/* An hour later. */
		find_in_line(&s, i, "T20:15")[2] = '1';
		judged = judge(&s);
		CHECK(judged.by[FOUND_PREV] == 1);
		audit_rig_recount(&s.other);
		judged = judge(&s);
		CHECK(judged.by[FOUND_PREV] == 0);
		CHECK(judged.by[FOUND_SEAL] > 0);
	}
	stage_clear(&s);
}

static void a_tail_behind_the_last_seal_is_found_by_the_head(void)
{
	struct audit_judged judged;
	struct stage s;
	size_t i;

	stage_init(&s);
	audit_rig_start(&s.rig, 101);
	audit_rig_vault(&s.rig);
	audit_rig_unlocked(&s.rig);
	audit_rig_sign(&s.rig, "allowed");
	s.lines = split(buffer_bytes(&s.rig.log));
	i = s.lines.count - 1;
	buffer_clear(&s.other);
	reset(&s);
	memcpy(find_in_line(&s, i, "\"uid\":1000"), "\"uid\":1001", 10);
	audit_rig_recount(&s.other);
	judged = audit_rig_judge(buffer_bytes(&s.other), &s.premises,
	                         AUDIT_ENDING_OPEN);
	CHECK(judged.findings == 0);
	CHECK(judged.summary.sealed < judged.summary.last);
	claim(&s);
	judged = audit_rig_judge(buffer_bytes(&s.other), &s.premises,
	                         AUDIT_ENDING_OPEN);
	CHECK(judged.by[FOUND_HEAD] == 1 && judged.findings == 1);
	s.other.len -= s.lines.items[i].len;
	judged = audit_rig_judge(buffer_bytes(&s.other), &s.premises,
	                         AUDIT_ENDING_OPEN);
	CHECK(judged.by[FOUND_HEAD] == 1 && judged.findings == 1);
	/* What it has written since does not matter. */
	reset(&s);
	audit_rig_sign(&s.rig, "denied");
	CHECK(audit_rig_judge(buffer_bytes(&s.rig.log), &s.premises,
	                      AUDIT_ENDING_OPEN)
	              .findings == 0);
	stage_clear(&s);
}

static void every_verdict_has_its_word_and_its_sentence(void)
{
	char first[AUDIT_SENTENCE_SIZE], second[AUDIT_SENTENCE_SIZE];

	for (int i = 0; i < FOUND_COUNT; i++) {
		struct audit_finding finding = { (enum audit_verdict)i, 5, 7 };

		audit_finding_format(&finding, first);
		CHECK(first[0] != '\0' && strlen(first) + 1 < sizeof(first));
		for (int j = 0; j < i; j++) {
			CHECK(strcmp(audit_verdict_name((enum audit_verdict)i),
			             audit_verdict_name(
					     (enum audit_verdict)j)) != 0);
			finding.verdict = (enum audit_verdict)j;
			audit_finding_format(&finding, second);
			CHECK(strcmp(first, second) != 0);
		}
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "a whole log has no finding", a_whole_log_has_no_finding },
		{ "every flipped bit is found", every_flipped_bit_is_found },
		{ "every dropped line is found", every_dropped_line_is_found },
		{ "every swap of two lines is found",
		  every_swap_of_two_lines_is_found },
		{ "every line that is there twice is found",
		  every_line_that_is_there_twice_is_found },
		{ "every truncation is found", every_truncation_is_found },
		{ "every beginning that is cut off is found",
		  every_beginning_that_is_cut_off_is_found },
		{ "a recounted chain is found by the seals",
		  a_recounted_chain_is_found_by_the_seals },
		{ "a tail behind the last seal is found by the head",
		  a_tail_behind_the_last_seal_is_found_by_the_head },
		{ "every verdict has its word and its sentence",
		  every_verdict_has_its_word_and_its_sentence },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
