/* audit_file.h - opens the audit log, finds its end, and begins the next file
 *
 * An agent has a log for itself: what it holds open is locked.
 */
#pragma once

#include "agent/config.h"
#include "agent/launcher/audit_end.h"

#include <limits.h>

struct audit_file {
	char wanted[PATH_MAX]; /* as configured; empty: none is kept */
	char path[PATH_MAX];   /* as it became, where nobody has said where */
	int fd;  /* owned; to append, for the door; -1: it cannot be opened */
	int own; /* owned; the same file, to read and to lock */
	struct audit_end end;
	char former[AUDIT_FORMER_MAX + 1]; /* where the chain was; or empty */
	char why[WIRE_DETAIL_MAX];
};

void audit_file_init(struct audit_file *file);

/* Again after a reload: the file may be another one, or have been moved away.
 * 0, also where none is kept; -errno with file->why: then audit_file_start()
 * tells the door, which refuses what needs a log. */
must_check int audit_file_open(struct audit_file *file,
                               const struct config *config);
void audit_file_close(struct audit_file *file);

/* For a door: where the log stands now. */
struct audit_start audit_file_start(const struct audit_file *file,
                                    const struct config *config);

/* The file gets the number of its last record behind its name; another one is
 * begun and its descriptor handed out. */
void audit_file_rotate(struct audit_file *file, uint64_t last,
                       struct errand *ret_done);
