/* test_vault_against_root TOOLS-DIRECTORY
 *
 * A real vault, loaded and used, against root's memory readers, each of which
 * is first shown to succeed against a plain process.
 */
#include "tests/attack/prey.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIGNATURE_COUNT 1000

static char output[PREY_OUTPUT_MAX]; /* NOLINT(*-non-const-global-variables) */

static const char *const memory_routes[] = { "mem", "vm_readv", "ptrace",
	                                     "gcore" };
#define MEMORY_ROUTES (sizeof(memory_routes) / sizeof(memory_routes[0]))

static void roots_readers_find_no_secret_in_the_vault(void)
{
	static struct vault_rig rig;

	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(prey_use_vault(&rig, SIGNATURE_COUNT) == 0);
	CHECK(prey_attack("attack_memory", rig.pid, &rig, output) == 0);
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
	CHECK(prey_attack("attack_memory", pid, &rig, output) == 1);
	for (size_t i = 0; i < MEMORY_ROUTES - 1; i++)
		CHECK(prey_hits(output, memory_routes[i]) > 0);
	CHECK(prey_hits(output, "gcore") != 0);
	CHECK(prey_kill(pid, SIGKILL) == SIGKILL);
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
	/* cppcheck-suppress readdirCalled; there are no threads here */
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.' ? 1 : 0;
	(void)closedir(dir);
	return count;
}

static void what_the_report_says_is_seen_from_outside(void)
{
	static const char *const namespaces[] = { "user", "net", "ipc", "uts" };
	static struct vault_rig rig;

	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(prey_use_vault(&rig, 1) == 0);
	CHECK(prey_status_has(rig.pid, "Seccomp:\t2"));
	CHECK(prey_status_has(rig.pid, "NoNewPrivs:\t1"));
	CHECK(prey_status_has(rig.pid, "CapEff:\t0000000000000000"));
	CHECK(prey_status_has(rig.pid, "CapPrm:\t0000000000000000"));
	CHECK(prey_status_has(rig.pid, "CapBnd:\t0000000000000000"));
	CHECK(prey_status_has(rig.pid, "CapAmb:\t0000000000000000"));
	CHECK(count_descriptors(rig.pid) == 2);
	for (size_t i = 0;
	     prey_has(&rig, "own namespaces", MEASURE_HELD) && i < 4; i++)
		CHECK(!shares_namespace(rig.pid, namespaces[i]));
	CHECK(vault_rig_stop(&rig) == 0);
}

/* The map of memory in which address lies has text in its line. */
static bool lies_in(int pid, unsigned long address, const char *text)
{
	char line[4096];
	bool is_found = false;
	FILE *maps;

	(void)snprintf(line, sizeof(line), "/proc/%d/maps", pid);
	maps = fopen(line, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long start = 0, end = 0;

		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 &&
		    start <= address && address < end)
			is_found = strstr(line, text) != NULL;
	}
	if (maps)
		(void)fclose(maps);
	return is_found;
}

/* Where it waits: the call, six arguments, the stack and the program. */
static unsigned long stack_of(int pid)
{
	char text[256];
	unsigned long stack = 0;
	FILE *file;

	(void)snprintf(text, sizeof(text), "/proc/%d/syscall", pid);
	file = fopen(text, "re");
	if (file && fgets(text, sizeof(text), file)) {
		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
		if (sscanf(text, "%*d %*x %*x %*x %*x %*x %*x %lx", &stack) !=
		    1)
			stack = 0;
	}
	if (file)
		(void)fclose(file);
	return stack;
}

/* While it answers there is no such line: look until it waits. */
static void the_vault_runs_on_a_stack_in_secret_memory(void)
{
	static struct vault_rig rig;
	unsigned long stack = 0;

	CHECK(vault_rig_start_loaded(&rig) == 0);
	CHECK(prey_use_vault(&rig, 1) == 0);
	for (int i = 0; i < 1000000 && stack == 0; i++)
		stack = stack_of(rig.pid);
	CHECK(lies_in(rig.pid, stack,
	              prey_has(&rig, "secret memory", MEASURE_HELD)
	                      ? "secretmem"
	                      : ""));
	CHECK(!lies_in(rig.pid, stack, "[stack]"));
	CHECK(vault_rig_stop(&rig) == 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "root's readers find the secrets in a plain process",
		  the_same_readers_find_them_in_a_plain_process },
		{ "root's readers find no secret in the vault",
		  roots_readers_find_no_secret_in_the_vault },
		{ "the vault runs on a stack in secret memory",
		  the_vault_runs_on_a_stack_in_secret_memory },
		{ "what the report says is seen from outside",
		  what_the_report_says_is_seen_from_outside },
	};

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && prey_open_tools(argv[1], NULL) < 0)
		return 99;
	if (geteuid() != 0) {
		(void)printf("1..0 # SKIP only root can try root's readers\n");
		return 0;
	}
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
