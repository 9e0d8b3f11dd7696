#include "agent/seal/landlock.h"

#include "agent/seal/landlock_domain.h"

#include <string.h>

static struct landlock_handled handled_of(int abi)
{
	struct landlock_handled handled = { .fs = LANDLOCK_FS_ABI1 };

	if (abi >= LANDLOCK_ABI_REFER)
		handled.fs |= LANDLOCK_FS_REFER;
	if (abi >= LANDLOCK_ABI_TRUNCATE)
		handled.fs |= LANDLOCK_FS_TRUNCATE;
	if (abi >= LANDLOCK_ABI_NET)
		handled.net = LANDLOCK_NET_TCP;
	if (abi >= LANDLOCK_ABI_IOCTL_DEV)
		handled.fs |= LANDLOCK_FS_IOCTL_DEV;
	if (abi >= LANDLOCK_ABI_SCOPE) {
		handled.scoped = LANDLOCK_SCOPE_ABSTRACT |
		                 LANDLOCK_SCOPE_SIGNAL;
	}
	return handled;
}

/* Handled and no rule: nothing is allowed. */
static int enclose(int abi)
{
	const struct landlock_handled handled = handled_of(abi);

	return landlock_enter(&handled, 0);
}

void landlock_restrict(struct report *report)
{
	int abi = landlock_abi();
	int rc = abi < 0 ? abi : enclose(abi);

	if (rc < 0) {
		report_add(report, "Landlock", MEASURE_ABSENT, "%s",
		           strerrordesc_np(-rc));
	} else if (abi >= LANDLOCK_ABI_SCOPE) {
		report_add(report, "Landlock", MEASURE_HELD,
		           "ABI %d: no files, ports, signals", abi);
	} else if (abi >= LANDLOCK_ABI_NET) {
		report_add(report, "Landlock", MEASURE_WEAKER,
		           "ABI %d: no files, ports (signals: Linux 6.12)",
		           abi);
	} else {
		report_add(report, "Landlock", MEASURE_WEAKER,
		           "ABI %d: no files (ports: Linux 6.7)", abi);
	}
}
