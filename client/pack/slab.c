#include "client/pack/slab.h"

#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 * 1024 * 1024)

/* A huge page begins at a multiple of its size. */
static uint8_t *map_aligned(size_t size)
{
	size_t whole = size + HUGE_PAGE, before;
	uint8_t *aligned, *at = mmap(NULL, whole, PROT_READ | PROT_WRITE,
	                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	before = (HUGE_PAGE - (uintptr_t)at % HUGE_PAGE) % HUGE_PAGE;
	aligned = at + before;
	(void)munmap(aligned + size, whole - before - size);
	if (before > 0)
		(void)munmap(at, before);
	return aligned;
}

uint8_t *slab_new(void)
{
	uint8_t *slab = map_aligned(SLAB_SIZE);

	if (slab)
		(void)madvise(slab, SLAB_SIZE, MADV_HUGEPAGE);
	return slab;
}

void slab_free(uint8_t *slab)
{
	if (slab)
		(void)munmap(slab, SLAB_SIZE);
}
