#include "agent/seal/filter.h"
#include "agent/seal/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* ppoll, not poll: after a stop or a suspend the kernel resumes poll(2) through
 * restart_syscall, but ppoll(2) through itself. */
#define VAULT_POLL_MAX 2

struct rule {
	int call;
	unsigned int count;
	struct scmp_arg_cmp args[3];
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* One argument equals a value; its bits of a mask equal a value. */
#define EQUAL(index, value)                                    \
	{                                                      \
		(index), SCMP_CMP_EQ, (scmp_datum_t)(value), 0 \
	}
#define MASKED(index, mask, value)                           \
	{                                                    \
		(index), SCMP_CMP_MASKED_EQ, (mask), (value) \
	}

static void release_at(const scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

#define cleanup_filter __attribute__((__cleanup__(release_at)))

/* What no rule allows kills the whole process, also when it comes through
 * another architecture's entry (int $0x80, x32). */
static int filter_new(const struct rule *rules, size_t count,
                      scmp_filter_ctx *ret_filter)
{
	cleanup_filter scmp_filter_ctx filter = NULL;
	int rc;

	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return -ENOMEM;
	rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
	                      SCMP_ACT_KILL_PROCESS);
	if (rc < 0)
		return rc;

	for (size_t i = 0; i < count; i++) {
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
		                            rules[i].call, rules[i].count,
		                            rules[i].args);
		if (rc < 0)
			return rc;
	}

	*ret_filter = filter;
	filter = NULL;
	return 0;
}

/* Once the filter is loaded its description stays allocated: freeing might
 * give memory back to the kernel, and that call is no longer allowed. */
int seal_vault(int door, int intake)
{
	const struct rule rules[] = {
		{ SCMP_SYS(read), 1, { EQUAL(0, door) } },
		{ SCMP_SYS(read), 1, { EQUAL(0, intake) } },
		{ SCMP_SYS(write), 1, { EQUAL(0, door) } },
		{ SCMP_SYS(ppoll),
		  3,
		  { { 1, SCMP_CMP_LE, VAULT_POLL_MAX, 0 },
		    EQUAL(2, 0),
		    EQUAL(3, 0) } },
		/* The vDSO answers without a call where the clock allows it. */
		{ SCMP_SYS(clock_gettime), 1, { EQUAL(0, CLOCK_REALTIME) } },
		{ SCMP_SYS(exit_group), 0, { { 0 } } },
	};
	scmp_filter_ctx filter;
	int rc;

	if (door < 0 || intake < 0)
		return -EBADF;

	rc = filter_new(rules, LENGTH(rules), &filter);
	if (rc < 0)
		return rc;
	return seccomp_load(filter);
}

void seal_vault_report(struct report *report)
{
	report_add(report, "system call filter", MEASURE_HELD,
	           "5 calls (read, write, ppoll, clock_gettime, exit_group); "
	           "all else kills");
}

/* The rules for one call stand together. */
static size_t count_calls(const struct rule *rules, size_t count)
{
	size_t calls = 0;

	for (size_t i = 0; i < count; i++)
		calls += i == 0 || rules[i].call != rules[i - 1].call;
	return calls;
}

static int load_door_rules(const struct rule *rules, size_t count,
                           struct report *report)
{
	cleanup_filter scmp_filter_ctx filter = NULL;
	int rc;

	rc = filter_new(rules, count, &filter);
	if (rc < 0)
		return rc;
	rc = seccomp_load(filter);
	if (rc < 0)
		return rc;

	report_add(
		report, "system call filter", MEASURE_HELD,
		"%zu calls; open, exec, socket, connect, fork, ptrace and all "
		"else kill",
		count_calls(rules, count));
	return 0;
}

/* An event loop over descriptors it already has, malloc, and a way to abort. */
int filter_load_door(struct report *report)
{
	const struct rule rules[] = {
		{ SCMP_SYS(accept4), 0, { { 0 } } },
		{ SCMP_SYS(brk), 0, { { 0 } } },
		{ SCMP_SYS(clock_gettime), 0, { { 0 } } },
		{ SCMP_SYS(close), 0, { { 0 } } },
		{ SCMP_SYS(epoll_ctl), 0, { { 0 } } },
		{ SCMP_SYS(epoll_pwait), 0, { { 0 } } },
		{ SCMP_SYS(epoll_wait), 0, { { 0 } } },
		{ SCMP_SYS(exit_group), 0, { { 0 } } },
		{ SCMP_SYS(fcntl), 1, { EQUAL(1, F_GETFL) } },
		{ SCMP_SYS(fcntl), 1, { EQUAL(1, F_SETFD) } },
		{ SCMP_SYS(fcntl), 1, { EQUAL(1, F_SETFL) } },
		{ SCMP_SYS(fdatasync), 0, { { 0 } } },
		/* a record that could not be written whole is taken back */
		{ SCMP_SYS(ftruncate), 0, { { 0 } } },
		{ SCMP_SYS(futex), 0, { { 0 } } },
		{ SCMP_SYS(geteuid), 0, { { 0 } } },
		{ SCMP_SYS(getpid), 0, { { 0 } } },
		{ SCMP_SYS(getrandom), 0, { { 0 } } },
		{ SCMP_SYS(getsockopt), 0, { { 0 } } },
		{ SCMP_SYS(gettid), 0, { { 0 } } },
		{ SCMP_SYS(lseek), 1, { EQUAL(2, SEEK_CUR) } },
		{ SCMP_SYS(madvise), 1, { EQUAL(2, MADV_DONTNEED) } },
		{ SCMP_SYS(mmap),
		  2,
		  { MASKED(2, PROT_EXEC, 0),
		    MASKED(3, MAP_ANONYMOUS, MAP_ANONYMOUS) } },
		{ SCMP_SYS(mprotect), 1, { MASKED(2, PROT_EXEC, 0) } },
		{ SCMP_SYS(mremap), 0, { { 0 } } },
		{ SCMP_SYS(munmap), 0, { { 0 } } },
		{ SCMP_SYS(poll), 0, { { 0 } } },
		{ SCMP_SYS(ppoll), 0, { { 0 } } },
		{ SCMP_SYS(read), 0, { { 0 } } },
		{ SCMP_SYS(recvfrom), 0, { { 0 } } },
		{ SCMP_SYS(recvmsg), 0, { { 0 } } },
		{ SCMP_SYS(restart_syscall), 0, { { 0 } } },
		{ SCMP_SYS(rt_sigprocmask), 0, { { 0 } } },
		{ SCMP_SYS(rt_sigreturn), 0, { { 0 } } },
		{ SCMP_SYS(sendmsg), 0, { { 0 } } },
		{ SCMP_SYS(sendto), 0, { { 0 } } },
		{ SCMP_SYS(shutdown), 0, { { 0 } } },
		/* glibc's qsort(3) asks how much memory there is */
		{ SCMP_SYS(sysinfo), 0, { { 0 } } },
		{ SCMP_SYS(tgkill), 1, { EQUAL(0, getpid()) } },
		{ SCMP_SYS(write), 0, { { 0 } } },
		{ SCMP_SYS(writev), 0, { { 0 } } },
	};

	return load_door_rules(rules, LENGTH(rules), report);
}
