/* test_vault_against_user TOOLS-DIRECTORY
 *
 * A real vault, loaded and used, against every route of another process of the
 * same user; each attack is first shown to succeed against a plain process.
 * Root becomes uid 65534 by an exec first, so that its processes begin as any
 * user's do.
 */
#include "agent/seal/seal.h"
#include "protocol/base/fd.h"
#include "tests/attack/prey.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNATURE_COUNT 1000
#define CORE_FLAG       0x80

static char output[PREY_OUTPUT_MAX]; /* NOLINT(*-non-const-global-variables) */

static const char *const memory_routes[] = { "mem", "vm_readv", "ptrace",
	                                     "gcore" };
#define MEMORY_ROUTES (sizeof(memory_routes) / sizeof(memory_routes[0]))

static void no_route_into_the_vault_works(void)
{
	static struct vault_rig rig;

	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(prey_use_vault(&rig, SIGNATURE_COUNT) == 0);
	CHECK(prey_attack("attack_routes", rig.pid, NULL, output) == 0);
	CHECK(strstr(output, "\n0 routes work\n"));
	CHECK(prey_attack("attack_memory", rig.pid, &rig, output) == 0);
	for (size_t i = 0; i < MEMORY_ROUTES; i++)
		CHECK(prey_hits(output, memory_routes[i]) == -1);
	CHECK(prey_use_vault(&rig, 1) == 0);
	CHECK(vault_rig_stop(&rig) == 0);
}

static void the_same_routes_work_into_a_plain_process(void)
{
	static const char *const names[] = {
		"mem",
		"maps",
		"environ",
		"fd/0",
		"fd",
		"process_vm_readv",
		"process_vm_writev",
		"ptrace",
		"pidfd_getfd",
	};
	static struct vault_rig rig;
	char line[64];
	int pid;

	vault_rig_init(&rig);
	vault_rig_make_secrets(&rig);
	pid = prey_start_plain(&rig);
	CHECK(pid > 0);
	CHECK(prey_attack("attack_routes", pid, NULL, output) == 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(line, sizeof(line), "route %s: works\n",
		               names[i]);
		if (!strstr(output, line))
			test_fail(__FILE__, __LINE__, line);
	}
	CHECK(prey_attack("attack_memory", pid, &rig, output) == 1);
	CHECK(prey_hits(output, "mem") > 0);
	CHECK(prey_kill(pid, SIGKILL) == SIGKILL);
}

static void remove_files(const char *path)
{
	DIR *dir = opendir(path);

	/* cppcheck-suppress readdirCalled; there are no threads here */
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		(void)unlink(entry->d_name);
	if (dir)
		(void)closedir(dir);
}

/* Only SIGTERM and what cannot be blocked reach it. */
static void no_signal_makes_the_vault_dump_core(void)
{
	static const int signals[] = { SIGQUIT, SIGSEGV, SIGABRT, SIGBUS,
		                       SIGFPE,  SIGILL,  SIGSYS,  SIGTRAP };
	static struct vault_rig rig;

	CHECK(vault_rig_start_loaded(&rig) == 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		CHECK(kill(rig.pid, signals[i]) == 0);
	CHECK(prey_use_vault(&rig, 1) == 0);
	CHECK(prey_kill(rig.pid, SIGTERM) == SIGTERM);
	CHECK(vault_rig_stop(&rig) == -1);
}

/* The signal that ended it, with CORE_FLAG. */
static int crash(bool is_sealed)
{
	struct report report = { .process = "test" };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (is_sealed && seal_start(&report) < 0)
			_exit(1);
		(void)kill(getpid(), SIGSEGV);
		_exit(1);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return -1;
	return WTERMSIG(status) | (WCOREDUMP(status) ? CORE_FLAG : 0);
}

/* In a directory of its own, where the unsealed process leaves its core. */
static void a_crash_leaves_no_core(void)
{
	char dir[] = "/tmp/attack-XXXXXX";
	struct rlimit limit;

	CHECK(mkdtemp(dir) && chdir(dir) == 0);
	CHECK(getrlimit(RLIMIT_CORE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_CORE, &limit) == 0);

	CHECK(crash(true) == SIGSEGV);
	if (limit.rlim_max == 0)
		(void)printf("# no control: this session allows no core\n");
	CHECK(limit.rlim_max == 0 || crash(false) == (SIGSEGV | CORE_FLAG));

	remove_files(dir);
	CHECK(chdir("/") == 0 && rmdir(dir) == 0);
}

/* Starts a vault, leaves both its other ends with a process that says its pid
 * through out, and dies: only the parent is gone. */
static void be_a_short_launcher(int out)
{
	static struct vault_rig rig;
	pid_t holder;

	if (vault_rig_start_loaded(&rig) < 0)
		_exit(1);
	holder = fork();
	if (holder == 0) {
		(void)alarm(10);
		(void)pause();
	}
	if (fd_write_full(out, &holder, sizeof(holder)) == 0)
		(void)kill(getpid(), SIGKILL);
	_exit(1);
}

static void the_vault_dies_with_its_parent(void)
{
	pid_t launcher, holder = -1, orphan;
	int status, fds[2];

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	CHECK(pipe(fds) == 0);
	launcher = fork();
	if (launcher == 0)
		be_a_short_launcher(fds[1]);
	CHECK(fd_read_full(fds[0], &holder, sizeof(holder)) == sizeof(holder));
	CHECK(waitpid(launcher, &status, 0) == launcher);
	CHECK(WIFSIGNALED(status));

	orphan = waitpid(-1, &status, 0);
	CHECK(orphan > 0 && orphan != holder);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(prey_kill(holder, SIGKILL) == SIGKILL);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "every route works into a plain process of the same user",
		  the_same_routes_work_into_a_plain_process },
		{ "no route into the vault works",
		  no_route_into_the_vault_works },
		{ "no signal makes the vault dump core",
		  no_signal_makes_the_vault_dump_core },
		{ "a crash leaves no core", a_crash_leaves_no_core },
		{ "the vault dies with its parent",
		  the_vault_dies_with_its_parent },
	};

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && prey_open_tools(argv[1], argv[0]) < 0)
		return 99;
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
