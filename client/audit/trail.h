/* trail.h - the lines of an audit log, through all of its files
 *
 * PATH.<12 digits> in their order, then PATH.  One line is in memory at a
 * time, however long the log is.
 */
#pragma once

#include "protocol/base/bytes.h"

#define TRAIL_WHY_SIZE 512

struct trail;

struct trail_line {
	struct bytes text; /* borrowed until the next call; no newline */
	const char *file;  /* borrowed for as long as the trail is there */
	uint64_t number;   /* in that file, from 1 */
	bool has_newline;  /* false: the file ends in the middle of it */
};

/* 0; else -errno and a sentence. */
must_check int trail_open(const char *path, struct trail **ret_trail,
                          char ret_why[TRAIL_WHY_SIZE]);
void trail_close(struct trail *trail);

/* The path of the newest file, as it was given. */
const char *trail_path(const struct trail *trail);

/* 1 and the next line, 0 at the end of the newest file (which may grow: ask
 * again), -errno.  A line beyond AUDIT_LINE_MAX is cut off there. */
must_check int trail_next(struct trail *trail, struct trail_line *ret_line);

/* At the end: 1 and what stands behind the last newline, or 0. */
int trail_rest(struct trail *trail, struct trail_line *ret_line);

/* At the end: 1 if another file has taken the place of the newest one; once
 * that has been read to its end the trail goes on there.  0; -errno. */
must_check int trail_turn(struct trail *trail);

/* For cleanup(trail_close_at) on a local struct trail *. */
#define cleanup_trail __attribute__((__cleanup__(trail_close_at)))
static inline void trail_close_at(struct trail **slot)
{
	trail_close(*slot);
}
