/* errands.h - does outside what the sealed door cannot, and answers */
#pragma once

#include "agent/launcher/state.h"

#include <poll.h>

/* Takes the errand's descriptor over.  0 or -errno: the door is gone. */
must_check int errands_do(struct launcher *l, struct errand *errand);

/* What takes longer: a person who is asked.  CHILD_POLL_MAX of fds. */
void errands_poll(const struct launcher *l, struct pollfd *fds);
long long errands_deadline_ms(const struct launcher *l); /* 0: none */
void errands_step(struct launcher *l);

/* For another door: what is under way is nobody's any more. */
void errands_forget(struct launcher *l);
void errands_close(struct launcher *l);
