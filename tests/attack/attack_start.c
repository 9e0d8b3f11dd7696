/* attack_start mem|ptrace WHEN PROGRAM ARGUMENT... < NEEDLES
 *
 * Starts a program and tries, from the fork on and without a pause, to get hold
 * of it while it still can be: to open the memory of it and of what it forks,
 * or to seize it and what it forks.  WHEN is a command for /bin/sh that ends when the program has
 * its secrets; then what was caught is used.
 *
 *   caught mem: 7 of 5231 attempts, 0 hits, 0 bytes
 *   caught ptrace: 1 of 17 attempts, 0 registers, ended with 71
 *
 * The bytes are those of the program itself that what was caught still reads.
 * Exit status 0: nothing came of it; 1: anything was read, or the registers of
 * a process that has the secrets; 2: wrong usage.
 */
#include "protocol/base/cleanup.h"
#include "tests/attack/needles.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAMILY 16 /* the program, and what it probably forks */
#define CHUNK  (64UL * 1024)

struct caught {
	int mem;
	int maps; /* opened beside it: it goes on telling, too */
};

struct attack {
	const struct needles *needles;
	bool is_ptrace;
	pid_t program;
	pid_t when;
	bool has_ended;
	int status;
	struct caught caught[FAMILY];
	unsigned long attempts;
	unsigned long catches;
	bool is_seized;
	uint8_t window[NEEDLE_LEN_MAX + CHUNK];
};

static int open_of(pid_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Later is better: after an exec the earlier one leads nowhere.  But the last
 * may come in time for the one file and too late for the other. */
static void catch_memory(struct attack *attack, size_t i)
{
	const pid_t pid = attack->program + (pid_t)i;
	struct caught *caught = &attack->caught[i];
	struct caught next = { open_of(pid, "mem"), -1 };

	attack->attempts += i == 0 ? 1 : 0;
	if (next.mem < 0)
		return;
	next.maps = open_of(pid, "maps");
	if (next.maps < 0) {
		(void)close(next.mem);
		return;
	}
	attack->catches += i == 0 ? 1 : 0;
	if (caught->mem >= 0) {
		(void)close(caught->mem);
		(void)close(caught->maps);
	}
	*caught = next;
}

static void seize(struct attack *attack)
{
	const long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
	                     PTRACE_O_TRACECLONE;

	if (attack->is_seized)
		return;
	attack->attempts++;
	if (ptrace(PTRACE_SEIZE, attack->program, NULL, options) < 0)
		return;
	attack->is_seized = true;
	attack->catches++;
}

/* False once there is nothing more to wait for. */
static bool take_events(struct attack *attack)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		const bool is_end = WIFEXITED(status) || WIFSIGNALED(status);

		if (pid == attack->when && is_end)
			return false;
		if (pid == attack->program && is_end) {
			attack->has_ended = true;
			attack->status = status;
			return false;
		}
		if (WIFSTOPPED(status)) {
			const int signal = WSTOPSIG(status);
			const bool is_event = (status >> 16) != 0;

			(void)ptrace(PTRACE_CONT, pid, NULL,
			             is_event ? 0L : (long)signal);
		}
	}
	return true;
}

/* What came of what was caught. */
struct gain {
	unsigned long hits;
	unsigned long bytes;
};

static void search_range(struct attack *attack, int mem, unsigned long start,
                         unsigned long end, struct gain *gain)
{
	size_t tail = 0;

	while (start < end) {
		size_t len = end - start < CHUNK ? end - start : CHUNK;
		ssize_t n =
			pread(mem, attack->window + tail, len, (off_t)start);
		struct bytes window = { attack->window, tail + (size_t)n };
		size_t at = 0;

		if (n <= 0)
			return;
		while (needles_find(attack->needles, window, &at))
			gain->hits++;
		gain->bytes += (unsigned long)n;
		start += (unsigned long)n;
		tail = window.len < NEEDLE_LEN_MAX ? window.len
		                                   : NEEDLE_LEN_MAX;
		memmove(attack->window, window.data + window.len - tail, tail);
	}
}

static void search_maps(struct attack *attack, FILE *maps, int mem,
                        struct gain *gain)
{
	unsigned long from, to;
	char line[512];

	while (fgets(line, sizeof(line), maps)) {
		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2 &&
		    !strstr(line, "[vsyscall]"))
			search_range(attack, mem, from, to, gain);
	}
}

/* Neighbours by number may be anybody's: of them only the hits count. */
static struct gain search_caught(struct attack *attack)
{
	struct gain all = { 0, 0 };

