#include "client/ui/estimate_words.h"

#include "protocol/base/number.h"
#include "protocol/varlink/json_write.h"

#include <inttypes.h>
#include <time.h>

#define DURATION_SIZE 32
#define DATE_SIZE     16
#define MINUTE_S      60
#define HOUR_S        3600

uint64_t estimate_total_ms(const struct progress_estimate *e)
{
	uint64_t link_ms = e->has_link ? e->link_ms : 0;
	uint64_t cpu_ms = e->has_cpu ? e->cpu_ms : 0;

	return link_ms > cpu_ms ? link_ms : cpu_ms;
}

/* No finer than it is worth: "under 1 s", "42 s", "3 min 20 s", "2 h 5 min". */
static void format_duration(uint64_t ms, char out[DURATION_SIZE])
{
	uint64_t s = ms / 1000;

	if (s == 0) {
		(void)snprintf(out, DURATION_SIZE, "under 1 s");
	} else if (s < MINUTE_S) {
		(void)snprintf(out, DURATION_SIZE, "%" PRIu64 " s", s);
	} else if (s < HOUR_S) {
		(void)snprintf(out, DURATION_SIZE,
		               "%" PRIu64 " min %" PRIu64 " s", s / MINUTE_S,
		               s % MINUTE_S);
	} else {
		(void)snprintf(out, DURATION_SIZE,
		               "%" PRIu64 " h %" PRIu64 " min", s / HOUR_S,
		               s % HOUR_S / MINUTE_S);
	}
}

static void format_date(int64_t seconds, char out[DATE_SIZE])
{
	time_t when = (time_t)seconds;
	struct tm parts;

	if (!gmtime_r(&when, &parts) ||
	    strftime(out, DATE_SIZE, "%Y-%m-%d", &parts) == 0)
		out[0] = '\0';
}

static void print_link(const struct progress_estimate *e, FILE *out)
{
	char rate[NUMBER_SIZE_TEXT], date[DATE_SIZE];

	number_format_size(e->link_bytes_per_s, rate, sizeof(rate));
	format_date(e->link_measured_at, date);
	(void)fprintf(out, "link: %s/s, %" PRIu32 " ms, as measured %s\n", rate,
	              e->link_latency_ms, date);
}

static void print_time(const struct progress_estimate *e, FILE *out)
{
	char total[DURATION_SIZE], link[DURATION_SIZE], cpu[DURATION_SIZE];

	if (!e->has_link && !e->has_cpu) {
		(void)fprintf(out, "time: not known, nothing was measured "
		                   "yet\n");
		return;
	}
	format_duration(estimate_total_ms(e), total);
	format_duration(e->link_ms, link);
	format_duration(e->cpu_ms, cpu);
	if (!e->has_link) {
		(void)fprintf(out,
		              "time: at least %s for the processors; the link "
		              "was not measured yet\n",
		              total);
	} else if (!e->has_cpu) {
		(void)fprintf(out,
		              "time: %s%s for the link; what compressing takes "
		              "was not measured yet\n",
		              e->is_bound ? "up to " : "", total);
	} else {
		(void)fprintf(out, "time: about %s (link %s, processors %s)\n",
		              total, link, cpu);
	}
}

void estimate_print(const struct progress_estimate *e, FILE *out)
{
	const char *most = e->is_bound ? "at most " : "";
	char size[NUMBER_SIZE_TEXT];

	number_format_size(e->file_bytes, size, sizeof(size));
	(void)fprintf(out, "to upload: %s%s%s\n", most, size,
	              e->is_bound ? " (how well it compresses is not known yet)"
	                          : "");
	if (e->has_requests) {
		(void)fprintf(out,
		              "requests: %s%" PRIu64 " of class A, %" PRIu64
		              " of class B, %" PRIu64 " of class C\n",
		              most, e->class_a, e->class_b, e->class_c);
	}
	if (e->has_link)
		print_link(e, out);
	print_time(e, out);
}

static void put_bool(struct buffer *out, const char *key, bool value)
{
	json_put_key(out, key);
	buffer_append_text(out, value ? "true" : "false");
}

void estimate_put(const struct progress_estimate *e, struct buffer *out)
{
	json_put_int_member(out, "fileBytes", (int64_t)e->file_bytes);
	put_bool(out, "atMost", e->is_bound);
	json_put_int_member(out, "classA", (int64_t)e->class_a);
	json_put_int_member(out, "classB", (int64_t)e->class_b);
	json_put_int_member(out, "classC", (int64_t)e->class_c);
	if (e->has_link) {
		json_put_int_member(out, "linkBytesPerSecond",
		                    (int64_t)e->link_bytes_per_s);
		json_put_int_member(out, "linkLatencyMilliseconds",
		                    e->link_latency_ms);
		json_put_int_member(out, "linkMeasuredAt", e->link_measured_at);
		json_put_int_member(out, "linkMilliseconds",
		                    (int64_t)e->link_ms);
	}
	if (e->has_cpu) {
		json_put_int_member(out, "processorMilliseconds",
		                    (int64_t)e->cpu_ms);
	}
	if (e->has_link || e->has_cpu) {
		json_put_int_member(out, "milliseconds",
		                    (int64_t)estimate_total_ms(e));
	}
}
