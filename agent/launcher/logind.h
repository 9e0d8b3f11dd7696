/* logind.h - hears from logind that the session is locked or the machine is
 * about to sleep, and holds the sleep up until the secrets are wiped
 *
 * Best effort: without a bus, or without logind on it, the report says so.
 */
#pragma once

#include "agent/seal/report.h"

#include <poll.h>
#include <stdbool.h>

struct logind;

/* *ret_logind is NULL where there is no bus. */
void logind_open(struct logind **ret_logind, struct report *report);
void logind_close(struct logind *logind);

/* fd -1 where there is nothing to wait for. */
void logind_poll(const struct logind *logind, struct pollfd *fd);

/* True: wipe the secrets now, then call logind_wiped(). */
bool logind_step(struct logind *logind);
void logind_wiped(struct logind *logind);
