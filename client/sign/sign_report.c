#include "client/sign/sign_report.h"

#include "protocol/base/log.h"
#include "protocol/base/text.h"
#include "protocol/varlink/json_write.h"

#include <stdio.h>
#include <string.h>

#define EVENT_MAX      ((size_t)64 * 1024)
#define PRINTABLE_SIZE 400

static void begin_event(struct buffer *out, const char *event)
{
	buffer_init(out, EVENT_MAX);
	buffer_append_char(out, '{');
	json_put_text_member(out, "event", bytes_of_text(event));
}

static void print_event(struct buffer *out)
{
	buffer_append_text(out, "}\n");
	if (buffer_end(out) == 0)
		(void)fwrite(out->data, 1, out->len, stdout);
	(void)fflush(stdout);
	buffer_clear(out);
}

static void put_path(struct buffer *out, const char *store_path)
{
	json_put_text_member(out, "storePath", bytes_of_text(store_path));
}

void sign_report_signed(struct sign_report *report, const char *store_path,
                        const struct strings *signatures)
{
	struct buffer out;

	report->signed_count++;
	if (report->mode != SIGN_JSON)
		return;
	begin_event(&out, "signed");
	put_path(&out, store_path);
	json_put_key(&out, "signatures");
	buffer_append_char(&out, '[');
	for (size_t i = 0; i < signatures->count; i++) {
		json_put_next(&out);
		json_put_text(&out, bytes_of_text(signatures->items[i]));
	}
	buffer_append_char(&out, ']');
	print_event(&out);
}

void sign_report_present(struct sign_report *report, const char *store_path)
{
	struct buffer out;

	report->present_count++;
	if (report->mode != SIGN_JSON)
		return;
	begin_event(&out, "present");
	put_path(&out, store_path);
	print_event(&out);
}

void sign_report_failed(struct sign_report *report, const char *path,
                        const char *error)
{
	char printable[PRINTABLE_SIZE];
	struct buffer out;

	report->failed_count++;
	text_printable(path, strlen(path), printable, sizeof(printable));
	/* Most sentences begin with the path themselves. */
	if (text_has_prefix(error, printable)) {
		log_error("sign: %s", error);
	} else {
		log_error("sign: %s: %s", printable, error);
	}
	if (report->mode != SIGN_JSON)
		return;
	begin_event(&out, "failed");
	put_path(&out, path);
	json_put_text_member(&out, "error", bytes_of_text(error));
	print_event(&out);
}

void sign_report_end(const struct sign_report *report)
{
	struct buffer out;

	if (report->mode == SIGN_QUIET)
		return;
	if (report->mode == SIGN_PLAIN) {
		(void)fprintf(stderr,
		              "%zu signed, %zu had the signature, %zu "
		              "failed\n",
		              report->signed_count, report->present_count,
		              report->failed_count);
		return;
	}
	begin_event(&out, "end");
	json_put_int_member(&out, "signed", (int64_t)report->signed_count);
	json_put_int_member(&out, "present", (int64_t)report->present_count);
	json_put_int_member(&out, "failed", (int64_t)report->failed_count);
	print_event(&out);
}
