/* weaken.c - takes one measure at a time away from a program
 *
 * Linked before the program's own objects (-Wl,--wrap): NIXCACHE_WEAKEN in the
 * environment names, with commas between, what is not to hold.  The program
 * believes that it does, so that only an attack can tell.
 */
#include "agent/door/peer.h"
#include "agent/launcher/op_token.h"
#include "agent/seal/environment.h"
#include "agent/seal/filter.h"
#include "agent/seal/landlock.h"
#include "agent/seal/privileges.h"
#include "agent/seal/seal.h"
#include "agent/start/selfexec.h"
#include "protocol/base/env.h"
#include "protocol/base/fd.h"

#include <sodium.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MDWE_SET 65
#define MDWE_GET 66

/* The linker's names; the types are those of what they stand for.  The C
 * library's limits are the 64-bit ones here (_FILE_OFFSET_BITS). */
/* NOLINTBEGIN(*-reserved-identifier) */
#define WRAPPED(name)                   \
	__typeof__(name) __wrap_##name; \
	extern __typeof__(name) __real_##name

WRAPPED(close_range);
WRAPPED(crypto_sign_detached);
WRAPPED(env_wipe);
WRAPPED(environment_tracer);
WRAPPED(fchmod);
WRAPPED(fchmodat);
WRAPPED(fd_close_except);
WRAPPED(filter_load_door);
WRAPPED(getrlimit64);
WRAPPED(landlock_restrict);
WRAPPED(peer_may_connect);
WRAPPED(prctl);
WRAPPED(privileges_drop);
WRAPPED(privileges_leave_namespaces);
WRAPPED(seal_check_environment);
WRAPPED(seal_vault);
WRAPPED(secret_memory_call);
WRAPPED(secret_memory_wipe_registers);
WRAPPED(selfexec_run);
WRAPPED(setrlimit64);
WRAPPED(syscall);

static bool is_off(const char *measure)
{
	const char *list = getenv("NIXCACHE_WEAKEN");
	const size_t len = strlen(measure);

	while (list && *list != '\0') {
		const size_t word = strcspn(list, ",");

		if (word == len && strncmp(list, measure, len) == 0)
			return true;
		list += word + (list[word] == ',' ? 1 : 0);
	}
	return false;
}

/* What a prctl(2) that is not made would have answered, or -1. */
static int pretended(int option)
{
	switch (option) {
	case PR_SET_DUMPABLE:
	case PR_GET_DUMPABLE:
		return is_off("dumpable") ? 0 : -1;
	case PR_SET_NO_NEW_PRIVS:
		return is_off("privileges") ? 0 : -1;
	case PR_GET_NO_NEW_PRIVS:
		return is_off("privileges") ? 1 : -1;
	case PR_SET_PDEATHSIG:
		return is_off("parent") ? 0 : -1;
	case MDWE_SET:
		return is_off("code") ? 0 : -1;
	case MDWE_GET:
		return is_off("code") ? 1 : -1;
	default:
		return -1;
	}
}

int __wrap_prctl(int option, ...)
{
	unsigned long arguments[4];
	int answer = pretended(option);
	va_list list;

	va_start(list, option);
	for (size_t i = 0; i < 4; i++)
		arguments[i] = va_arg(list, unsigned long);
	va_end(list);
	if (answer >= 0)
		return answer;
	return __real_prctl(option, arguments[0], arguments[1], arguments[2],
	                    arguments[3]);
}

/* Pages like any other in the place of secret ones. */
long __wrap_syscall(long number, ...)
{
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_memfd_secret && is_off("memory"))
		return memfd_create("ordinary", MFD_CLOEXEC);
	return __real_syscall(number, arguments[0], arguments[1], arguments[2],
	                      arguments[3], arguments[4], arguments[5]);
}

int __wrap_setrlimit64(enum __rlimit_resource resource,
                       const struct rlimit64 *limit)
{
	if (resource == RLIMIT_CORE && is_off("core"))
		return 0;
	return __real_setrlimit64(resource, limit);
}

int __wrap_getrlimit64(enum __rlimit_resource resource, struct rlimit64 *limit)
{
	int rc = __real_getrlimit64(resource, limit);

	if (resource == RLIMIT_CORE && is_off("core"))
		*limit = (struct rlimit64){ 0, 0 };
	return rc;
}

int __wrap_fchmod(int fd, mode_t mode)
{
	if (mode == 0600 && is_off("mode"))
		mode = 0666;
	return __real_fchmod(fd, mode);
}

