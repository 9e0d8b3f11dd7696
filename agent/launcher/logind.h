/* logind.h - hears from logind that the session is locked or the machine is
 * about to sleep, and holds the sleep up until the secrets are wiped
 *
 * Best effort: without a bus, or without logind on it, the report says so, and
 * it is tried again now and then.  Nothing here waits for an answer.
 */
#pragma once

#include "agent/seal/report.h"

#include <poll.h>
#include <stdbool.h>

struct logind;

/* *ret_logind is NULL where this was built without.  Adds the row "locks at
 * sleep" with what is known at that time: logind_measure() says what becomes
 * of it. */
void logind_open(struct logind **ret_logind, struct report *report);
void logind_close(struct logind *logind);

/* fd -1 where there is nothing to wait for. */
void logind_poll(const struct logind *logind, struct pollfd *fd);
long long logind_deadline_ms(const struct logind *logind); /* 0: none */

/* True: wipe the secrets now, then call logind_wiped(). */
bool logind_step(struct logind *logind);
void logind_wiped(struct logind *logind);

/* The row if it has changed since it was last asked for, or NULL; borrowed
 * until the next logind_step(). */
const struct agent_measure *logind_measure(struct logind *logind);
