/* attack_vault root|user TOOLS-DIRECTORY
 *
 * A real vault, loaded and used, against root's memory readers or against
 * every route of another process of the same user; each attack is first shown
 * to succeed against a plain process.  As root, "user" becomes uid 65534 by an
 * exec, so that its processes begin as any user's do.
 */
#include "agent/seal/seal.h"
#include "protocol/base/fd.h"
#include "tests/attack/prey.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY          65534
#define SIGNATURE_COUNT 1000
#define CORE_FLAG       0x80
/* A number that survives the exec; the shell and meson use the low ones. */
#define TOOLS_FD 100

static char output[PREY_OUTPUT_MAX]; /* NOLINT(*-non-const-global-variables) */

static const char *const memory_routes[] = { "mem", "vm_readv", "ptrace",
	                                     "gcore" };
#define MEMORY_ROUTES (sizeof(memory_routes) / sizeof(memory_routes[0]))

/* ---- against root ---- */

static void roots_readers_find_no_secret_in_the_vault(void)
{
	static struct vault_rig rig;

	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(prey_use_vault(&rig, SIGNATURE_COUNT) == 0);
	CHECK(prey_attack(TOOLS_FD, "attack_memory", rig.pid, &rig, output) ==
	      0);
	/* They read, and found nothing; only gcore may be missing. */
	for (size_t i = 0; i < MEMORY_ROUTES - 1; i++)
		CHECK(prey_hits(output, memory_routes[i]) == 0);
	CHECK(prey_hits(output, "gcore") <= 0);
	CHECK(prey_use_vault(&rig, 1) == 0);
	CHECK(vault_rig_stop(&rig) == 0);
}

static void the_same_readers_find_them_in_a_plain_process(void)
{
	static struct vault_rig rig;
	int pid;

	vault_rig_init(&rig);
	vault_rig_make_secrets(&rig);
	pid = prey_start_plain(&rig);
	CHECK(pid > 0);
	CHECK(prey_attack(TOOLS_FD, "attack_memory", pid, &rig, output) == 1);
	for (size_t i = 0; i < MEMORY_ROUTES - 1; i++)
		CHECK(prey_hits(output, memory_routes[i]) > 0);
	CHECK(prey_hits(output, "gcore") != 0);
	CHECK(prey_kill(pid, SIGKILL) == SIGKILL);
}

