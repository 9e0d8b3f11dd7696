#include "agent/launcher/logind.h"

void logind_open(struct logind **ret_logind, struct report *report)
{
	(void)report;
	*ret_logind = NULL;
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

bool logind_step(struct logind *logind)
{
	(void)logind;
	return false;
}

void logind_wiped(struct logind *logind)
{
	(void)logind;
}
