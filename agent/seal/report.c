#include "agent/seal/report.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void report_add(struct report *report, const char *name,
                enum measure_state state, const char *detail, ...)
{
	struct agent_measure *measure = &report->measures[report->count];
	va_list args;

	assert(report->count < REPORT_MAX);
	*measure = (struct agent_measure){ .state = state };
	(void)snprintf(measure->name, sizeof(measure->name), "%s", name);
	(void)snprintf(measure->process, sizeof(measure->process), "%s",
	               report->process);
	va_start(args, detail);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started */
	(void)vsnprintf(measure->detail, sizeof(measure->detail), detail, args);
	va_end(args);
	report->count++;
}

void report_replace(struct report *report, const struct agent_measure *measure)
{
	for (size_t i = 0; i < report->count; i++) {
		if (strcmp(report->measures[i].name, measure->name) == 0)
			report->measures[i] = *measure;
	}
}
