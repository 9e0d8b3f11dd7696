/* attack_memory PID [ROUTE] < NEEDLES
 *
 * Reads all memory of a process by every route there is (mem, vm_readv, ptrace,
 * gcore) and its registers, or by the one route that is named, and says how
 * often the needles (see needles.h) are in it:
 *
 *   route mem: 9412608 bytes, 0 hits
 *   route ptrace: refused: Operation not permitted
 *
 * Exit status 0: no hit; 1: hits; 2: wrong usage.
 */
#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"
#include "tests/attack/needles.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE       4096UL
#define CHUNK      (64UL * 1024)
#define HITS_SHOWN 8

enum route {
	ROUTE_MEM,
	ROUTE_VM_READV,
	ROUTE_PTRACE,
	ROUTE_REGISTERS,
	ROUTE_GCORE,
	ROUTE_COUNT,
};

static const char *const route_names[] = { "mem", "vm_readv", "ptrace",
	                                   "registers", "gcore" };
_Static_assert(sizeof(route_names) / sizeof(route_names[0]) == ROUTE_COUNT,
               "every route has a name");

struct attack {
	enum route route;
	pid_t pid;
	int fd; /* of mem, or of a core file */
	const struct needles *needles;
	uint8_t window[NEEDLE_LEN_MAX + CHUNK]; /* a tail and a chunk */
	size_t tail;
	unsigned long long byte_count;
	unsigned long long hit_count;
};

/* A word at a time, up to the first that is refused. */
static ssize_t peek(pid_t pid, unsigned long address, uint8_t *out, size_t len)
{
	size_t got = 0;

	while (got + sizeof(long) <= len) {
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, address + got, NULL);
		if (errno != 0)
			break;
		memcpy(out + got, &word, sizeof(word));
		got += sizeof(word);
	}
	return got > 0 ? (ssize_t)got : -1;
}

static ssize_t read_some(const struct attack *attack, unsigned long address,
                         uint8_t *out, size_t len)
{
	struct iovec local = { out, len };
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): of another process */
	struct iovec remote = { (void *)address, len };

	switch (attack->route) {
	case ROUTE_MEM:
	case ROUTE_GCORE:
		return pread(attack->fd, out, len, (off_t)address);
	case ROUTE_VM_READV:
		return process_vm_readv(attack->pid, &local, 1, &remote, 1, 0);
	case ROUTE_PTRACE:
		return peek(attack->pid, address, out, len);
	case ROUTE_REGISTERS:
	case ROUTE_COUNT:
		break;
	}
	return -1;
}

/* What fits into the window's tail has been seen, but a needle may begin in
 * it and end in what comes next. */
static void search(struct attack *attack, unsigned long address, size_t len)
{
	const struct bytes window = { attack->window, attack->tail + len };
	const struct needle *needle;
	size_t at = 0;

	attack->byte_count += len;
	while ((needle = needles_find(attack->needles, window, &at))) {
		if (at - 1 + needle->len <= attack->tail)
			continue;
		if (attack->hit_count++ >= HITS_SHOWN)
			continue;
		(void)printf("hit %s: %s at %#llx\n",
		             route_names[attack->route], needle->name,
		             (unsigned long long)address + at - 1 -
		                     attack->tail);
	}

	attack->tail = window.len < NEEDLE_LEN_MAX - 1 ? window.len
	                                               : NEEDLE_LEN_MAX - 1;
	memmove(attack->window, window.data + window.len - attack->tail,
	        attack->tail);
}

static void scan(struct attack *attack, unsigned long start, unsigned long end)
{
	attack->tail = 0;
	while (start < end) {
		size_t len = end - start < CHUNK ? end - start : CHUNK;
		ssize_t n = read_some(attack, start,
		                      attack->window + attack->tail, len);

		if (n > 0) {
			search(attack, start, (size_t)n);
			start += (unsigned long)n;
			continue;
		}
		if (n == 0 && attack->route == ROUTE_GCORE)
			break;
		/* One page that cannot be read does not hide the next. */
		attack->tail = 0;
		start = (start / PAGE + 1) * PAGE;
	}
}

static FILE *open_maps(pid_t pid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	return fopen(path, "re");
}

/* What malloc(3) has reserved is large, and a word at a time takes long; the
 * route by mem reads the same pages. */
static bool is_worth(const struct attack *attack, const char *access)
{
	return attack->route != ROUTE_PTRACE || strncmp(access, "---", 3) != 0;
}

