#include "client/transfer/wiped_heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *wiped_heap_malloc(size_t size)
{
	return malloc(size);
}

void *wiped_heap_calloc(size_t count, size_t size)
{
	return calloc(count, size);
}

/* realloc() may leave the old contents behind: move by hand. */
void *wiped_heap_realloc(void *old, size_t size)
{
	size_t usable = old ? malloc_usable_size(old) : 0;
	void *moved;

	if (size > 0 && size <= usable && size >= usable / 2)
		return old;
	moved = malloc(size > 0 ? size : 1);
	if (!moved || !old)
		return moved;

	memcpy(moved, old, size < usable ? size : usable);
	wiped_heap_free(old);
	return moved;
}

char *wiped_heap_strdup(const char *text)
{
	return strdup(text);
}

void wiped_heap_free(void *memory)
{
	if (!memory)
		return;
	explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}
