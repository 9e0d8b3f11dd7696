/* ready.h - how a start went, told to the process that waits for it */
#pragma once

#include "protocol/base/attributes.h"

#define READY_ERROR_MAX 512

struct ready {
	int exit_status; /* 0: the agent answers */
	char error[READY_ERROR_MAX];
};

/* Tells it once and closes *fd, which becomes -1; nothing if it is -1. */
void ready_tell(int *fd, int exit_status, const char *error);

/* Waits for it.  0, or -errno; an agent that ended without a word is a
 * failure too. */
must_check int ready_wait(int fd, struct ready *ret_ready);