static bool status_has(int pid, const char *line)
{
	static char status[8192];
	char path[64], wanted[128];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	len = fread(status, 1, sizeof(status) - 1, file);
	(void)fclose(file);
	status[len] = '\0';
	(void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	return strstr(status, wanted) != NULL;
}

static bool shares_namespace(int pid, const char *name)
{
	struct stat own, other;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (stat(path, &own) < 0)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	return stat(path, &other) < 0 || own.st_ino == other.st_ino;
}

static size_t count_descriptors(int pid)
{
	char path[64];
	size_t count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.' ? 1 : 0;
	(void)closedir(dir);
	return count;
}

static bool is_held(const struct vault_rig *rig, const char *name)
{
	for (size_t i = 0; i < rig->measure_count; i++) {
		if (strcmp(rig->measures[i].name, name) == 0)
			return rig->measures[i].state == MEASURE_HELD;
	}
	return false;
}

static void what_the_report_says_is_seen_from_outside(void)
{
	static const char *const namespaces[] = { "user", "net", "ipc", "uts" };
	static struct vault_rig rig;

	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(prey_use_vault(&rig, 1) == 0);
	CHECK(status_has(rig.pid, "Seccomp:\t2"));
	CHECK(status_has(rig.pid, "NoNewPrivs:\t1"));
	CHECK(status_has(rig.pid, "CapEff:\t0000000000000000"));
	CHECK(status_has(rig.pid, "CapPrm:\t0000000000000000"));
	CHECK(status_has(rig.pid, "CapBnd:\t0000000000000000"));
	CHECK(status_has(rig.pid, "CapAmb:\t0000000000000000"));
	CHECK(count_descriptors(rig.pid) == 2);
	for (size_t i = 0; is_held(&rig, "own namespaces") && i < 4; i++)
		CHECK(!shares_namespace(rig.pid, namespaces[i]));
	CHECK(vault_rig_stop(&rig) == 0);
}

/* ---- against the same user ---- */

static void no_route_into_the_vault_works(void)
{
	static struct vault_rig rig;

	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(prey_use_vault(&rig, SIGNATURE_COUNT) == 0);
	CHECK(prey_attack(TOOLS_FD, "attack_routes", rig.pid, NULL, output) ==
	      0);
	CHECK(strstr(output, "\n0 routes work\n"));
	CHECK(prey_attack(TOOLS_FD, "attack_memory", rig.pid, &rig, output) ==
	      0);
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
	CHECK(prey_attack(TOOLS_FD, "attack_routes", pid, NULL, output) == 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(line, sizeof(line), "route %s: works\n",
		               names[i]);
		if (!strstr(output, line))
			test_fail(__FILE__, __LINE__, line);
	}
	CHECK(prey_attack(TOOLS_FD, "attack_memory", pid, &rig, output) == 1);
	CHECK(prey_hits(output, "mem") > 0);
	CHECK(prey_kill(pid, SIGKILL) == SIGKILL);
}

static void remove_files(const char *path)
{
	DIR *dir = opendir(path);

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
		(void)raise(SIGSEGV);
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
	if (limit.rlim_max > 0)
		CHECK(crash(false) == (SIGSEGV | CORE_FLAG));
	else
		(void)printf("# no control: this session allows no core\n");

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
		(void)alarm(60);
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
	CHECK(vault_rig_stop(&rig) == 1);
	limit_locked(64UL * 1024);
}

static void sixty_four_locked_kilobytes_are_enough(void)
{
	static struct vault_rig rig;

	limit_locked(64UL * 1024);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(prey_use_vault(&rig, SIGNATURE_COUNT) == 0);
	CHECK(is_held(&rig, "secret memory"));
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
	if (is_held(&rig, "secret memory") ||
	    status_has(rig.pid, "VmLck:\t       0 kB"))
		return 2;
	if (prey_use_vault(&rig, 1) < 0 ||
	    prey_attack(TOOLS_FD, "attack_routes", rig.pid, NULL, output) != 0)
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

static int run_root(void)
{
	static const struct test tests[] = {
		{ "root's readers find the secrets in a plain process",
		  the_same_readers_find_them_in_a_plain_process },
		{ "root's readers find no secret in the vault",
		  roots_readers_find_no_secret_in_the_vault },
		{ "what the report says is seen from outside",
		  what_the_report_says_is_seen_from_outside },
	};

	if (geteuid() != 0) {
		(void)printf("1..0 # SKIP only root can try root's readers\n");
		return 0;
	}
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}

static int run_user(void)
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
		{ "without memfd_secret the report says weaker",
		  without_memfd_secret_the_report_says_weaker },
		{ "without lockable memory the vault refuses to start",
		  without_lockable_memory_the_vault_refuses_to_start },
		{ "64 KiB of lockable memory are enough",
		  sixty_four_locked_kilobytes_are_enough },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}

static int become_nobody(void)
{
	char *argv[] = { (char[]){ "attack_vault" }, (char[]){ "user" }, NULL };

	if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 99;
	(void)execveat(TOOLS_FD, "attack_vault", argv, environ, 0);
	return 99;
}

int main(int argc, char **argv)
{
	bool is_user = argc >= 2 && strcmp(argv[1], "user") == 0;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3) {
		int fd = open(argv[2], O_PATH | O_DIRECTORY);

		if (fd < 0 || dup2(fd, TOOLS_FD) < 0)
			return 99;
		(void)close(fd);
		if (is_user && geteuid() == 0)
			return become_nobody();
	}
	return is_user ? run_user() : run_root();
}
