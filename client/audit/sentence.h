/* sentence.h - a line of the audit log, for a person */
#pragma once

#include "protocol/audit/audit_line.h"

#define SENTENCE_MAX ((size_t)64 * 1024)

/* Appends it, without a newline: when, who, what, and what was decided.
 * has_colour: for a terminal.  What is from the log is made printable. */
void sentence_put(struct buffer *out, const struct audit_line *line,
                  bool has_colour);
