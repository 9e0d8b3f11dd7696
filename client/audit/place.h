/* place.h - where the audit log is, and what the agent says of it */
#pragma once

#include "client/agent_call.h"

#include <limits.h>

#define PLACE_WHY_SIZE 1536

struct place {
	char path[PATH_MAX];
	bool has_agent; /* one has answered */
	bool is_live;   /* ... and that is the log which it writes */
	struct agent_status status; /* with has_agent */
};

/* path NULL: the agent says, or where none answers it is the usual place.
 * EXIT_DONE; else an exit status and a sentence. */
must_check int place_find(const char *path, struct place *ret_place,
                          char ret_why[PLACE_WHY_SIZE]);
void place_clear(struct place *place);

/* For cleanup(place_clear) on a local struct place. */
#define cleanup_place __attribute__((__cleanup__(place_clear)))
