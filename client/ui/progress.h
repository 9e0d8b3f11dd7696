/* progress.h - tells a person or a program how a push or a pull goes
 *
 * On a terminal one line that is redrawn (paths, bytes, rate, what is running)
 * and a line a finished path; otherwise plain lines; with --json one object an
 * event on standard output; with -q only errors.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
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

/* What a push will most likely take; see client/push/estimate.h. */
struct progress_estimate {
	bool is_bound; /* bytes and requests are no more than that: how well it
	                * compresses is not known */
	uint64_t file_bytes;
	bool has_requests; /* a folder has none */
	uint64_t class_a;  /* S3's transaction classes as Backblaze has them */
	uint64_t class_b;
	uint64_t class_c;
	bool has_link; /* it was measured */
	uint64_t link_bytes_per_s;
	uint32_t link_latency_ms;
	int64_t link_measured_at; /* seconds since the epoch */
	uint64_t link_ms;         /* that it is busy */
	bool has_cpu;             /* likewise */
	uint64_t cpu_ms;          /* that the processors are busy */
};

struct progress_plan {
	size_t path_count;     /* in the closure */
	size_t todo_count;     /* to be pushed or pulled */
	size_t upstream_count; /* push: skipped, signed by an upstream; pull:
	                        * not in the cache */
	size_t present_count;  /* skipped: in the cache, or in the store */
	uint64_t nar_bytes;    /* of those to do, uncompressed */
	const struct progress_estimate *estimate; /* NULL: not asked for */
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
