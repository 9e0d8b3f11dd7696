#include "protocol/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048

/* NOLINTBEGIN(*-non-const-global-variables): the one allowed global, set once */
static const char *log_name = "nixcache";
static enum log_level log_level_max = LOG_INFO;
/* NOLINTEND(*-non-const-global-variables) */

void log_setup(const char *name, enum log_level level)
{
	log_name = name;
	log_level_max = level;
}

/* One write(2) a line, so that the lines of three processes do not mix, and no
 * allocation, so that the sealed door may log. */
printf_like(2, 0) static void write_line(enum log_level level,
                                         const char *format, va_list args)
{
	char line[LOG_LINE_MAX];
	int start, len;

	if (level > log_level_max)
		return;

	start = snprintf(line, sizeof(line), "%s: ", log_name);
	if (start < 0)
		return;
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the callers start it */
	len = vsnprintf(line + start, sizeof(line) - (size_t)start - 1, format,
	                args);
	if (len < 0)
		return;
	len += start;
	if (len > (int)sizeof(line) - 2)
		len = (int)sizeof(line) - 2;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return; /* nowhere left to say it */
}

#define DEFINE_LOG(name, level)                  \
	void name(const char *format, ...)       \
	{                                        \
		va_list args;                    \
                                                 \
		va_start(args, format);          \
		write_line(level, format, args); \
		va_end(args);                    \
	}

DEFINE_LOG(log_error, LOG_ERROR)
DEFINE_LOG(log_warn, LOG_WARN)
DEFINE_LOG(log_info, LOG_INFO)
DEFINE_LOG(log_debug, LOG_DEBUG)
