/* source_state.h - a source and its run, as the files of source.h see them */
#pragma once

#include "agent/launcher/child.h"
#include "agent/launcher/feed.h"
#include "agent/launcher/op_token.h"
#include "agent/launcher/source.h"

enum run_step {
	STEP_IDLE,
	STEP_NEXT,
	STEP_MARK,
	STEP_FILE,
	STEP_COMMAND,
	STEP_NEWLINE,
	STEP_END,
	STEP_OP,
	STEP_ENDED,
};

struct source {
	const struct config *config; /* borrowed */
	char *op;                    /* path, NULL: not found at the start */
	struct op_token token;
	struct strings taken;
	struct feed feed;
	bool is_renewed; /* env: and fd: are spent */

	enum run_step step;
	size_t slot;
	int file;
	off_t file_at;
	struct child child;
	long long deadline;
	struct fetch_outcome outcome;
};

/* Leaves nothing running and nothing open but the feed. */
void source_stop_run(struct source *source);

/* source_check.c: the run has failed with what is in outcome; a pipe that was
 * used is of no more use. */
void source_fail(struct source *source);

/* As source_fail(), with the name of the secret before the sentence. */
void source_fail_slot(struct source *source, size_t slot);

/* 0: op can be run; 1: the outcome says why not. */
must_check int source_check_op(struct source *source);

/* True if the run was refused before the pipe was used; it has failed then. */
bool source_is_refused(struct source *source);
