/* audit_file.h - opens the audit log, finds its end, and begins the next file */
#pragma once

#include "agent/audit_start.h"
#include "agent/config.h"

#include <limits.h>

struct audit_file {
	char path[PATH_MAX]; /* empty: none is kept */
	int fd;              /* owned; -1: it cannot be opened */
	char why[WIRE_DETAIL_MAX];
};

/* Again after a reload: the file may be another one, or have been moved away.
 * What fails is told by audit_file_start(). */
void audit_file_open(struct audit_file *file, const char *path);
void audit_file_close(struct audit_file *file);

/* For a door: where the log stands now. */
struct audit_start audit_file_start(const struct audit_file *file,
                                    const struct config *config);

/* The file gets the number of its last record behind its name; another one is
 * begun and its descriptor handed out. */
void audit_file_rotate(struct audit_file *file, uint64_t last,
                       struct errand *ret_done);