/* 0 or -errno. */
static int scan_maps(struct attack *attack)
{
	FILE *maps = open_maps(attack->pid);
	char line[PATH_MAX + 128];

	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		char access[5];

		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
		if (sscanf(line, "%lx-%lx %4s", &start, &end, access) == 3 &&
		    !strstr(line, "[vsyscall]") && is_worth(attack, access))
			scan(attack, start, end);
	}
	(void)fclose(maps);
	return 0;
}

static int attack_mem(struct attack *attack)
{
	char path[64];
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)attack->pid);
	attack->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (attack->fd < 0)
		return -errno;

	rc = scan_maps(attack);
	(void)close(attack->fd);
	return rc;
}

/* Each set in a window of its own; what a processor has not is passed over. */
static int scan_registers(struct attack *attack)
{
	static const long sets[] = { NT_PRSTATUS, NT_PRFPREG, NT_X86_XSTATE };

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct iovec into = { attack->window, CHUNK };

		attack->tail = 0;
		if (ptrace(PTRACE_GETREGSET, attack->pid, sets[i], &into) == 0)
			search(attack, 0, into.iov_len);
	}
	return attack->byte_count > 0 ? 0 : -errno;
}

static int attack_stopped(struct attack *attack,
                          int (*scan_it)(struct attack *attack))
{
	const pid_t pid = attack->pid;
	int rc;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 ||
	    waitpid(pid, NULL, __WALL) != pid)
		return -errno;

	rc = scan_it(attack);
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return rc;
}

static int run_gcore(pid_t pid, const char *prefix)
{
	char pid_text[16];
	pid_t child;
	int status;

	(void)snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	(void)fflush(stdout);
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		if (!freopen("/dev/null", "w", stdout) ||
		    !freopen("/dev/null", "w", stderr))
			_exit(127);
		(void)execlp("gcore", "gcore", "-a", "-o", prefix, pid_text,
		             (char *)NULL);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int scan_core(struct attack *attack, const char *path)
{
	struct stat st;

	attack->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (attack->fd < 0 || fstat(attack->fd, &st) < 0)
		return -errno;

	scan(attack, 0, (unsigned long)st.st_size);
	(void)close(attack->fd);
	return 0;
}

static int attack_gcore(struct attack *attack)
{
	char dir[] = "/tmp/attack-XXXXXX";
	char prefix[64], core[96];
	int rc;

	if (!mkdtemp(dir))
		return -errno;
	(void)snprintf(prefix, sizeof(prefix), "%s/core", dir);
	(void)snprintf(core, sizeof(core), "%s.%d", prefix, (int)attack->pid);
	rc = run_gcore(attack->pid, prefix);
	if (rc == 0)
		rc = scan_core(attack, core);
	(void)unlink(core);
	(void)rmdir(dir);
	return rc;
}

static int attack_by(struct attack *attack)
{
	switch (attack->route) {
	case ROUTE_MEM:
		return attack_mem(attack);
	case ROUTE_VM_READV:
		return scan_maps(attack);
	case ROUTE_PTRACE:
		return attack_stopped(attack, scan_maps);
	case ROUTE_REGISTERS:
		return attack_stopped(attack, scan_registers);
	case ROUTE_GCORE:
		return attack_gcore(attack);
	case ROUTE_COUNT:
		break;
	}
	return -EINVAL;
}

/* The number of hits. */
static unsigned long long try_route(struct attack *attack)
{
	int rc;

	attack->byte_count = 0;
	attack->hit_count = 0;
	rc = attack_by(attack);
	if (rc < 0) {
		(void)printf("route %s: refused: %s\n",
		             route_names[attack->route], strerror(-rc));
	} else {
		(void)printf("route %s: %llu bytes, %llu hits\n",
		             route_names[attack->route], attack->byte_count,
		             attack->hit_count);
	}
	return attack->hit_count;
}

int main(int argc, char **argv)
{
	cleanup_free struct attack *attack = calloc(1, sizeof(*attack));
	struct needles *needles = needles_read(STDIN_FILENO);
	unsigned long long hits = 0;
	uint64_t pid;

	if (argc < 2 || argc > 3 || number_parse(argv[1], INT_MAX, &pid) < 0 ||
	    !needles || !attack) {
		(void)fprintf(stderr,
		              "usage: attack_memory PID [ROUTE] < NEEDLES\n");
		return 2;
	}

	attack->pid = (pid_t)pid;
	attack->needles = needles;
	for (unsigned int route = 0; route < ROUTE_COUNT; route++) {
		if (argc == 3 && strcmp(argv[2], route_names[route]) != 0)
			continue;
		attack->route = route;
		hits += try_route(attack);
	}
	needles_free(needles);
	return hits > 0 ? 1 : 0;
}
