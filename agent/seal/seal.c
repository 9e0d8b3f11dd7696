/* Theory of Operation
 *
 * Every stage makes one row in the report, from what the kernel answered and
 * never from what was asked of it.
 *
 * seal_start
 *   Should: be called first in main and first after a fork.
 *   Mustn't: need anything: no allocation, no file.
 * seal_role
 *   Should: run before the role holds anything worth stealing.
 *   Mustn't: come later than the first secret: a tracer that came along through
 *   the fork keeps its hold on the registers (measured).
 * seal_vault_prepare, seal_door
 *   Should: run when every descriptor and library the role needs is there.
 *   Mustn't: be called in the launcher, which must start a setgid program.
 * seal_vault
 *   Should: be the last call before the loop.
 */
#include "agent/seal/seal.h"

#include "agent/seal/environment.h"
#include "agent/seal/filter.h"
#include "agent/seal/landlock.h"
#include "agent/seal/privileges.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int refuse_readers(void)
{
	if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) < 0)
		return -errno;
	return prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) == 0 ? 0 : -EPERM;
}

/* The hard limit too: any process of the same user may raise a soft one from
 * outside (prlimit, measured). */
static int refuse_cores(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit now;

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	if (getrlimit(RLIMIT_CORE, &now) < 0)
		return -errno;
	return now.rlim_cur == 0 && now.rlim_max == 0 ? 0 : -EPERM;
}

int seal_start(struct report *report)
{
	int rc;

	rc = refuse_readers();
	if (rc < 0)
		return rc;
	report_add(report, "not dumpable", MEASURE_HELD,
	           "no ptrace, no /proc/PID/mem for the same user");

	rc = refuse_cores();
	if (rc < 0)
		return rc;
	report_add(report, "no core files", MEASURE_HELD, "hard limit 0");
	return 0;
}

static int die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

int seal_role(int expected_parent, struct report *report)
{
	pid_t tracer;
	int rc;

	rc = die_with(expected_parent);
	if (rc < 0)
		return rc;
	report_add(report, "dies with the agent", MEASURE_HELD,
	           "SIGKILL when its parent ends");

	rc = refuse_readers();
	if (rc < 0)
		return rc;
	rc = environment_tracer(&tracer);
	if (rc < 0)
		return rc;
	if (tracer != 0)
		return -EPERM;
	report_add(report, "not traced", MEASURE_HELD, "TracerPid is 0");
	return 0;
}

/* A change of credentials may reset both (kernel, commit_creds). */
static int keep_promises(pid_t parent)
{
	int rc = refuse_readers();

	return rc < 0 ? rc : die_with(parent);
}

static int drop_all(pid_t parent, struct report *report)
{
	int rc;

	rc = privileges_drop(report);
	if (rc < 0)
		return rc;
	rc = keep_promises(parent);
	if (rc < 0)
		return rc;
	rc = privileges_refuse_new(report);
	if (rc < 0)
		return rc;

	landlock_restrict(report);
	return 0;
}

int seal_vault_prepare(struct report *report)
{
	const pid_t parent = getppid();

	privileges_refuse_new_code(report);
	privileges_leave_namespaces(report);
	return drop_all(parent, report);
}

/* The door stays in its user namespace: in one of its own, every peer's uid
 * would read as the overflow uid, which would also be the door's own. */
int seal_door(struct report *report)
{
	const pid_t parent = getppid();
	int rc;

	privileges_refuse_new_code(report);
	rc = drop_all(parent, report);
	if (rc < 0)
		return rc;

	return filter_load_door(report);
}
