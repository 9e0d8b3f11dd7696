/* audit_stage.h - an audit log in a file of a test's own */
#pragma once

#include "agent/door/audit/audit.h"
#include "tests/lib/test.h"

#include <sys/resource.h>

#define AUDIT_STAGE_TEXT_MAX (1UL << 20)

struct audit_stage {
	char path[64];
	struct audit_start start;
	struct audit *audit;
	struct buffer frames;            /* to the vault */
	char text[AUDIT_STAGE_TEXT_MAX]; /* of the file, when it was read */
};

/* Of /bin/x. */
extern const struct peer audit_stage_peer;

/* With a file to append to; the log is yet to be opened. */
void audit_stage_init(struct audit_stage *s);
void audit_stage_open(struct audit_stage *s);
void audit_stage_close(struct audit_stage *s);

void audit_stage_read(struct audit_stage *s);
/* Line number n, from 1, without its newline; or empty. */
struct bytes audit_stage_line(const struct audit_stage *s, unsigned n);
bool audit_stage_has(const struct audit_stage *s, unsigned n,
                     const char *words);
size_t audit_stage_count(const struct audit_stage *s);

/* Each line names the hash of the one before it, and Status that of the last. */
bool audit_stage_is_chained(const struct audit_stage *s);

/* A record: that somebody has asked for a lock. */
must_check int audit_stage_write(struct audit_stage *s);

/* How long a file may become: as a disk that is full. */
void audit_stage_allow(rlim_t size);
