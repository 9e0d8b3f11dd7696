#include "client/cmd/columns.h"

#include "protocol/base/number.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TIME_TEXT 32

static void put(struct buffer *line, int width, const char *text)
{
	if (isatty(STDOUT_FILENO)) {
		buffer_append_format(line, "%*s  ", width, text);
	} else {
		buffer_append_format(line, "%s\t", text);
	}
}

void columns_put_size(struct buffer *line, uint64_t bytes)
{
	char text[NUMBER_SIZE_TEXT + 8] = "-";

	if (bytes > 0 && isatty(STDOUT_FILENO)) {
		number_format_size(bytes, text, sizeof(text));
	} else if (bytes > 0) {
		(void)snprintf(text, sizeof(text), "%llu",
		               (unsigned long long)bytes);
	}
	put(line, NUMBER_SIZE_TEXT - 5, text);
}

void columns_put_time(struct buffer *line, int64_t seconds)
{
	time_t when = (time_t)seconds;
	char text[TIME_TEXT] = "-";
	struct tm tm;

	if (seconds > 0 && gmtime_r(&when, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put(line, (int)sizeof("2026-11-23T10:20:30Z") - 1, text);
}
