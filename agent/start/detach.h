/* detach.h - splits the agent off: into the background, or behind a command */
#pragma once

#include "agent/start/ready.h"

#include <sys/types.h>

/* Forks.  In the agent (a session of its own): 0 and *ret_ready, where to say
 * how the start went.  In the process that waits: 1, after the agent has said
 * so in *ret_outcome; *ret_pid is the agent.  -errno. */
enum {
	DETACH_AGENT = 0,
	DETACH_CALLER = 1,
};
must_check int detach_fork(int *ret_ready, pid_t *ret_pid,
                           struct ready *ret_outcome);

/* Standard input, output and error to /dev/null, for the background. */
must_check int detach_output(void);

/* Opens those of the descriptors 0, 1, 2 that are closed. */
must_check int detach_mend_output(void);

/* Replaces this process by the command, with the agent's variables set and a
 * clean signal mask.  Returns only on failure: an exit status. */
int detach_run_command(char **command, const char *socket_path, pid_t agent);
