/* job.h - the process that the agent ends with, when no command is its own
 *
 * It is named (--watch), or, in continuous integration, found: the runner of
 * the job.  The runner cannot end the agent, since it cannot look into a
 * process that nobody may read; so the agent looks at the runner.
 */
#pragma once

#include "agent/seal/report.h"

#include <sys/types.h>

#define JOB_LIFETIME  3600 /* seconds, unless something else is said */
#define JOB_NAME_SIZE 64

struct job {
	int pidfd; /* owned; -1: none is watched */
	pid_t pid;
	char name[JOB_NAME_SIZE]; /* of its program, fit to print */
	bool is_ci;               /* this is continuous integration */
};

/* named: a process, or 0.  Without one, and where the environment says CI, the
 * runner is looked for among the ancestors: the nearest whose own environment
 * does not say CI, or which this process may not look into.  Adds a row to the
 * report if one is watched.  0, or -errno with a sentence in why. */
must_check int job_open(pid_t named, struct report *report, struct job *ret_job,
                        char *why, size_t why_size);
