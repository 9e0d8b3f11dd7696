#include "client/verify/report.h"

#include "protocol/base/bytes.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"
#include "protocol/nix/store_path.h"
#include "protocol/varlink/json_write.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REDRAW_MS 100
#define TEXT_SIZE 1024
#define EVENT_MAX (16UL * TEXT_SIZE) /* six bytes can stand for one */

struct report {
	enum report_mode mode;
	const char *cache;
	const char *store_dir;
	size_t findings;
	size_t notes;
	int has_terminal;
	int is_drawn;
	long long drawn_ms;
};

static const char *const finding_names[] = {
	[FINDING_CACHE_INFO] = "cache-info",
	[FINDING_NARINFO] = "narinfo",
	[FINDING_UNSIGNED] = "unsigned",
	[FINDING_SIGNATURE] = "signature",
	[FINDING_MISSING] = "missing",
	[FINDING_NAR_URL] = "nar-url",
	[FINDING_NAR_MISSING] = "nar-missing",
	[FINDING_NAR_SIZE] = "nar-size",
	[FINDING_NAR] = "nar",
	[FINDING_UNREADABLE] = "unreadable",
};

_Static_assert(sizeof(finding_names) / sizeof(finding_names[0]) ==
                       FINDING_COUNT,
               "a name for each finding");

static const char *const note_names[] = {
	[NOTE_UPSTREAM] = "upstream",
	[NOTE_UNNAMED] = "unnamed",
};

_Static_assert(sizeof(note_names) / sizeof(note_names[0]) == NOTE_COUNT,
               "a name for each note");

struct report *report_new(enum report_mode mode, const char *cache,
                          const char *store_dir)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	report->mode = mode;
	report->cache = cache;
	report->store_dir = store_dir;
	report->has_terminal = mode == REPORT_LINES && isatty(STDERR_FILENO);
	return report;
}

static void erase(struct report *report)
{
	if (report->is_drawn)
		(void)fputs("\r\033[K", stderr);
	report->is_drawn = 0;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	erase(report);
	free(report);
}

/* One line of the report. */
struct line {
	const char *event;
	const char *kind;
	const char *base;
	const char *object;
	char text[TEXT_SIZE];
};

static void put_json(const struct report *report, const struct line *line)
{
	cleanup_buffer struct buffer out = { .data = NULL };

	buffer_init(&out, EVENT_MAX);
	buffer_append_char(&out, '{');
	json_put_text_member(&out, "event", bytes_of_text(line->event));
	json_put_text_member(&out, "kind", bytes_of_text(line->kind));
	if (line->base) {
		char path[STORE_PATH_SIZE];

		(void)snprintf(path, sizeof(path), "%s/%s", report->store_dir,
		               line->base);
		json_put_text_member(&out, "storePath", bytes_of_text(path));
	}
	if (line->object) {
		json_put_text_member(&out, "object",
		                     bytes_of_text(line->object));
	}
	json_put_text_member(&out, "text", bytes_of_text(line->text));
	buffer_append_text(&out, "}");
	if (buffer_text(&out))
		(void)puts(buffer_text(&out));
}

static void put_line(const struct report *report, const struct line *line)
{
	const char *note = strcmp(line->event, "note") == 0 ? "note: " : "";

	if (line->base) {
		(void)printf("%s%s/%s: %s\n", note, report->store_dir,
		             line->base, line->text);
	} else {
		(void)printf("%s%s: %s\n", note,
		             line->object ? line->object : report->cache,
		             line->text);
	}
}

static void put(struct report *report, const struct line *line)
{
	erase(report);
	if (report->mode == REPORT_JSON) {
		put_json(report, line);
	} else {
		put_line(report, line);
	}
	(void)fflush(stdout);
}

printf_like(2, 0) static void format_text(struct line *line, const char *format,
                                          va_list arguments)
{
	char text[TEXT_SIZE];

	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started */
	(void)vsnprintf(text, sizeof(text), format, arguments);
	text_printable(text, strlen(text), line->text, sizeof(line->text));
}

void report_finding(struct report *report, enum finding finding,
                    const char *base, const char *object, const char *format,
                    ...)
{
	struct line line = { "finding", finding_names[finding], base, object,
		             "" };
	va_list arguments;

	va_start(arguments, format);
	format_text(&line, format, arguments);
	va_end(arguments);
	report->findings++;
	put(report, &line);
}

void report_note(struct report *report, enum note note, const char *base,
                 const char *object, const char *format, ...)
{
	struct line line = { "note", note_names[note], base, object, "" };
	va_list arguments;

	va_start(arguments, format);
	format_text(&line, format, arguments);
	va_end(arguments);
	report->notes++;
	if (report->mode != REPORT_QUIET)
		put(report, &line);
}

void report_tick(struct report *report, const struct report_state *state)
{
	char size[NUMBER_SIZE_TEXT];
	long long now_ms = clock_boot_ms();

	if (!report->has_terminal || now_ms - report->drawn_ms < REDRAW_MS)
		return;
	report->drawn_ms = now_ms;
	number_format_size(state->bytes, size, sizeof(size));
	(void)fprintf(stderr, "\r\033[K%zu of %zu paths", state->done,
	              state->count);
	if (state->bytes > 0)
		(void)fprintf(stderr, ", %s received", size);
	if (report->findings > 0)
		(void)fprintf(stderr, ", %zu findings", report->findings);
	(void)fflush(stderr);
	report->is_drawn = 1;
}

static void finish_json(const struct report *report,
                        const struct report_end *end)
{
	cleanup_buffer struct buffer out = { .data = NULL };

	buffer_init(&out, EVENT_MAX);
	buffer_append_char(&out, '{');
	json_put_text_member(&out, "event", bytes_of_text("end"));
	json_put_text_member(&out, "cache", bytes_of_text(report->cache));
	json_put_int_member(&out, "paths", (int64_t)end->paths);
	json_put_int_member(&out, "findings", (int64_t)report->findings);
	json_put_int_member(&out, "notes", (int64_t)report->notes);
	json_put_int_member(&out, "upstream", (int64_t)end->upstream);
	json_put_int_member(&out, "elsewhere", (int64_t)end->elsewhere);
	json_put_int_member(&out, "lacking", (int64_t)end->lacking);
	json_put_int_member(&out, "bytesReceived", (int64_t)end->bytes);
	buffer_append_text(&out, "}");
	if (buffer_text(&out))
		(void)puts(buffer_text(&out));
}

static void finish_lines(const struct report *report,
                         const struct report_end *end)
{
	(void)printf("%s: %zu paths, %zu findings", report->cache, end->paths,
	             report->findings);
	if (end->upstream > 0)
		(void)printf(", %zu more from upstream", end->upstream);
	if (end->elsewhere > 0) {
		(void)printf(", %zu more from Nix's substituters",
		             end->elsewhere);
	}
	if (end->lacking > 0)
		(void)printf(", %zu more are elsewhere or lost", end->lacking);
	(void)printf("\n");
}

void report_finish(struct report *report, const struct report_end *end)
{
	erase(report);
	switch (report->mode) {
	case REPORT_LINES:
		finish_lines(report, end);
		break;
	case REPORT_JSON:
		finish_json(report, end);
		break;
	case REPORT_QUIET:
		break;
	}
	(void)fflush(stdout);
}

size_t report_count(const struct report *report)
{
	return report->findings;
}
