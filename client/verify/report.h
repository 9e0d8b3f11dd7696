/* report.h - tells what was found, as lines or as JSON, and counts it
 *
 * Findings and notes go to standard output, a line each; how far it is, on a
 * terminal, to standard error.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>
#include <stdint.h>

enum report_mode {
	REPORT_LINES,
	REPORT_QUIET, /* findings alone */
	REPORT_JSON,
};

enum finding {
	FINDING_CACHE_INFO,  /* nix-cache-info is missing or wrong */
	FINDING_NARINFO,     /* malformed, or of another path */
	FINDING_UNSIGNED,    /* by no key that is believed */
	FINDING_SIGNATURE,   /* it is false */
	FINDING_MISSING,     /* not in the cache, and nowhere else */
	FINDING_NAR_URL,     /* outside of the cache */
	FINDING_NAR_MISSING, /* though its narinfo is there */
	FINDING_NAR_SIZE,    /* not that of its narinfo */
	FINDING_NAR,         /* not the archive that its narinfo describes */
	FINDING_UNREADABLE,  /* the cache did not say */
	FINDING_COUNT,
};

enum note {
	NOTE_UPSTREAM, /* asked for; not in the cache, but upstream */
	NOTE_UNNAMED,  /* an archive that no narinfo names */
	NOTE_COUNT,
};

struct report;

/* cache: its name; store_dir; both borrowed.  NULL: out of memory. */
struct report *report_new(enum report_mode mode, const char *cache,
                          const char *store_dir);
void report_free(struct report *report);

/* base NULL: of no path; object NULL: of none in particular.  The text is made
 * printable. */
printf_like(5, 6) void report_finding(struct report *report,
                                      enum finding finding, const char *base,
                                      const char *object, const char *format,
                                      ...);
printf_like(5, 6) void report_note(struct report *report, enum note note,
                                   const char *base, const char *object,
                                   const char *format, ...);

struct report_state {
	size_t done;
	size_t count; /* known so far */
	uint64_t bytes;
};

/* Redraws at most ten times a second. */
void report_tick(struct report *report, const struct report_state *state);

struct report_end {
	size_t paths; /* in the cache */
	size_t upstream;
	size_t elsewhere;
	size_t lacking; /* missing, and that is allowed */
	uint64_t bytes;
};

void report_finish(struct report *report, const struct report_end *end);

size_t report_count(const struct report *report);
