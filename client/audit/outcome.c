#include "client/audit/outcome.h"

#include "protocol/base/text.h"
#include "protocol/varlink/json_write.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define EVENT_MAX ((size_t)64 * 1024)

static void tell_json(const char *event, const struct audit_finding *finding,
                      const struct trail_line *line)
{
	cleanup_buffer struct buffer out = { .data = NULL };
	char sentence[AUDIT_SENTENCE_SIZE];

	audit_finding_format(finding, sentence);
	buffer_init(&out, EVENT_MAX);
	buffer_append_char(&out, '{');
	json_put_text_member(&out, "event", bytes_of_text(event));
	json_put_text_member(
		&out, "kind",
		bytes_of_text(audit_verdict_name(finding->verdict)));
	json_put_text_member(&out, "file", bytes_of_text(line->file));
	json_put_int_member(&out, "line", (int64_t)line->number);
	json_put_int_member(&out, "seq", (int64_t)finding->number);
	json_put_text_member(&out, "text", bytes_of_text(sentence));
	buffer_append_char(&out, '}');
	if (buffer_text(&out))
		(void)puts(buffer_text(&out));
}

void outcome_tell(struct outcome *outcome, const struct audit_finding *finding,
                  const struct trail_line *line)
{
	bool is_note = audit_verdict_is_note(finding->verdict);
	char sentence[AUDIT_SENTENCE_SIZE], file[PATH_MAX];

	outcome->finding_count += is_note ? 0 : 1;
	if (outcome->is_json) {
		tell_json(is_note ? "note" : "finding", finding, line);
		return;
	}
	audit_finding_format(finding, sentence);
	text_printable(line->file, strlen(line->file), file, sizeof(file));
	(void)printf("%s%s:%llu: %s\n", is_note ? "note: " : "", file,
	             (unsigned long long)line->number, sentence);
}

/* Of the lines up to that one, how many there are. */
static uint64_t count_through(const struct audit_summary *summary,
                              uint64_t through)
{
	if (through < summary->first || summary->first == 0)
		return 0;
	through = through - summary->first + 1;
	return through < summary->count ? through : summary->count;
}

static void finish_json(const struct outcome *outcome, const char *path,
                        const struct audit_summary *summary)
{
	cleanup_buffer struct buffer out = { .data = NULL };
	char head[2 * DIGEST_SHA256_LEN + 1];

	text_hex(summary->head, sizeof(summary->head), head);
	buffer_init(&out, EVENT_MAX);
	buffer_append_char(&out, '{');
	json_put_text_member(&out, "event", bytes_of_text("end"));
	json_put_text_member(&out, "path", bytes_of_text(path));
	json_put_int_member(&out, "findings", (int64_t)outcome->finding_count);
	json_put_int_member(&out, "records", (int64_t)summary->count);
	json_put_int_member(&out, "first", (int64_t)summary->first);
	json_put_int_member(&out, "last", (int64_t)summary->last);
	json_put_int_member(&out, "sealed", (int64_t)summary->sealed);
	if (outcome->has_keys) {
		json_put_int_member(&out, "certified",
		                    (int64_t)summary->vouched);
	}
	if (summary->sealed > 0) {
		json_put_int_member(&out, "sealedAt",
		                    summary->sealed_ms / 1000);
	}
	json_put_text_member(&out, "head", bytes_of_text(head));
	buffer_append_char(&out, '}');
	if (buffer_text(&out))
		(void)puts(buffer_text(&out));
}

/* "5 s", "3 min", "7 h", "12 days". */
static void format_ago(int64_t seconds, char *out, size_t size)
{
	static const struct unit {
		int64_t seconds;
		const char *name;
	} units[] = {
		{ 2LL * 86400, "days" },
		{ 2LL * 3600, "h" },
		{ 2LL * 60, "min" },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds >= units[i].seconds) {
			(void)snprintf(
				out, size, "%lld %s",
				(long long)(seconds * 2 / units[i].seconds),
				units[i].name);
			return;
		}
	}
	(void)snprintf(out, size, "%lld s",
	               (long long)(seconds < 0 ? 0 : seconds));
}

static void print_seals(const struct outcome *outcome,
                        const struct audit_summary *summary)
{
	uint64_t sealed = count_through(summary, summary->sealed);
	uint64_t vouched = count_through(summary, summary->vouched);
	(void)printf(", %llu of them sealed", (unsigned long long)sealed);
	if (outcome->has_keys && vouched < sealed) {
		(void)printf(" (%llu by vaults that a known key certifies)",
		             (unsigned long long)vouched);
	}
	if (summary->sealed_ms > 0) {
		char ago[64];

		format_ago((int64_t)time(NULL) - summary->sealed_ms / 1000, ago,
		           sizeof(ago));
		(void)printf(", last seal %s ago", ago);
	}
}

void outcome_finish(const struct outcome *outcome, const char *path,
                    const struct audit_summary *summary)
{
	char shown[PATH_MAX];

	if (outcome->is_json) {
		finish_json(outcome, path, summary);
		return;
	}
	text_printable(path, strlen(path), shown, sizeof(shown));
	(void)printf("%s: %llu record%s", shown,
	             (unsigned long long)summary->count,
	             summary->count == 1 ? "" : "s");
	print_seals(outcome, summary);
	(void)printf(", %zu finding%s\n", outcome->finding_count,
	             outcome->finding_count == 1 ? "" : "s");
	if (!outcome->has_keys && summary->sealed > 0) {
		(void)printf("note: no public key is known, so nobody vouches "
		             "for the seals: see --public-key\n");
	}
}
