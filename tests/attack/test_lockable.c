/* test_lockable TOOLS-DIRECTORY
 *
 * Where memory cannot be locked, or not made secret, the vault refuses or says
 * what is weaker, and stays out of reach of the same user.  As root it becomes
 * uid 65534 by an exec first.
 */
#include "tests/attack/prey.h"
#include "tests/lib/test.h"

#include <seccomp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNATURE_COUNT 1000

static char output[PREY_OUTPUT_MAX]; /* NOLINT(*-non-const-global-variables) */

static void limit_locked(rlim_t size)
{
	struct rlimit limit = { size, RLIM_INFINITY };
	struct rlimit now;

	CHECK(getrlimit(RLIMIT_MEMLOCK, &now) == 0);
	limit.rlim_max = now.rlim_max;
	CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
}

static void without_lockable_memory_the_vault_refuses_to_start(void)
{
	static struct vault_rig rig;

	limit_locked(0);
	vault_rig_init(&rig);
	CHECK(vault_rig_start(&rig) < 0);
	CHECK(vault_rig_stop(&rig) == ROLE_EXIT_UNLOCKED);
	limit_locked(64UL * 1024);
}

/* Unlocked, but still out of reach of the same user; and it says so. */
static void where_it_may_the_vault_starts_without_lockable_memory(void)
{
	static struct vault_rig rig;

	limit_locked(0);
	vault_rig_init(&rig);
	rig.config.is_weak_memory_allowed = true;
	CHECK(vault_rig_start(&rig) == 0);
	CHECK(prey_has(&rig, "secret memory", MEASURE_ABSENT));
	CHECK(prey_has(&rig, "secret stack", MEASURE_WEAKER));
	CHECK(prey_attack("attack_routes", rig.pid, NULL, output) == 0);
	CHECK(vault_rig_stop(&rig) == 0);
	limit_locked(64UL * 1024);
}

static void sixty_four_locked_kilobytes_are_enough(void)
{
	static struct vault_rig rig;

	limit_locked(64UL * 1024);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(prey_use_vault(&rig, SIGNATURE_COUNT) == 0);
	CHECK(prey_has(&rig, "secret memory", MEASURE_HELD));
	CHECK(vault_rig_stop(&rig) == 0);
}

/* As on a kernel without it; in a child, because a filter stays for good. */
static int start_without_memfd_secret(void)
{
	static struct vault_rig rig;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (!filter ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(38 /* ENOSYS */),
	                     SCMP_SYS(memfd_secret), 0) < 0 ||
	    seccomp_load(filter) < 0 || vault_rig_start_loaded(&rig) < 0)
		return 1;
	if (prey_has(&rig, "secret memory", MEASURE_HELD) ||
	    prey_status_has(rig.pid, "VmLck:\t       0 kB"))
		return 2;
	if (prey_use_vault(&rig, 1) < 0 ||
	    prey_attack("attack_routes", rig.pid, NULL, output) != 0)
		return 3;
	return vault_rig_stop(&rig);
}

static void without_memfd_secret_the_report_says_weaker(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int rc = start_without_memfd_secret();

		(void)fflush(stdout);
		_exit(rc);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "without memfd_secret the report says weaker",
		  without_memfd_secret_the_report_says_weaker },
		{ "without lockable memory the vault refuses to start",
		  without_lockable_memory_the_vault_refuses_to_start },
		{ "where it may, the vault starts without lockable memory",
		  where_it_may_the_vault_starts_without_lockable_memory },
		{ "64 KiB of lockable memory are enough",
		  sixty_four_locked_kilobytes_are_enough },
	};

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && prey_open_tools(argv[1], argv[0]) < 0)
		return 99;
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
