/* failure.h - how a run of the sources failed, in words to act on */
#pragma once

#include "agent/wire.h"

/* Fills the outcome in: not ok, of that kind, with that sentence. */
printf_like(3, 4) void failure_set(struct fetch_outcome *outcome,
                                   enum source_failure kind, const char *format,
                                   ...);

/* The last line that is not empty, printable and at most size-1 bytes. */
void failure_last_line(const char *text, size_t len, char *out, size_t size);

/* op_failure.c: op ends with status 1 for everything; what it said on standard
 * error is all there is to tell its failures apart. */
void op_failure_read(struct fetch_outcome *outcome, int status,
                     const char *text, size_t len);
