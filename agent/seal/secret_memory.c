#include "agent/seal/secret_memory.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Nothing is mapped this far below and above, so that an overrun ends the
 * process instead of reaching ordinary memory. */
#define GUARD_SIZE (64UL * 1024)

/* The pages leave the kernel's own map; no reader from outside gets at them
 * (root's /proc/PID/mem, process_vm_readv and gcore: measured).  Touching them
 * here makes a shortage an error now rather than a SIGBUS later. */
static int map_memfd_secret(uint8_t *at, size_t size)
{
	cleanup_close int fd = -1;
	const void *mapped;

	fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	mapped = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
	              fd, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	if (madvise(at, size, MADV_DONTFORK) < 0)
		return -errno;

	explicit_bzero(at, size);
	return 0;
}

/* Merging is off unless a process asks for it, and kernels without KSM answer
 * EINVAL: the one advice that may fail. */
static int map_ordinary(uint8_t *at, size_t size)
{
	const void *mapped = mmap(at, size, PROT_READ | PROT_WRITE,
	                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	                          0);

	if (mapped == MAP_FAILED)
		return -errno;
	if (madvise(at, size, MADV_DONTDUMP) < 0 ||
	    madvise(at, size, MADV_WIPEONFORK) < 0)
		return -errno;

	(void)madvise(at, size, MADV_UNMERGEABLE);
	return 0;
}

static bool is_missing(int rc)
{
	return rc == -ENOSYS || rc == -EPERM;
}

static bool is_short(int rc)
{
	return rc == -EAGAIN || rc == -ENOMEM;
}

/* A limit of 0 is EPERM to mlock(2), and a shortage like any other to us. */
static int map_locked(const struct secret_memory *memory)
{
	int rc = map_ordinary(memory->at, memory->size);

	if (rc < 0)
		return rc;
	if (mlock(memory->at, memory->size) == 0)
		return 0;
	return errno == EPERM ? -EAGAIN : -errno;
}

static int map_best(struct secret_memory *memory, struct report *report)
{
	const size_t kib = memory->size / 1024;
	int why = map_memfd_secret(memory->at, memory->size);
	int rc;

	if (why == 0) {
		memory->is_memfd_secret = true;
		report_add(report, "secret memory", MEASURE_HELD,
		           "memfd_secret, %zu KiB", kib);
		return 0;
	}
	if (!is_missing(why))
		return why;

	rc = map_locked(memory);
	if (rc < 0)
		return rc;
	report_add(report, "secret memory", MEASURE_WEAKER,
	           "locked pages, %zu KiB, which root can read; memfd_secret: "
	           "%s (Linux 6.5, or secretmem.enable=1)",
	           kib, strerrordesc_np(-why));
	return 0;
}

/* What could not be mapped may have been mapped in part: MAP_FIXED replaces
 * it. */
static int map_any(const struct secret_memory *memory, struct report *report)
{
	int rc = map_ordinary(memory->at, memory->size);

	if (rc < 0)
		return rc;
	report_add(report, "secret memory", MEASURE_ABSENT,
	           "ordinary pages, %zu KiB, which root can read and which may "
	           "be swapped out: RLIMIT_MEMLOCK (ulimit -l) is too low",
	           memory->size / 1024);
	return 0;
}

static void unreserve(const struct secret_memory *memory)
{
	(void)munmap(memory->at - GUARD_SIZE, memory->size + 2 * GUARD_SIZE);
}

int secret_memory_map(size_t size, enum secret_memory_demand demand,
                      struct report *report, struct secret_memory *ret_memory)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct secret_memory memory = {
		.size = (size + page - 1) / page * page,
	};
	uint8_t *reserved;
	int rc;

	reserved = mmap(NULL, memory.size + 2 * GUARD_SIZE, PROT_NONE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (reserved == MAP_FAILED)
		return -errno;

	memory.at = reserved + GUARD_SIZE;
	rc = map_best(&memory, report);
	if (is_short(rc) && demand == SECRET_MEMORY_ANY)
		rc = map_any(&memory, report);
	if (rc < 0) {
		unreserve(&memory);
		return rc;
	}

	*ret_memory = memory;
	return 0;
}

void secret_memory_unmap(struct secret_memory *memory)
{
	if (!memory->at)
		return;
	explicit_bzero(memory->at, memory->size);
	unreserve(memory);
	*memory = (struct secret_memory){ 0 };
}
