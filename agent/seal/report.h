/* report.h - which protections hold in a process, said from what happened */
#pragma once

#include "protocol/varlink/agent_api.h"

#define REPORT_MAX 32

struct report {
	const char *process; /* "launcher", "door", "vault" */
	struct agent_measure measures[REPORT_MAX];
	size_t count;
};

/* Puts it in the place of the row of the same name, if there is one. */
void report_replace(struct report *report, const struct agent_measure *measure);

/* detail is a format; say why when the state is not MEASURE_HELD. */
printf_like(4, 5) void report_add(struct report *report, const char *name,
                                  enum measure_state state, const char *detail,
                                  ...);
