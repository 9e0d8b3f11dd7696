#include "client/keygen/locked_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int locked_memory_map(size_t size, struct locked_memory *ret_memory)
{
	struct locked_memory memory = { .size = size };
	int rc = 0;

	memory.at = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory.at == MAP_FAILED)
		return -errno;
	if (mlock(memory.at, size) < 0 ||
	    madvise(memory.at, size, MADV_DONTDUMP) < 0 ||
	    madvise(memory.at, size, MADV_WIPEONFORK) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)munmap(memory.at, size);
		return rc;
	}
	*ret_memory = memory;
	return 0;
}

void locked_memory_unmap(struct locked_memory *memory)
{
	if (!memory->at)
		return;
	explicit_bzero(memory->at, memory->size);
	(void)munmap(memory->at, memory->size);
	*memory = (struct locked_memory){ .at = NULL };
}

int locked_memory_hide_process(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return 0;
}
