/* locked_memory.h - memory that is never swapped, dumped or forked */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>

struct locked_memory {
	void *at;
	size_t size;
};

/* Zeroed pages.  0 or -errno: -ENOMEM, -EAGAIN or -EPERM where nothing may be
 * locked (RLIMIT_MEMLOCK). */
must_check int locked_memory_map(size_t size, struct locked_memory *ret_memory);

/* Wipes them first. */
void locked_memory_unmap(struct locked_memory *memory);

/* No other process of this user may look into this one, and no core file is
 * written of it.  0 or -errno. */
must_check int locked_memory_hide_process(void);
