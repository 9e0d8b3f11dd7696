/* kill.h - nixcache-agent -k: ends the agent that answers on the socket */
#pragma once

#include "agent/options.h"

/* Returns an exit status; never signals a process by a number it was told. */
int kill_agent(const struct options *options);
