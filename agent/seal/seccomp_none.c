#include "agent/seal/filter.h"
#include "agent/seal/seal.h"

static void report_absence(struct report *report)
{
	report_add(report, "system call filter", MEASURE_ABSENT,
	           "built without sealing");
}

int filter_load_door(struct report *report)
{
	report_absence(report);
	return 0;
}

int seal_vault(int door, int intake)
{
	(void)door;
	(void)intake;
	return 0;
}

void seal_vault_report(struct report *report)
{
	report_absence(report);
}
