/* privileges.h - gives up namespaces, capabilities and the ways to new ones
 *
 * The void ones are best effort: what did not work is in the report.
 */
#pragma once

#include "agent/seal/report.h"

/* No page that was writable becomes executable (Linux 6.3). */
void privileges_refuse_new_code(struct report *report);

/* Own user, network, IPC and UTS namespaces: no interface, no abstract socket,
 * no shared memory.  Gives capabilities inside: drop them next. */
void privileges_leave_namespaces(struct report *report);

/* 0, or -errno when a capability is left. */
must_check int privileges_drop(struct report *report);

/* No exec gives any back.  0 or -errno. */
must_check int privileges_refuse_new(struct report *report);

/* For a process that goes on to use what else it has.  Each 0 or -errno. */

/* Capabilities that reach other processes' memory, or the kernel. */
must_check int privileges_drop_reach(void);

/* No exec gives any privilege: setuid, setgid and file capabilities. */
must_check int privileges_forbid_new(void);
