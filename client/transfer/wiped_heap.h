/* wiped_heap.h - the C heap, but what is freed is wiped first
 *
 * libcurl keeps copies of URLs (bearer tokens) in places that no option
 * reaches; it is made to use these functions instead of the plain ones.
 */
#pragma once

#include <stddef.h>

void *wiped_heap_malloc(size_t size);
void *wiped_heap_calloc(size_t count, size_t size);
void *wiped_heap_realloc(void *old, size_t size);
char *wiped_heap_strdup(const char *text);
void wiped_heap_free(void *memory);
