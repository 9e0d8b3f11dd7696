#include "client/cmd/probe_report.h"

#include "protocol/base/number.h"
#include "protocol/varlink/json_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPORT_MAX ((size_t)64 * 1024)
#define SKEW_NOTED 2 /* seconds; the header has no smaller ones */

/* In a line of its own, as the words of status. */
#define LABEL "%-11s"

struct row {
	enum probe_item item;
	const char *label;
};

static const struct row permissions[] = {
	{ PROBE_GET, "get" },       { PROBE_HEAD, "head" },
	{ PROBE_PUT, "put" },       { PROBE_LIST, "list" },
	{ PROBE_DELETE, "delete" },
};

static const struct row features[] = {
	{ PROBE_CONDITIONAL_PUT, "conditional PUT" },
	{ PROBE_CHECKSUM_HEADERS, "checksum headers" },
	{ PROBE_MULTIPART, "multipart upload" },
};

static const char *answer_text(enum probe_answer answer)
{
	switch (answer) {
	case PROBE_YES:
		return "yes";
	case PROBE_NO:
		return "no";
	case PROBE_NOT_PROBED:
		break;
	}
	return "not probed";
}

static const char *colour_of(enum probe_answer answer)
{
	if (!isatty(STDOUT_FILENO) || getenv("NO_COLOR"))
		return "";
	switch (answer) {
	case PROBE_YES:
		return "\033[32m";
	case PROBE_NO:
		return "\033[31m";
	case PROBE_NOT_PROBED:
		break;
	}
	return "\033[33m";
}

static void print_row(const struct probe *probe, const struct row *row)
{
	const struct probe_finding *finding = &probe->findings[row->item];
	const char *colour = colour_of(finding->answer);

	(void)printf("  %-17s %s%s%s%s%s\n", row->label, colour,
	             answer_text(finding->answer), colour[0] ? "\033[0m" : "",
	             finding->why[0] ? ": " : "", finding->why);
}

static void print_cache_info(const struct probe *probe)
{
	switch (probe->cache_info_state) {
	case PROBE_INFO_ABSENT:
		(void)printf(LABEL "none; the first push makes it\n",
		             "cache info");
		break;
	case PROBE_INFO_BROKEN:
		(void)printf(LABEL "malformed\n", "cache info");
		break;
	case PROBE_INFO_READ:
		(void)printf(LABEL "StoreDir %s", "cache info",
		             probe->cache_info.store_dir);
		if (probe->cache_info.priority >= 0) {
			(void)printf(", Priority %d",
			             probe->cache_info.priority);
		}
		(void)printf(", WantMassQuery %d\n",
		             probe->cache_info.want_mass_query);
		break;
	}
}

static void print_clock(const struct probe *probe)
{
	int64_t skew = probe->clock_skew_s;

	if (!probe->has_clock)
		return;
	if (skew > -SKEW_NOTED && skew < SKEW_NOTED) {
		(void)printf(LABEL "in step\n", "clock");
	} else {
		(void)printf(LABEL "the server's is %" PRId64 " s %s\n",
		             "clock", skew < 0 ? -skew : skew,
		             skew < 0 ? "behind" : "ahead");
	}
}

void probe_report_print(const struct agent_cache *cache,
                        const struct probe *probe)
{
	(void)printf(LABEL "%s\n" LABEL "%s\n", "cache", cache->name, "store",
	             cache->store);
	if (!probe->is_reachable) {
		(void)printf(LABEL "no\n", "reachable");
		return;
	}
	(void)printf(LABEL "yes, a request takes %.1f ms\n", "reachable",
	             (double)probe->request_us / 1000);
	print_clock(probe);
	print_cache_info(probe);
	(void)printf("access\n");
	for (size_t i = 0; i < sizeof(permissions) / sizeof(permissions[0]);
	     i++)
		print_row(probe, &permissions[i]);
	(void)printf("features\n");
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		print_row(probe, &features[i]);
	(void)fflush(stdout);
}

