#include "client/pack/region.h"

#include "client/pack/slab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Also keeps the number of mappings small: the kernel's limit for a process
 * is 65530 (vm.max_map_count). */
#define MAPPED_MIN  ((size_t)128 * 1024)
#define CHARGE_STEP 4096U

static bool is_mapped(size_t size)
{
	return size >= MAPPED_MIN;
}

/* What a block needs, whatever is compressed with. */
static bool fits_slab(size_t size)
{
	return size >= PACK_BLOCK_SIZE && size <= SLAB_SIZE;
}

static uint8_t *memory_new(size_t size)
{
	void *memory;

	if (!is_mapped(size))
		return malloc(size > 0 ? size : 1);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void memory_free(uint8_t *memory, size_t size)
{
	if (is_mapped(size)) {
		(void)munmap(memory, size);
	} else {
		free(memory);
	}
}

/* Keeps the first len bytes.  NULL: nothing has changed. */
static uint8_t *memory_resize(uint8_t *memory, size_t old, size_t new,
                              size_t len)
{
	uint8_t *moved;

	if (is_mapped(old) && is_mapped(new)) {
		void *at = mremap(memory, old, new, MREMAP_MAYMOVE);

		return at == MAP_FAILED ? NULL : at;
	}
	moved = memory_new(new);
	if (!moved)
		return NULL;
	memcpy(moved, memory, len);
	memory_free(memory, old);
	return moved;
}

uint64_t region_charge(size_t size)
{
	if (fits_slab(size))
		return SLAB_SIZE;
	return ((uint64_t)size + CHARGE_STEP - 1) / CHARGE_STEP * CHARGE_STEP;
}

static uint8_t *region_memory(struct budget *budget, size_t size)
{
	if (fits_slab(size))
		return budget_slab(budget);
	budget_make_room(budget);
	return memory_new(size);
}

int region_init(struct region *region, struct budget *budget, size_t size)
{
	uint8_t *memory = region_memory(budget, size);

	if (!memory) {
		budget_give(budget, region_charge(size));
		return -ENOMEM;
	}
	*region = (struct region){
		.data = memory,
		.size = fits_slab(size) ? SLAB_SIZE : size,
		.is_slab = fits_slab(size),
		.charge = region_charge(size),
		.budget = budget_share(budget),
	};
	return 0;
}

void region_clear(struct region *region)
{
	if (!region->budget)
		return;
	if (region->is_slab) {
		budget_give_slab(region->budget, region->data, region->charge);
	} else {
		memory_free(region->data, region->size);
		budget_give(region->budget, region->charge);
	}
	budget_release(region->budget);
	*region = (struct region){ .data = NULL };
}

/* The charge never grows here: what is appended brings its own.  A slab that
 * is made larger or smaller is none any more. */
static int resize(struct region *region, size_t size, uint64_t charge)
{
	uint8_t *memory;

	if (size != region->size) {
		memory = memory_resize(region->data, region->size, size,
		                       region->len);
		if (!memory)
			return -ENOMEM;
		region->data = memory;
		region->size = size;
		region->is_slab = false;
	}
	if (charge > region_charge(size)) {
		budget_give(region->budget, charge - region_charge(size));
		charge = region_charge(size);
	}
	region->charge = charge;
	return 0;
}

int region_fit(struct region *region)
{
	if (region->is_slab && region->len > region->size / 2)
		return 0;
	return resize(region, region->len, region->charge);
}

int region_append(struct region *region, struct region *other)
{
	size_t len = region->len;

	if (!region->budget) {
		*region = *other;
		*other = (struct region){ .data = NULL };
		return 0;
	}

	if (!region->is_slab || len + other->len > region->size) {
		int rc = resize(region, len + other->len,
		                region->charge + other->charge);

		if (rc < 0)
			return rc;
		other->charge = 0;
	}
	memcpy(region->data + len, other->data, other->len);
	region->len += other->len;
	region_clear(other);
	return 0;
}
