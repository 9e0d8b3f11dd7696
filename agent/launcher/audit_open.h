/* audit_open.h - the file of an audit log: ours, regular, and locked */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

struct audit_open {
	int fd;  /* to append */
	int own; /* to read and to lock */
};

/* Opens path, or makes it and the folders above it; is_new: there must be none.
 * The descriptors are the caller's.  0; -EWOULDBLOCK: another agent writes it;
 * -errno.  why is a sentence without the path. */
must_check int audit_open(const char *path, bool is_new,
                          struct audit_open *ret_file, char *why,
                          size_t why_size);

/* Whether the file that is open is the one of that name. */
bool audit_open_is_at(int fd, const char *path);

/* For reading alone; no lock.  -errno. */
must_check int audit_open_former(const char *path);
