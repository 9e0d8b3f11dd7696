#include "agent/launcher/failure.h"

#include "protocol/base/text.h"

#include <stdarg.h>
#include <stdio.h>

void failure_set(struct fetch_outcome *outcome, enum source_failure kind,
                 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*outcome = (struct fetch_outcome){ .failure = kind };
	(void)vsnprintf(outcome->detail, sizeof(outcome->detail), format, args);
	va_end(args);
}

static bool is_end(char c)
{
	return c == '\n' || c == '\r' || c == ' ' || c == '\0';
}

void failure_last_line(const char *text, size_t len, char *out, size_t size)
{
	size_t start;

	while (len > 0 && is_end(text[len - 1]))
		len--;
	start = len;
	while (start > 0 && text[start - 1] != '\n' && text[start - 1] != '\r')
		start--;
	text_printable(text + start, len - start, out, size);
}
