/* unlocker.h - has a locked agent fetch its secrets, beside everything else */
#pragma once

#include "client/agent_call.h"

/* After a fetch that failed, a person is left alone for so long. */
#define UNLOCKER_REST_MS 60000LL

struct unlocker;

/* done_fd: an eventfd, written to when a fetch has ended; borrowed.  NULL when
 * out of memory. */
struct unlocker *unlocker_new(int done_fd);

/* Leaves a fetch that is under way to itself. */
void unlocker_free(struct unlocker *unlocker);

/* Never waits.  False if one is under way, or failed a short while ago. */
bool unlocker_start(struct unlocker *unlocker);

/* True once for each that has ended; error.exit_status is 0 if it unlocked. */
bool unlocker_ended(struct unlocker *unlocker, struct agent_error *ret_error);
