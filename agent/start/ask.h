/* ask.h - what the agent's own command line asks of an agent that runs */
#pragma once

#include "protocol/base/attributes.h"

#include <sys/types.h>

/* The process that eval's NIXCACHE_AGENT_PID names.  0 or -errno: -ETIMEDOUT
 * after ASK_TIMEOUT_S. */
#define ASK_TIMEOUT_S 10
must_check int ask_pid(const char *socket_path, pid_t *ret_pid);

/* Asks it to end, and waits until it has closed the connection. */
must_check int ask_quit(const char *socket_path);