int __wrap_fchmodat(int fd, const char *path, mode_t mode, int flags)
{
	if (mode == 0600 && is_off("mode"))
		mode = 0666;
	return __real_fchmodat(fd, path, mode, flags);
}

int __wrap_close_range(unsigned int first, unsigned int last, int flags)
{
	return is_off("descriptors") ? 0
	                             : __real_close_range(first, last, flags);
}

int __wrap_fd_close_except(int lowest, const int *keep, size_t count)
{
	return is_off("descriptors")
	               ? 0
	               : __real_fd_close_except(lowest, keep, count);
}

/* With the variable of its second stage it stays in the first. */
void __wrap_selfexec_run(char **argv, struct report *report)
{
	if (is_off("start"))
		(void)setenv("NIXCACHE_AGENT_STAGE", "2", 1);
	__real_selfexec_run(argv, report);
}

int __wrap_environment_tracer(pid_t *ret_tracer)
{
	int rc = __real_environment_tracer(ret_tracer);

	if (rc == 0 && is_off("tracer"))
		*ret_tracer = 0;
	return rc;
}

int __wrap_seal_check_environment(char *why, size_t why_size)
{
	int rc = __real_seal_check_environment(why, why_size);

	if ((rc == SEAL_TRACED && is_off("tracer")) ||
	    (rc == SEAL_USER_NAMESPACE && is_off("surroundings")))
		return SEAL_SAFE;
	return rc;
}

void __wrap_secret_memory_call(const struct secret_memory *stack,
                               void (*entry)(void *), void *argument)
{
	if (is_off("stack")) {
		entry(argument);
	} else {
		__real_secret_memory_call(stack, entry, argument);
	}
}

/* The key that signed last: in secret memory, where it stays while it is
 * loaded. */
/* NOLINTNEXTLINE(*-non-const-global-variables): one vault in a process */
static const unsigned char *signed_with;

int __wrap_crypto_sign_detached(unsigned char *signature,
                                unsigned long long *len,
                                const unsigned char *message,
                                unsigned long long message_len,
                                const unsigned char *pair)
{
	signed_with = pair;
	return __real_crypto_sign_detached(signature, len, message, message_len,
	                                   pair);
}

/* Which registers the libraries leave a secret in changes with each of their
 * versions: here one surely has it when they should be wiped. */
static void spill_key(void)
{
	if (!signed_with)
		return;
#if defined(__x86_64__)
	__asm__ volatile("movdqu (%0), %%xmm15" ::"r"(signed_with)
	                 : "xmm15", "memory");
#elif defined(__aarch64__)
	__asm__ volatile("ldr q31, [%0]" ::"r"(signed_with) : "v31", "memory");
#endif
}

void __wrap_secret_memory_wipe_registers(void)
{
	if (is_off("spill"))
		spill_key();
	if (!is_off("registers"))
		__real_secret_memory_wipe_registers();
}

int __wrap_seal_vault(int door, int intake)
{
	return is_off("vault-filter") ? 0 : __real_seal_vault(door, intake);
}

int __wrap_filter_load_door(struct report *report)
{
	if (!is_off("door-filter"))
		return __real_filter_load_door(report);
	report_add(report, "system call filter", MEASURE_HELD, "weakened");
	return 0;
}

void __wrap_landlock_restrict(struct report *report)
{
	if (is_off("landlock")) {
		report_add(report, "Landlock", MEASURE_HELD, "weakened");
	} else {
		__real_landlock_restrict(report);
	}
}

void __wrap_privileges_leave_namespaces(struct report *report)
{
	if (is_off("namespaces")) {
		report_add(report, "own namespaces", MEASURE_HELD, "weakened");
	} else {
		__real_privileges_leave_namespaces(report);
	}
}

int __wrap_privileges_drop(struct report *report)
{
	if (!is_off("capabilities"))
		return __real_privileges_drop(report);
	report_add(report, "no capabilities", MEASURE_HELD, "weakened");
	return 0;
}

void __wrap_env_wipe(const char *name)
{
	if (!is_off("token"))
		__real_env_wipe(name);
}

bool __wrap_peer_may_connect(int fd, const struct peer *peer,
                             const struct config_socket *socket)
{
	return is_off("peer") || __real_peer_may_connect(fd, peer, socket);
}
/* NOLINTEND(*-reserved-identifier) */
