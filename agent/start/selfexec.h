/* selfexec.h - starts the program anew from an unreadable memory file
 *
 * PR_SET_DUMPABLE=0 in main() comes too late: a descriptor on /proc/PID/mem
 * opened between execve(2) and it keeps reading (measured).  A file without
 * read permission makes the kernel start the new image non-dumpable, at its
 * first instruction (fs/exec.c, would_dump()).
 */
#pragma once

#include "agent/seal/report.h"

/* First thing in main().  In the first stage it does not return when it
 * works.  Afterwards, and when it cannot work, it adds the row "start". */
void selfexec_run(char **argv, struct report *report);
