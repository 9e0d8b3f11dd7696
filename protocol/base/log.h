/* log.h - one line to standard error: object: action: reason
 *
 * Never a secret, never a presigned URL, never untrusted text that has not
 * been through text_printable().
 */
#pragma once

#include "protocol/base/attributes.h"

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

/* The name that starts each line ("nixcache", "door"); borrowed for good. */
void log_setup(const char *name, enum log_level level);

printf_like(1, 2) void log_error(const char *format, ...);
printf_like(1, 2) void log_warn(const char *format, ...);
printf_like(1, 2) void log_info(const char *format, ...);
printf_like(1, 2) void log_debug(const char *format, ...);
