/* landlock.h - shuts a process out of every file, port and foreign process
 *
 * Needs no_new_privs.  Best effort: an older kernel handles fewer rights, and
 * the report says which.
 */
#pragma once

#include "agent/seal/report.h"

void landlock_restrict(struct report *report);
