/* short_memory.h - lets the n-th allocation of this process fail
 *
 * Needs the linker's --wrap for malloc, calloc, realloc, reallocarray, strdup
 * and strndup; what a shared library allocates for itself is not counted.
 */
#pragma once

#include <stdbool.h>

/* The n-th allocation from now on fails, the first is 1; each later one too if
 * for_good. */
void short_memory_begin(unsigned n, bool for_good);

/* Memory is plenty again.  True if an allocation has failed. */
bool short_memory_end(void);
