#include "agent/seal/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than Debian 12's headers: Linux 6.3, include/uapi/linux/prctl.h. */
#define MDWE_SET              65
#define MDWE_GET              66
#define MDWE_REFUSE_EXEC_GAIN 1UL

#define CAPABILITY_MAX 63
#define SECUREBITS_ALL                                                   \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |       \
	 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

void privileges_refuse_new_code(struct report *report)
{
	if (prctl(MDWE_SET, MDWE_REFUSE_EXEC_GAIN, 0UL, 0UL, 0UL) == 0 &&
	    prctl(MDWE_GET, 0UL, 0UL, 0UL, 0UL) > 0) {
		report_add(report, "no new code", MEASURE_HELD,
		           "no memory becomes executable");
	} else {
		report_add(report, "no new code", MEASURE_ABSENT,
		           "this kernel has no PR_SET_MDWE (Linux 6.3)");
	}
}

void privileges_leave_namespaces(struct report *report)
{
	const int rest = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	int why;

	if (unshare(CLONE_NEWUSER | rest) == 0) {
		report_add(report, "own namespaces", MEASURE_HELD,
		           "user, network, IPC, UTS");
		return;
	}

	why = errno;
	if (unshare(rest) == 0) {
		report_add(report, "own namespaces", MEASURE_WEAKER,
		           "network, IPC, UTS; user namespaces: %s",
		           strerrordesc_np(why));
	} else {
		report_add(report, "own namespaces", MEASURE_ABSENT,
		           "the system refuses user namespaces: %s",
		           strerrordesc_np(why));
	}
}

static int capability_set(struct __user_cap_data_struct sets[2])
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};

	return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

static int capability_get(struct __user_cap_data_struct sets[2])
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};

	return syscall(SYS_capget, &header, sets) < 0 ? -errno : 0;
}

static bool has_bounding(void)
{
	for (unsigned long i = 0; i <= CAPABILITY_MAX; i++) {
		if (prctl(PR_CAPBSET_READ, i, 0UL, 0UL, 0UL) == 1)
			return true;
	}
	return false;
}

/* The bounding set and the secure bits need CAP_SETPCAP, which an ordinary
 * user outside a namespace of its own has not: then there is nothing to drop,
 * and no new privileges keeps the bounding set out of reach. */
int privileges_drop(struct report *report)
{
	struct __user_cap_data_struct sets[2] = { { 0 }, { 0 } };
	bool is_locked;
	int rc;

	for (unsigned long i = 0; i <= CAPABILITY_MAX; i++)
		(void)prctl(PR_CAPBSET_DROP, i, 0UL, 0UL, 0UL);
	is_locked = prctl(PR_SET_SECUREBITS, (unsigned long)SECUREBITS_ALL, 0UL,
	                  0UL, 0UL) == 0;
	(void)prctl(PR_CAP_AMBIENT, (unsigned long)PR_CAP_AMBIENT_CLEAR_ALL,
	            0UL, 0UL, 0UL);

	rc = capability_set(sets);
	if (rc < 0)
		return rc;
	rc = capability_get(sets);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < 2; i++) {
		if (sets[i].effective || sets[i].permitted ||
		    sets[i].inheritable)
			return -EPERM;
	}

	report_add(report, "no capabilities", MEASURE_HELD, "%s%s",
	           has_bounding() ? "none held" : "none held, none bounding",
	           is_locked ? ", secure bits locked" : "");
	return 0;
}

/* What reaches the memory of others in spite of Landlock: the kernel lets
 * CAP_PERFMON (and CAP_SYS_ADMIN, which holds it) read environments and maps
 * without asking further (measured), and the others change the kernel or read
 * all of its memory. */
static const unsigned reaching[] = {
	CAP_BPF,      CAP_CHECKPOINT_RESTORE, CAP_PERFMON,    CAP_SYS_ADMIN,
	CAP_SYS_BOOT, CAP_SYS_MODULE,         CAP_SYS_PTRACE, CAP_SYS_RAWIO,
};

int privileges_drop_reach(void)
{
	struct __user_cap_data_struct sets[2] = { { 0 }, { 0 } };
	uint32_t drop[2] = { 0, 0 };
	int rc = capability_get(sets);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < sizeof(reaching) / sizeof(reaching[0]); i++) {
		/* Needs CAP_SETPCAP; without, no_new_privs keeps it out of
		 * reach. */
		(void)prctl(PR_CAPBSET_DROP, (unsigned long)reaching[i], 0UL,
		            0UL, 0UL);
		drop[reaching[i] / 32] |= 1U << reaching[i] % 32;
	}
	for (size_t i = 0; i < 2; i++) {
		sets[i].effective &= ~drop[i];
		sets[i].permitted &= ~drop[i];
		sets[i].inheritable &= ~drop[i];
	}
	return capability_set(sets);
}

int privileges_forbid_new(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) < 0)
		return -errno;
	return prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) == 1 ? 0 : -EPERM;
}

int privileges_refuse_new(struct report *report)
{
	int rc = privileges_forbid_new();

	if (rc < 0)
		return rc;
	report_add(report, "no new privileges", MEASURE_HELD,
	           "no exec gives any back");
	return 0;
}