	for (size_t i = 0; i < FAMILY; i++) {
		const struct caught *caught = &attack->caught[i];
		FILE *maps = caught->maps >= 0 ? fdopen(caught->maps, "r")
		                               : NULL;
		struct gain gain = { 0, 0 };

		if (!maps)
			continue;
		search_maps(attack, maps, caught->mem, &gain);
		(void)fclose(maps);
		all.hits += gain.hits;
		all.bytes += i == 0 ? gain.bytes : 0;
	}
	return all;
}

/* Of the program, if it is still held: a tracer then makes it do anything. */
static unsigned long take_registers(const struct attack *attack)
{
	struct user_regs_struct registers;
	struct iovec into = { &registers, sizeof(registers) };
	int status;

	if (!attack->is_seized || attack->has_ended ||
	    ptrace(PTRACE_INTERRUPT, attack->program, NULL, NULL) < 0 ||
	    waitpid(attack->program, &status, __WALL) != attack->program ||
	    !WIFSTOPPED(status))
		return 0;
	/* 1: the general registers, NT_PRSTATUS. */
	return ptrace(PTRACE_GETREGSET, attack->program, 1L, &into) == 0 ? 1
	                                                                 : 0;
}

/* The first processor we may have, or any but that: who watches another's
 * first moment must run beside it. */
static void take_processor(bool is_first)
{
	cpu_set_t ours, all;
	size_t first = 0;

	if (sched_getaffinity(0, sizeof(all), &all) < 0 || CPU_COUNT(&all) < 2)
		return;
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&ours);
	CPU_SET(first, &ours);
	CPU_CLR(first, &all);
	(void)sched_setaffinity(0, sizeof(ours), is_first ? &ours : &all);
}

/* Whichever side comes first makes it a group, to be killed as one. */
static pid_t start(char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		take_processor(false);
		(void)setpgid(0, 0);
		(void)execv(argv[0], argv);
		_exit(127);
	}
	(void)setpgid(pid, pid);
	return pid;
}

/* The program itself every time, and one of its family. */
static void run(struct attack *attack)
{
	size_t i = 0;

	do {
		if (attack->is_ptrace) {
			seize(attack);
			continue;
		}
		catch_memory(attack, 0);
		i = i % (FAMILY - 1) + 1;
		catch_memory(attack, i);
	} while (take_events(attack));
}

static void end(const struct attack *attack)
{
	if (!attack->has_ended) {
		(void)kill(-attack->program, SIGKILL);
		(void)waitpid(attack->program, NULL, __WALL);
	}
	(void)kill(-attack->when, SIGKILL);
	(void)waitpid(attack->when, NULL, 0);
}

static bool report(struct attack *attack)
{
	struct gain gain = { 0, 0 };
	unsigned long registers = 0;

	(void)printf("caught %s: %lu of %lu attempts, ",
	             attack->is_ptrace ? "ptrace" : "mem", attack->catches,
	             attack->attempts);
	if (attack->is_ptrace) {
		registers = take_registers(attack);
		(void)printf("%lu registers", registers);
	} else {
		gain = search_caught(attack);
		(void)printf("%lu hits, %lu bytes", gain.hits, gain.bytes);
	}
	if (attack->has_ended && WIFEXITED(attack->status))
		(void)printf(", ended with %d", WEXITSTATUS(attack->status));
	(void)printf("\n");
	return registers > 0 || gain.hits > 0 || gain.bytes > 0;
}

int main(int argc, char **argv)
{
	cleanup_free struct attack *attack = calloc(1, sizeof(*attack));
	struct needles *needles = needles_read(STDIN_FILENO);
	bool has_gained;

	if (argc < 4 || !attack || !needles) {
		(void)fprintf(stderr, "usage: attack_start mem|ptrace WHEN "
		                      "PROGRAM ARGUMENT... < NEEDLES\n");
		return 2;
	}
	attack->needles = needles;
	attack->is_ptrace = strcmp(argv[1], "ptrace") == 0;
	for (size_t i = 0; i < FAMILY; i++)
		attack->caught[i] = (struct caught){ -1, -1 };

	attack->when = start((char *const[]){
		(char[]){ "/bin/sh" }, (char[]){ "-c" }, argv[2], NULL });
	attack->program = start(argv + 3);
	if (attack->when < 0 || attack->program < 0)
		return 2;
	take_processor(true);
	run(attack);
	has_gained = report(attack);
	end(attack);
	needles_free(needles);
	return has_gained ? 1 : 0;
}
