#include "agent/launcher/logind.h"

void logind_open(struct logind **ret_logind, struct report *report)
{
	*ret_logind = NULL;
	report_add(report, "locks at sleep", MEASURE_ABSENT,
	           "built without libsystemd");
}

void logind_close(struct logind *logind)
{
	(void)logind;
}

void logind_poll(const struct logind *logind, struct pollfd *fd)
{
	(void)logind;
	*fd = (struct pollfd){ .fd = -1 };
}

long long logind_deadline_ms(const struct logind *logind)
{
	(void)logind;
	return 0;
}

bool logind_step(struct logind *logind)
{
	(void)logind;
	return false;
}

void logind_wiped(struct logind *logind)
{
	(void)logind;
}

const struct agent_measure *logind_measure(struct logind *logind)
{
	(void)logind;
	return NULL;
}
