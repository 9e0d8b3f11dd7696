/* confine.h - shuts this process, and all it will start, off from the memory of
 * every other one
 *
 * A Landlock domain and no_new_privs around the command of nixcache-agent
 * --confine: in it nothing can trace a process outside, read its memory or its
 * environment or take its descriptors, and no exec gives privileges (sudo).
 * Files, the network and sockets, the agent's among them, are as they were.
 */
#pragma once

#include "agent/seal/report.h"

/* Before the agent is there: adds what confine_self() will do to the report.
 * 0; -errno when this kernel has no Landlock. */
must_check int confine_check(struct report *report);

/* For good.  0 or -errno.  abi: landlock_abi(), or an older version to do only
 * what that could; < 0: no_new_privs alone. */
must_check int confine_self(int abi);
