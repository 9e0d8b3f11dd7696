/* filter.h - the system call filter of the door; the vault's is in seal.h */
#pragma once

#include "agent/seal/report.h"

/* Loads it and adds its row.  0 or -errno. */
must_check int filter_load_door(struct report *report);
