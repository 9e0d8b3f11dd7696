#include "agent/start/confine.h"

#include "agent/seal/landlock_domain.h"
#include "agent/seal/privileges.h"

#include <string.h>

#define MEASURE_NAME "confined command"

int confine_check(struct report *report)
{
	int abi = landlock_abi();

	if (abi < 0) {
		report_add(report, MEASURE_NAME, MEASURE_ABSENT,
		           "no new privileges, but it can read other "
		           "processes: Landlock: %s",
		           strerrordesc_np(-abi));
		return abi;
	}
	if (abi >= LANDLOCK_ABI_SCOPE) {
		report_add(report, MEASURE_NAME, MEASURE_HELD,
		           "Landlock ABI %d, no new privileges: no foreign "
		           "memory, environment, signals, no sudo",
		           abi);
	} else {
		report_add(report, MEASURE_NAME, MEASURE_WEAKER,
		           "Landlock ABI %d, no new privileges: it can still "
		           "send signals (Linux 6.12)%s",
		           abi,
		           abi < LANDLOCK_ABI_REFER
		                   ? " and cannot rename across folders "
		                     "(Linux 5.19)"
		                   : "");
	}
	return 0;
}

/* Any domain keeps memory apart; what it handles must hurt nobody.  A domain
 * that handles files at all refuses to rename across folders unless a rule
 * allows it, and the first version has no such rule; there the one right is
 * that to make block devices, which needs a capability anyway.  Abstract
 * sockets stay open: X11 and D-Bus may be there. */
static int enter_domain(int abi)
{
	struct landlock_handled handled = { .fs = 0 };

	if (abi >= LANDLOCK_ABI_SCOPE) {
		handled.scoped = LANDLOCK_SCOPE_SIGNAL;
	} else if (abi >= LANDLOCK_ABI_REFER) {
		handled.fs = LANDLOCK_FS_REFER;
	} else {
		handled.fs = LANDLOCK_FS_MAKE_BLOCK;
	}
	return landlock_enter(&handled, handled.fs);
}

int confine_self(int abi)
{
	int rc = privileges_forbid_new();

	if (rc == 0)
		rc = privileges_drop_reach();
	return rc < 0 || abi < 0 ? rc : enter_domain(abi);
}