void probe_report_print_contents(const struct contents *contents)
{
	char size[NUMBER_SIZE_TEXT];

	if (!contents->is_known) {
		(void)printf(LABEL "not known: %s\n", "contents",
		             contents->why);
		return;
	}
	number_format_size(contents->byte_count, size, sizeof(size));
	(void)printf(LABEL "%" PRIu64 " paths, %s (%" PRIu64
	                   " bytes) in %" PRIu64 " objects\n",
	             "contents", contents->path_count, size,
	             contents->byte_count, contents->object_count);
}

static void put_bool_member(struct buffer *out, const char *key, bool value)
{
	json_put_key(out, key);
	buffer_append_text(out, value ? "true" : "false");
}

static void put_rows(struct buffer *out, const char *key,
                     const struct probe *probe, const struct row *rows,
                     size_t count)
{
	json_put_key(out, key);
	buffer_append_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		const struct probe_finding *finding =
			&probe->findings[rows[i].item];

		json_put_key(out, probe_item_name(rows[i].item));
		buffer_append_char(out, '{');
		json_put_text_member(
			out, "answer",
			bytes_of_text(finding->answer == PROBE_NOT_PROBED
		                              ? "notProbed"
		                              : answer_text(finding->answer)));
		if (finding->why[0]) {
			json_put_text_member(out, "why",
			                     bytes_of_text(finding->why));
		}
		buffer_append_char(out, '}');
	}
	buffer_append_char(out, '}');
}

static void put_cache_info(struct buffer *out, const struct probe *probe)
{
	if (probe->cache_info_state != PROBE_INFO_READ)
		return;
	json_put_key(out, "cacheInfo");
	buffer_append_char(out, '{');
	json_put_text_member(out, "storeDir",
	                     bytes_of_text(probe->cache_info.store_dir));
	if (probe->cache_info.priority >= 0) {
		json_put_int_member(out, "priority",
		                    probe->cache_info.priority);
	}
	put_bool_member(out, "wantMassQuery",
	                probe->cache_info.want_mass_query);
	buffer_append_char(out, '}');
}

static void put_contents(struct buffer *out, const struct contents *contents)
{
	if (!contents->is_known)
		return;
	json_put_int_member(out, "paths", (int64_t)contents->path_count);
	json_put_int_member(out, "objects", (int64_t)contents->object_count);
	json_put_int_member(out, "bytes", (int64_t)contents->byte_count);
}

static void put_probe(struct buffer *out, const struct probe *probe)
{
	json_put_int_member(out, "requestMicroseconds",
	                    (int64_t)probe->request_us);
	if (probe->has_clock) {
		json_put_int_member(out, "clockSkewSeconds",
		                    probe->clock_skew_s);
	}
	put_cache_info(out, probe);
	put_rows(out, "access", probe, permissions,
	         sizeof(permissions) / sizeof(permissions[0]));
	put_rows(out, "features", probe, features,
	         sizeof(features) / sizeof(features[0]));
	if (probe->left_behind[0]) {
		json_put_text_member(out, "leftBehind",
		                     bytes_of_text(probe->left_behind));
	}
}

int probe_report_print_json(const struct agent_cache *cache,
                            const struct probe *probe,
                            const struct contents *contents)
{
	cleanup_buffer struct buffer out = { .data = NULL };

	buffer_init(&out, REPORT_MAX);
	buffer_append_char(&out, '{');
	json_put_text_member(&out, "cache", bytes_of_text(cache->name));
	json_put_text_member(&out, "store", bytes_of_text(cache->store));
	put_bool_member(&out, "reachable", probe->is_reachable);
	if (probe->is_reachable) {
		put_probe(&out, probe);
		put_contents(&out, contents);
	} else {
		json_put_text_member(&out, "why", bytes_of_text(probe->why));
	}
	buffer_append_text(&out, "}\n");
	if (buffer_end(&out) < 0)
		return buffer_end(&out);
	return fwrite(out.data, 1, out.len, stdout) == out.len ? 0 : -EIO;
}
