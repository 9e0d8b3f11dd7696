/* environment.h - what the kernel says about the place a process runs in */
#pragma once

#include "protocol/base/attributes.h"

#include <sys/types.h>

/* Who traces this process; 0: nobody.  0 or -errno. */
must_check int environment_tracer(pid_t *ret_tracer);
