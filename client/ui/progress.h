/* progress.h - tells a person or a program how a push or a pull goes
 *
 * On a terminal one line that is redrawn (paths, bytes, rate, what is running)
 * and a line a finished path; otherwise plain lines; with --json one object an
 * event on standard output; with -q only errors.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>
#include <stdint.h>

enum progress_mode {
	PROGRESS_AUTO, /* terminal or plain, by standard error */
	PROGRESS_QUIET,
	PROGRESS_JSON,
};

/* What is done to the paths: the words that are used. */
enum progress_kind {
	PROGRESS_PUSH,
	PROGRESS_PULL,
};

struct progress;

struct progress *progress_new(enum progress_mode mode, enum progress_kind kind);
void progress_free(struct progress *progress);

struct progress_plan {
	size_t path_count;     /* in the closure */
	size_t todo_count;     /* to be pushed or pulled */
	size_t upstream_count; /* push: skipped, signed by an upstream; pull:
	                        * not in the cache */
	size_t present_count;  /* skipped: in the cache, or in the store */
	uint64_t nar_bytes;    /* of those to do, uncompressed */
};

/* cache NULL: none was asked. */
void progress_plan(struct progress *p, const struct progress_plan *plan,
                   const char *cache);
/* With --dry-run: one path a line, on standard output. */
void progress_would_do(struct progress *p, const char *store_path,
                       uint64_t nar_size);
void progress_started(struct progress *p, const char *store_path,
                      uint64_t nar_size);
void progress_done(struct progress *p, const char *store_path,
                   uint64_t nar_size, uint64_t file_size);
void progress_failed(struct progress *p, const char *store_path,
                     const char *error);
/* Redraws at most ten times a second.  nar_bytes: uncompressed, so far;
 * bytes_moved: through the network. */
void progress_tick(struct progress *p, uint64_t nar_bytes,
                   uint64_t bytes_moved);
printf_like(2, 3) void progress_notice(struct progress *p, const char *format,
                                       ...);
void progress_end(struct progress *p, size_t done, size_t failed,
                  uint64_t bytes_moved);
