/* peer_look.h - which program a process runs, and since when */
#pragma once

#include "agent/wire_errand.h"

/* Fills in ret_done's text (its program) and number (its start, clock ticks
 * after boot), as far as they can be seen; end says whether they could. */
void peer_look(const struct errand *errand, struct errand *ret_done);
