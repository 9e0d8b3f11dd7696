/* audit_end.h - finds where an audit log ends, from its last lines alone */
#pragma once

#include "agent/audit_start.h"
#include "protocol/base/attributes.h"

#include <stdbool.h>

struct audit_end {
	uint64_t sequence;               /* of the last line */
	uint8_t head[DIGEST_SHA256_LEN]; /* its hash */
	uint64_t size;                   /* of the file */
	bool is_cut; /* the last line has no newline: it needs one */
};

/* *end is what came before the file, and becomes what is at its end; the file
 * may be empty.  A line that was cut counts as one.  0; -EBADMSG: its last line
 * is not of an audit log; -errno. */
must_check int audit_end_find(int fd, struct audit_end *end);
