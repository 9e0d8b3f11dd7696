/* fake_agent.h - an agent that is a child process and plays a script
 *
 * It takes connections and answers a number of calls on each.
 */
#pragma once

#include "protocol/varlink/socket_path.h"

#include <stdbool.h>
#include <sys/types.h>

struct fake_script {
	/* One for each call, over all connections; NULL: real answers.  "" is
	 * to close, and what begins with '!' is sent without its end. */
	const char *const *replies;
	size_t reply_count;
	size_t calls_per_connection;
};

struct fake_agent {
	char folder[64];
	char path[SOCKET_PATH_SIZE];
	pid_t pid;
};

void fake_agent_start(struct fake_agent *fake,
                      const struct fake_script *script);

/* Waits for its end.  True if the script was played to its end. */
bool fake_agent_stop(struct fake_agent *fake);
