/* op_rig.h - a source, a stand-in for op in a folder of its own, and a reader
 * in the place of the vault
 */
#pragma once

#include "agent/launcher/source.h"
#include "protocol/base/bytes.h"

#define RIG_NAME_SIZE 64
#define RIG_TEXT_MAX  8192

struct op_rig {
	char dir[RIG_NAME_SIZE];
	struct config *config;
	struct source *source;
	int intake;
	struct buffer got; /* what came through the pipe */
	struct fetch_outcome outcome;
	char why[512];
	int fds_before;
};

/* A folder with a copy of the stand-in that behaves so ("ok", "hang", ...). */
void op_rig_init(struct op_rig *rig, const char *behave);

/* A configuration of one file: cache called a, with these lines after it; the
 * placeholder DIR in them is the folder.  op-timeout in seconds.  The source
 * is opened; true if it was. */
bool op_rig_open(struct op_rig *rig, const char *lines, unsigned op_timeout);

/* Also checks that no descriptor is left open. */
void op_rig_close(struct op_rig *rig);

/* Steps until the run has ended or a moment of the script has come. */
bool op_rig_run(struct op_rig *rig);
bool op_rig_run_until(struct op_rig *rig, const char *words_in_report);

/* A file in the folder. */
void op_rig_write(const struct op_rig *rig, const char *name, const char *text,
                  unsigned mode);
void op_rig_path(const struct op_rig *rig, const char *name, char *out,
                 size_t size);

/* What the stand-in wrote down; out is empty if it never ran. */
void op_rig_report(const struct op_rig *rig, char out[RIG_TEXT_MAX]);
unsigned op_rig_count(const struct op_rig *rig, const char *line);

/* True if the secret of that slot came through the pipe exactly so. */
bool op_rig_has(struct op_rig *rig, unsigned slot, const char *value);
/* True if the last line of the framing came. */
bool op_rig_has_end(struct op_rig *rig);
