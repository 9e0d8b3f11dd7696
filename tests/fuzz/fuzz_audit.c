/* The audit log: any lines are read, judged and shown without harm; and of a
 * log that an agent has written, no edited version passes for it.  The first
 * byte chooses. */
#include "tests/fuzz/fuzz.h"

#include "client/audit/sentence.h"
#include "protocol/audit/audit_line.h"
#include "tests/lib/audit_rig.h"

#define EDIT_LEN  4 /* kind, place (2), value */
#define EDITS_MAX 16

enum mode {
	MODE_LINES,
	MODE_EDITS,
	MODE_EDITS_RECOUNTED,
	MODE_COUNT,
};

static size_t line_len(struct bytes text)
{
	const uint8_t *newline = memchr(text.data, '\n', text.len);

	return newline ? (size_t)(newline - text.data) : text.len;
}

static void show(struct bytes text)
{
	cleanup_buffer struct buffer out = { .data = NULL };
	struct audit_line line;

	if (audit_line_parse(text, &line) < 0)
		return;
	buffer_init(&out, SENTENCE_MAX);
	sentence_put(&out, &line, false);
	MUST(buffer_end(&out) == 0);
	fuzz_check_printable(buffer_text(&out), out.len + 1);
	audit_line_clear(&line);
}

static void judge(struct bytes text, const struct audit_premises *premises)
{
	struct audit_judged judged =
		audit_rig_judge(text, premises, AUDIT_ENDING_CLOSED);
	const struct audit_summary *summary = &judged.summary;

	/* Without its head nothing passes. */
	MUST(judged.findings > 0);
	MUST(summary->vouched <= summary->sealed);
	MUST(summary->count <= text.len);
	while (text.len > 0) {
		size_t len = line_len(text);

		show((struct bytes){ text.data, len });
		len += len < text.len ? 1 : 0;
		text.data += len;
		text.len -= len;
	}
}

/* One edit; the log does not become longer than max. */
static void edit(struct buffer *log, const uint8_t *bytes)
{
	size_t at = (size_t)bytes[1] << 8 | bytes[2], count = bytes[3];

	if (log->len == 0)
		return;
	at %= log->len;
	count = count < log->len - at ? count : log->len - at;
	switch (bytes[0] % 4) {
	case 0: /* one byte is another */
		log->data[at] = bytes[3];
		break;
	case 1: /* some are gone */
		memmove(log->data + at, log->data + at + count,
		        log->len - at - count);
		log->len -= count;
		break;
	case 2: /* a line is gone */
		count = line_len(
			(struct bytes){ log->data + at, log->len - at });
		memmove(log->data + at, log->data + at + count,
		        log->len - at - count);
		log->len -= count;
		break;
	default: /* what was there is there again, at the end */
		if (buffer_reserve(log, count))
			buffer_append(log, log->data + at, count);
		break;
	}
}

/* Each line must be long enough to have a prev. */
static bool can_recount(struct bytes text)
{
	while (text.len > 0) {
		size_t len = line_len(text);

		if (len < 100 || len == text.len)
			return false;
		text.data += len + 1;
		text.len -= len + 1;
	}
	return true;
}

static void edit_and_judge(const uint8_t *bytes, size_t len, bool recounts,
                           const struct audit_rig *rig)
{
	struct audit_premises premises = {
		.keys = &rig->key,
		.key_count = 1,
		.claim = { .sequence = rig->sequence },
	};
	cleanup_buffer struct buffer log = { .data = NULL };

	memcpy(premises.claim.head, rig->head, sizeof(rig->head));
	buffer_init(&log, 2 * rig->log.len);
	buffer_append_bytes(&log, buffer_bytes(&rig->log));
	for (size_t i = 0; i < EDITS_MAX && len >= EDIT_LEN; i++) {
		edit(&log, bytes);
		bytes += EDIT_LEN;
		len -= EDIT_LEN;
	}
	if (recounts && can_recount(buffer_bytes(&log)))
		audit_rig_recount(&log);
	MUST(buffer_end(&log) == 0);
	if (bytes_equal(buffer_bytes(&log), buffer_bytes(&rig->log))) {
		MUST(audit_rig_judge(buffer_bytes(&log), &premises,
		                     AUDIT_ENDING_CLOSED)
		             .findings == 0);
	} else {
		judge(buffer_bytes(&log), &premises);
	}
}

/* Made once: most of the time would go into its signatures. */
static struct audit_rig *whole(void)
{
	/* NOLINTNEXTLINE(*-non-const-global-variables) */
	static struct audit_rig rig;

	if (rig.sequence == 0) {
		audit_rig_init(&rig, "test-1");
		audit_rig_whole(&rig);
	}
	return &rig;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct audit_rig *rig = whole();
	const struct audit_premises premises = {
		.keys = &rig->key,
		.key_count = 1,
		.claim = { .sequence = 1 },
	};
	char *text;

	if (len == 0)
		return 0;
	if (bytes[0] % MODE_COUNT != MODE_LINES) {
		edit_and_judge(bytes + 1, len - 1,
		               bytes[0] % MODE_COUNT == MODE_EDITS_RECOUNTED,
		               rig);
		return 0;
	}
	text = fuzz_text(bytes + 1, len - 1);
	judge((struct bytes){ (const uint8_t *)text, len - 1 }, &premises);
	free(text);
	return 0;
}
