/* askpass.h - asks a person yes or no
 *
 * By $NIXCACHE_ASKPASS, else $SSH_ASKPASS, else on the terminal that the agent
 * runs in, in the foreground.  One question at a time.
 */
#pragma once

#include "agent/launcher/child.h"
#include "agent/launcher/terminal.h"
#include "agent/wire_errand.h"

/* All zero: nothing is asked. */
struct askpass {
	bool is_asking;
	uint64_t tag;
	long long deadline_ms;
	struct child child;       /* a program asks, or */
	struct terminal terminal; /* we do */
};

/* True: askpass_step() will say what came of it.  False: ret_done says why
 * nobody can be asked. */
bool askpass_begin(struct askpass *asking, const struct errand *errand,
                   struct errand *ret_done);
void askpass_poll(const struct askpass *asking,
                  struct pollfd fds[CHILD_POLL_MAX]);
long long askpass_deadline_ms(const struct askpass *asking); /* 0: none */
/* True: it has ended, ret_done is the answer. */
bool askpass_step(struct askpass *asking, struct errand *ret_done);
/* Takes the question back; it is not answered any more. */
void askpass_stop(struct askpass *asking, uint64_t tag);
void askpass_close(struct askpass *asking);
