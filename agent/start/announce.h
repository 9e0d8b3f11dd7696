/* announce.h - tells the shell that evaluates our output where the agent is */
#pragma once

#include "agent/options.h"
#include "protocol/base/attributes.h"

#include <sys/types.h>

/* Prints the commands on standard output.  0 or -errno. */
must_check int announce_agent(const struct options *options,
                              const char *socket_path, pid_t pid);
must_check int announce_end(const struct options *options, pid_t pid);
